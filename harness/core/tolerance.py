"""Tolerance: how far the numbers of an answer may be from the expected ones, by datatype, and how they differ.

Tested in tests/core/test_tolerance.py.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_DEFAULT = 1e-6
"""Absolute and relative, where the service states no datatype."""
_BY_DATATYPE = {
    "FP16": (1e-5, 1e-3),
    "BF16": (1e-5, 1.6e-2),
    "FP32": (1e-5, 1.3e-6),
    "FP64": (1e-7, 1e-7),
}
"""Absolute and relative tolerance of a stated datatype: those of `torch.testing.assert_close`."""
_FORMS = {"FP16": ("<e", "<H", 16), "BF16": ("<f", "<I", 32), "FP32": ("<f", "<I", 32), "FP64": ("<d", "<Q", 64)}
"""How struct packs a float and reads its bits, and how many there are; BF16 is the upper half of FP32."""
_LARGEST = {"FP16": 65504.0, "FP32": 3.4028234663852886e38}
_MOST_EXACT = 2**53
"""Whole numbers beyond it are not all doubles."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is allowed between two numbers, or two vectors of them.

    A number is right within `absolute + relative * |expected|`, or within `ulp` units in the last place of its
    datatype (FP32 where none is stated). `cosine`: a list of numbers is right as a whole, if its cosine similarity to
    the expected one is at least this. None: not given; without any of them the datatype decides.
    """

    absolute: float | None = None
    relative: float | None = None
    ulp: int | None = None
    cosine: float | None = None

    def describe(self) -> str:
        """The tolerance in words."""
        parts = []
        if self.absolute is not None or self.relative is not None:
            parts.append(f"{self.absolute or 0:g} + {self.relative or 0:g} of the number")
        if self.ulp is not None:
            parts.append(f"{self.ulp} ulp")
        if self.cosine is not None:
            parts.append(f"vectors with a cosine of {self.cosine:g}")
        return " or ".join(parts) or f"the tolerance of their datatype ({_DEFAULT:g} where none is stated)"

    def allows(self, expected: float, actual: float, datatype: str) -> bool:
        """Whether the number is right. Whole numbers beyond 2^53, and of a whole datatype, must be equal."""
        if isinstance(expected, int) and (abs(expected) > _MOST_EXACT or "INT" in datatype):
            return expected == actual
        if not (math.isfinite(expected) and math.isfinite(actual)):
            return expected == actual
        if type(expected) is int and type(actual) is int:
            return expected == actual
        absolute, relative = self.absolute, self.relative
        if absolute is None and relative is None and self.ulp is None:
            absolute, relative = _BY_DATATYPE.get(datatype, (_DEFAULT, _DEFAULT))
        if abs(actual - expected) <= (absolute or 0.0) + (relative or 0.0) * abs(expected):
            return True
        return self.ulp is not None and count_ulps(expected, actual, datatype) <= self.ulp


@dataclass(slots=True)
class Deviations:
    """How the numbers that were compared differ: how many there are, how many differ by too much, and the worst ones.

    `cosine` is the smallest cosine similarity of two lists of numbers.
    """

    numbers: int = 0
    wrong: int = 0
    largest: float = 0.0
    ulps: float = 0.0
    cosine: float = 1.0

    def add_vector(self, expected: Sequence[float], actual: Sequence[float], cosine: float) -> None:
        """Count two lists of numbers that were compared as a whole."""
        self.numbers += len(expected)
        self.cosine = min(self.cosine, cosine)
        self.largest = max(self.largest, *(abs(a - b) for a, b in zip(expected, actual, strict=True)))

    def describe(self) -> str:
        """The worst of them, in words; empty where no numbers were compared."""
        if not self.numbers:
            return ""
        ulps = "" if math.isinf(self.ulps) else f", {self.ulps:.3g} ulp"
        cosine = f", smallest cosine {self.cosine:.6g}" if self.cosine < 1 else ""
        return (
            f"of {self.numbers} numbers {self.wrong} differ; the largest difference is {self.largest:.3g}{ulps}{cosine}"
        )


def count_ulps(one: float, other: float, datatype: str) -> float:
    """How many numbers of the datatype lie between two, the second included; infinite where one is not in its range."""
    form, bits_form, width = _FORMS.get(datatype, _FORMS["FP32"])
    places = []
    for number in (one, other):
        try:
            (bits,) = struct.unpack(bits_form, struct.pack(form, number))
        except OverflowError:
            return math.inf
        sign = 1 << (width - 1)
        place = bits if bits < sign else sign - bits
        places.append(place / 65536 if datatype == "BF16" else place)
    return float(abs(places[0] - places[1]))


def compute_cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors of one length; 1 for two zero vectors, 0 where one of them is."""
    lengths = math.hypot(*one) * math.hypot(*other)
    if not lengths:
        return float(list(one) == list(other))
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(one, other, strict=True)) / lengths))


