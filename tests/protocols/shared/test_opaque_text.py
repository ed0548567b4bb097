from __future__ import annotations

import base64
from typing import Any

import pytest

from harness.protocols.shared.opaque_text import find_sentence, is_opaque_text
from harness.protocols.shared.sample_making import PICTURE


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "value",
    [
        PICTURE,
        encode(b"\xff\xd8\xff\xe0" + b"\x00" * 20),
        encode(b"RIFF\x24\x08\x00\x00WAVEfmt "),
        f"data:image/png;base64,{PICTURE}",
        "https://example.org/cat.png",
    ],
)
def test_a_file_or_an_address_is_no_text(value: str) -> None:
    assert is_opaque_text(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "hello", "I love this wonderful product, it is excellent.", "see https://example.org/cat.png for a cat"),
        *("aaaaaaaaaaaaaaaaaaaaaaaa", encode(b"a plain sentence in base64"), "BM is a bookmaker of note", PICTURE[:8]),
        *(5, None, [PICTURE], {"image": PICTURE}, "größe " * 10),
    ],
)
def test_anything_else_is(value: Any) -> None:
    assert not is_opaque_text(value)


def test_the_longest_text_of_several_words_is_the_sentence() -> None:
    place = find_sentence({"question": "Who wrote this book?", "context": "It was written by a young man.", "n": 5})
    assert place == ("context",)
    assert find_sentence("I love this film very much") == ()
    assert find_sentence(["one two three", "https://example.org/a b", "x" * 300, 5, None]) is None
    assert find_sentence([[1.0, 2.0]]) is None
