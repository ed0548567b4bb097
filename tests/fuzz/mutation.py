"""Wrong answers in number: recorded ones with bytes, numbers, keys and lines changed at random, from a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

WORDS = (
    b"null", b"true", b"[]", b"{}", b'""', b"NaN", b"-Infinity", b"1e999", b"-0", b"18446744073709551616", b"0.1",
    b'"\\ud800"', b'"\\u0000"', b"\xff", b"\xef\xbb\xbf", b"data: ", b"event: error\n", b"\n\n", b"\r", b"[DONE]",
    b'{"error":', b"[" * 200, b"9" * 400, b'"index":-1', b'"index":999999999', b'"shape":[999999,999999]',
)  # fmt: skip
"""What is put in: values that JSON, or a protocol, has at its edges."""

LONGEST = 20_000
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_VALUE = re.compile(rb'(?<=:)\s*("[^"]*"|-?[\d.]+|null|true|false|\[\]|\{\})')
_KEY = re.compile(rb'"[a-z_]+"(?=\s*:)')


def mutate_seeds(seeds: Sequence[bytes], number: int, seed: int) -> Iterator[bytes]:
    """`number` mutations of the seeds, the same for the same seed; each is one to four changes away from a seed."""
    chosen = random.Random(seed)
    for _ in range(number):
        data = chosen.choice(seeds)
        for _ in range(chosen.randint(1, 4)):
            data = chosen.choice(_CHANGES)(data, chosen, seeds)
        yield data[:LONGEST]


def pieces(data: bytes, chosen: random.Random) -> list[bytes]:
    """The data cut into a few pieces anywhere."""
    cuts = sorted(chosen.randrange(len(data) + 1) for _ in range(chosen.randint(0, 5)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _flip(data: bytes, chosen: random.Random, seeds: Sequence[bytes]) -> bytes:
    at = chosen.randrange(len(data) or 1)
    return data[:at] + bytes([chosen.randrange(256)]) + data[at + 1 :]


def _drop(data: bytes, chosen: random.Random, seeds: Sequence[bytes]) -> bytes:
    at, size = chosen.randrange(len(data) or 1), chosen.choice((1, 2, 10, 1000))
    return data[:at] + data[at + size :]


def _insert(data: bytes, chosen: random.Random, seeds: Sequence[bytes]) -> bytes:
    at = chosen.randrange(len(data) + 1)
    return data[:at] + chosen.choice(WORDS) + data[at:]


def _repeat(data: bytes, chosen: random.Random, seeds: Sequence[bytes]) -> bytes:
    at = chosen.randrange(len(data) + 1)
    part = data[at : at + chosen.choice((5, 50, 500))]
    return data[:at] + part * chosen.choice((2, 3, 30)) + data[at:]


def _splice(data: bytes, chosen: random.Random, seeds: Sequence[bytes]) -> bytes:
    other = chosen.choice(seeds)
    return data[: chosen.randrange(len(data) + 1)] + other[chosen.randrange(len(other) + 1) :]


def _replace(pattern: re.Pattern[bytes]) -> Callable[[bytes, random.Random, Sequence[bytes]], bytes]:
    def change(data: bytes, chosen: random.Random, seeds: Sequence[bytes]) -> bytes:
        matches = list(pattern.finditer(data))
        if not matches:
            return data
        one = chosen.choice(matches)
        put = chosen.choice(matches)[0] if chosen.random() < 0.5 else chosen.choice(WORDS)
        return data[: one.start()] + put + data[one.end() :]

    return change


_CHANGES = (
    _flip,
    _drop,
    _insert,
    _repeat,
    _splice,
    _replace(_NUMBER),
    _replace(_VALUE),
    _replace(_VALUE),
    _replace(_KEY),
)
