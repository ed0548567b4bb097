from __future__ import annotations

from harness.core.visible_text import fold_line, make_encodable, make_visible


def test_controls_become_pictures() -> None:
    assert make_visible("a\x00b\x1b[31mc\x7f") == "a␀b␛[31mc␡"


def test_overrides_and_surrogates_become_numbers() -> None:
    assert make_visible("\u202egnp\ud800\ufffe\u200b") == "⟨U+202E⟩gnp⟨U+D800⟩⟨U+FFFE⟩⟨U+200B⟩"


def test_ordinary_text_of_every_script_is_left_alone() -> None:
    said = "naïve 日本語 עברית 👩‍💻 a\tb\nc"
    assert make_visible(said) == said


def test_what_is_cut_is_counted() -> None:
    assert make_visible("x" * 1_500, 100) == "x" * 100 + "… [+1,400 characters]"
    assert fold_line("x" * 1_000_000, 10) == "xxxxxxxxxx… [+999,990 characters]"
    assert make_visible("x" * 100, 100) == "x" * 100


def test_a_line_is_one_line() -> None:
    assert fold_line("a\r\n  b\u2028c\t d") == "a b c d"


def test_only_lone_surrogates_are_rewritten() -> None:
    assert make_encodable("a\udc80\u202e") == "a\\udc80\u202e"
