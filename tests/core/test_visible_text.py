from __future__ import annotations

import pytest

from harness.core.replay import shorten_body
from harness.core.visible_text import cut_text, fold_line, make_encodable, make_visible


def test_controls_become_pictures() -> None:
    assert make_visible("a\x00b\x1b[31mc\x7f") == "a␀b␛[31mc␡"


def test_overrides_and_surrogates_become_numbers() -> None:
    assert make_visible("\u202egnp\ud800\ufffe\u200b") == "⟨U+202E⟩gnp⟨U+D800⟩⟨U+FFFE⟩⟨U+200B⟩"


def test_ordinary_text_of_every_script_is_left_alone() -> None:
    text = "naïve 日本語 עברית 👩‍💻 a\tb\nc"
    assert make_visible(text) == text


def test_what_is_cut_is_counted() -> None:
    assert make_visible("x" * 1_500, 100) == "x" * 100 + "… [+1,400 characters]"
    assert fold_line("x" * 1_000_000, 10) == "xxxxxxxxxx… [+999,990 characters]"
    assert make_visible("x" * 100, 100) == "x" * 100


@pytest.mark.parametrize("extra", [*range(1, 40), 400, 10_000])
def test_a_shortening_saves_more_than_it_adds(extra: int) -> None:
    text = "x" * (100 + extra)
    body = shorten_body(text.encode(), 100)
    for shown in (make_visible(text, 100), fold_line(text, 100), cut_text(text, 100), body):
        assert shown == text or (len(shown) < len(text) and shown.startswith("x" * 100))
    assert body != text or extra < 30
    assert (make_visible(text, 100) == text) is (extra <= len("… [+20 characters]"))


@pytest.mark.parametrize(
    "text", ["a word and " * 40, '{"rate": 0.0112, ' * 40, "/v1/models/name" * 40, "一行の文" * 200]
)
@pytest.mark.parametrize("limit", [50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60])
def test_no_word_is_cut_in_its_middle(text: str, limit: int) -> None:
    for shown in (make_visible(text, limit), fold_line(text, limit), cut_text(text, limit)):
        start = shown.partition("…")[0]
        assert limit - 14 <= len(start) <= limit
        rest = text.removeprefix(start)
        assert rest != text
        assert not (start[-1].isascii() and start[-1].isalnum() and rest[0].isalnum()), start


def test_white_space_that_is_folded_is_not_cut() -> None:
    assert fold_line("a" + " " * 510 + "b", 100) == "a b"


def test_a_line_is_one_line() -> None:
    assert fold_line("a\r\n  b\u2028c\t d") == "a b c d"


def test_only_lone_surrogates_are_rewritten() -> None:
    assert make_encodable("a\udc80\u202e") == "a\\udc80\u202e"
