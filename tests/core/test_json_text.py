"""JSON from a hostile peer: what is accepted is what the standard library reads, within a bounded depth."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import ProtocolError
from harness.core.json_text import MAX_DEPTH, find_depth, parse_json, parse_or_keep


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"[1,]", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"[" * 65 + b"]" * 65, b"1" * 5000]
)
def test_text_that_is_not_valid_json(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_json(body)


@pytest.mark.parametrize("text", ["{", "", "NaN", "[" * 100_000, "\ud800"])
def test_a_text_that_is_no_json_is_kept(text: str) -> None:
    assert parse_or_keep(text) == text
    assert parse_or_keep('{"city": "Oslo"}') == parse_or_keep('{ "city":"Oslo" }') == {"city": "Oslo"}


def test_json_depth_is_linear_and_blind_to_strings() -> None:
    assert find_depth(b'{"a": "[[[[", "b": ["\\"[["]}') == 2
    assert find_depth(b"[" * 1_000_000) == 1_000_000
    assert find_depth(b'"' + b"[" * 100) == 0
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_json_is_what_the_standard_library_reads(value: object) -> None:
    body = json.dumps(value).encode()
    if find_depth(body) <= 64:
        assert parse_json(body) == value


@given(st.binary(max_size=60))
def test_json_raises_nothing_else(body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        parse_json(body)


PIECES = st.sampled_from(
    [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        '"',
        "\\",
        '"a"',
        "1",
        "-0.5e3",
        "true",
        "null",
        " ",
        "\\u0041",
        '"\\ud800"',
        "é",
        "NaN",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_accepted_is_what_the_standard_library_reads(text: str) -> None:
    try:
        value = parse_json(text.encode())
    except ProtocolError:
        return
    assert value == json.loads(text)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_refused_is_no_json_or_has_bare_constants(text: str) -> None:
    try:
        json.loads(text, parse_constant=lambda name: pytest.fail("a constant"))
    except (ValueError, RecursionError, pytest.fail.Exception):
        with pytest.raises(ProtocolError):
            parse_json(text.encode())
    else:
        parse_json(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 10**6,
        b"]" * 10**6 + b"[" * 10**6,
        b'{"a":' * 10**6,
        b'"' * 10**6,
        b'"' + b"\\" * 10**6,
        b'["' + b"\\" * (10**6 + 1) + b'"]',
        b'[["' + b"[" * 10**6,
        (b'"' + b"[" * 50) * 10**4,
    ],
    ids=range(8),
)
def test_a_megabyte_of_brackets_quotes_or_backslashes_is_refused_without_a_crash(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_json(text)


def test_the_deepest_text_that_is_read() -> None:
    assert find_depth(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) == MAX_DEPTH
    parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(ProtocolError, match=f"{MAX_DEPTH + 1} levels deep"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    wide = b"[" + b"[1]," * 10_000 + b"[1]]"
    assert find_depth(wide) == 2
    assert len(parse_json(wide)) == 10_001


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "not JSON"),
        (b"[1, NaN]", "bare NaN"),
        (b"-Infinity", "bare -Infinity"),
        (b'"\xff"', "not UTF-8"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        (b"<html>", "at character 0"),
    ],
)
def test_the_refusal_says_why(body: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        parse_json(body)