def find_deviation(
    expected: Any,
    actual: Any,
    tolerance: Tolerance,
    deviations: Deviations,
    *,
    at: str = "the answer",
    datatypes: Mapping[str, str] | None = None,
) -> str | None:
    """The first place where `actual` is not as expected (nested lists and objects of numbers and text), and how.

    None where it is. All numbers are compared and counted in `deviations`. `datatypes` are those that the service
    states, by the name of the output; the empty name is that of an output without a name.
    """
    walk = _Walk(tolerance, deviations, datatypes or {})
    return next(filter(None, list(walk.compare(expected, actual, at, walk.datatypes.get("", "")))), None)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Yields what is wrong at each place of nested values, or an empty text."""

    tolerance: Tolerance
    deviations: Deviations
    datatypes: Mapping[str, str]

    def compare(self, expected: Any, actual: Any, at: str, dtype: str) -> Iterator[str]:
        if isinstance(expected, Mapping) and isinstance(actual, Mapping):
            if expected.keys() != actual.keys():
                yield f"{at} has {', '.join(map(str, actual))}, expected {', '.join(map(str, expected))}"
                return
            for name, value in expected.items():
                yield from self.compare(value, actual[name], f"{at}.{name}", self.datatypes.get(name, dtype))
        elif isinstance(expected, list) and isinstance(actual, list):
            yield from self._compare_lists(expected, actual, at, dtype)
        elif _is_number(expected) and _is_number(actual):
            yield _compare_numbers(expected, actual, self.tolerance, self.deviations, at, dtype)
        elif type(expected) is not type(actual) or expected != actual:
            yield _describe_other(expected, actual, at)

    def _compare_lists(self, expected: list[Any], actual: list[Any], at: str, dtype: str) -> Iterator[str]:
        least = self.tolerance.cosine
        if len(expected) != len(actual):
            yield f"{at} has {len(actual)} elements, expected {len(expected)}"
        elif least is not None and _is_vector(expected) and _is_vector(actual):
            cosine = compute_cosine(expected, actual)
            self.deviations.add_vector(expected, actual, cosine)
            if cosine < least:
                yield f"{at} has a cosine of {cosine:.6g} to the expected vector, under {least:g}"
        else:
            for place, (one, other) in enumerate(zip(expected, actual, strict=True)):
                yield from self.compare(one, other, f"{at}[{place}]", dtype)


def _compare_numbers(
    expected: float, actual: float, tolerance: Tolerance, deviations: Deviations, at: str, dtype: str
) -> str:
    deviations.numbers += 1
    if math.isfinite(expected) and math.isfinite(actual):
        deviations.largest = max(deviations.largest, abs(actual - expected))
        if type(expected) is float and "INT" not in dtype:
            deviations.ulps = max(deviations.ulps, count_ulps(expected, actual, dtype))
    if tolerance.allows(expected, actual, dtype):
        return ""
    deviations.wrong += 1
    problem = f"{at} is {actual!r:.60}, not {expected!r:.60}"
    if isinstance(expected, int) and abs(expected) > _MOST_EXACT and actual == float(expected):
        return f"{problem}: a whole number of 64 bits that was made a double, which has only 53"
    return problem


def _describe_other(expected: Any, actual: Any, at: str) -> str:
    if actual is None and _is_number(expected):
        why = "JSON has no NaN and no infinity, and some writers put null in their place"
        for datatype, largest in _LARGEST.items():
            if largest < abs(expected):
                why = (
                    f"over {largest:.6g}, the largest number of {datatype}, it overflows to infinity, which JSON lacks"
                )
        return f"{at} is null, not {expected!r:.60}: {why}"
    if isinstance(expected, str) and isinstance(actual, str):
        return describe_text_difference(expected, actual, at)
    return f"{at} is {actual!r:.60}, not {expected!r:.60}"


_LONG_START, _SHOWN_BEFORE, _SHOWN = 20, 12, 48
"""Characters that two texts share from which on the place where they part is shown, and what is shown of it."""


def describe_text_difference(expected: str, actual: str, at: str) -> str:
    """How two texts differ; of long ones the place where they part, and what is there."""
    common = 0
    for one, other in zip(expected, actual, strict=False):
        if one != other:
            break
        common += 1
    if common <= _LONG_START:
        return f"{at} is {actual!r:.60}, not {expected!r:.60}"
    start = common - _SHOWN_BEFORE
    shown, wanted = (repr(text[start : start + _SHOWN]) for text in (actual, expected))
    return f"{at} differs from character {common + 1} on: ...{shown} and not ...{wanted}"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_vector(value: Sequence[Any]) -> bool:
    return len(value) > 1 and all(map(_is_number, value)) and all(map(math.isfinite, value))
