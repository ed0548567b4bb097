"""The last number in the answer is the reference, within the tolerance."""

from __future__ import annotations

import math
import re
from typing import Any

from harness.core.evaluation import GradingCase, GradingRules, list_references

_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:[,_   ]\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?")


class _Numeric:
    name = "numeric"
    title = "the last number in the answer is the reference, within the tolerance"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        if not list_references(reference):
            return "the list of references is empty: no answer could be right"
        for choice in list_references(reference):
            if _read_reference(choice) is None:
                return f"the reference must be a finite number, got {choice!r:.60}"
        return ""

    def grade(self, case: GradingCase) -> str:
        number = read_last_number(case.answer)
        if number is None:
            return "there is no number in it"
        for choice in list_references(case.reference):
            wanted = _read_reference(choice)
            assert wanted is not None
            allowed = max(case.rules.tolerance, case.rules.relative_tolerance * abs(wanted))
            if abs(number - wanted) <= allowed * (1 + 1e-9):
                return ""
        wanted_text = " or ".join(map(str, list_references(case.reference)[:3]))
        return f"its last number is {number:.12g}, not {wanted_text}"


def _read_reference(value: Any) -> float | None:
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        return _parse(match[0]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 and math.isfinite(value) else None


def read_last_number(text: str) -> float | None:
    """The last number that the text holds, with separators of thousands or without; None: it holds none."""
    last = None
    for match in _NUMBER.finditer(text):
        number = _parse(match[0])
        last = last if number is None else number
    return last


def _parse(digits: str) -> float | None:
    try:
        number = float(re.sub("[,_   ]", "", digits).replace("−", "-"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


GRADER = _Numeric()
