"""How a text differs from the right one, as where a service switches over in the middle of an answer. Pure.

Tested in tests/chaos/test_seam.py.
"""

from __future__ import annotations

_BEGINNING, _RECOGNISED, _SHOWN = 12, 4, 40
"""Characters by which a text is recognised to begin again, or to go on at another place, and the longest piece that is
looked for and shown."""


def describe_seam(expected: str, actual: str) -> str:
    """Name the difference of two texts: an end or a piece that is missing, a piece that came twice, a new beginning."""
    if not actual.strip():
        return "it is empty"
    start = _count_common(expected, actual)
    if start == len(actual):
        return f"its end is missing: it has {start} of {len(expected)} characters"
    if again := _find_new_beginning(expected, actual, start):
        return f"it begins again from the start after {again} characters"
    end = _count_common(expected[start:][::-1], actual[start:][::-1])
    surplus = len(actual) - len(expected)
    if surplus > 0 and start + end == len(expected):
        piece = actual[start : start + surplus]
        if expected[:start].endswith(piece) or expected[start:].startswith(piece):
            return f"a piece of it came twice: {_show(piece)}"
        return f"it holds a piece that does not belong to it: {_show(piece)}"
    if surplus < 0 and start + end == len(actual):
        return f"a piece of it is missing: {_show(expected[start : start - surplus])}"
    return f"from character {start} on it is {_show(actual[start:])}, not {_show(expected[start:])}"


def describe_cut_seam(expected: str, actual: str) -> str:
    """As `describe_seam`, for a text that broke off: it goes on too early, and a piece came twice, or too late."""
    start = _count_common(expected, actual)
    rest = actual[start:]
    if len(rest) >= _RECOGNISED and not _find_new_beginning(expected, actual, start):
        for size in range(1, _SHOWN):
            if size <= start and expected.startswith(rest, start - size):
                return f"a piece of it came twice: {_show(expected[start - size : start])}"
            if expected.startswith(rest, start + size):
                return f"a piece of it is missing: {_show(expected[start : start + size])}"
    return describe_seam(expected[: len(actual)], actual)


def _count_common(one: str, other: str) -> int:
    """The characters with which both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _find_new_beginning(expected: str, actual: str, start: int) -> int:
    """After how many characters the text begins again; 0 where it does not."""
    beginning = expected[:_BEGINNING]
    if len(beginning) < _BEGINNING:
        return 0
    place = actual.find(beginning, 1)
    while place != -1 and place <= start:
        if not expected.startswith(beginning, place):
            return place
        place = actual.find(beginning, place + 1)
    return 0


def _show(piece: str) -> str:
    return repr(piece) if len(piece) <= _SHOWN else f"{piece[:_SHOWN]!r}..."
