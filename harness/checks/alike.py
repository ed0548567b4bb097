"""Whether two answers are alike: text exactly, numbers within a tolerance; and where they part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.checks.common import told
from harness.core.exchange import Answer, Exchange

ABSOLUTE, RELATIVE = 1e-5, 1e-4
"""How far a number may move with the size of its batch: single precision sums in another order stay inside."""


def difference(
    expected: Any, got: Any, *, absolute: float = ABSOLUTE, relative: float = RELATIVE, at: str = ""
) -> str | None:
    """Where and how `got` parts from `expected` (nested lists and objects of numbers and text), or None.

    A number may differ by `absolute + relative * |expected|`; whole numbers, being labels, by nothing.
    """
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return f"{at or 'it'} has {len(got)} elements, expected {len(expected)}"
        pairs = ((f"{at}[{index}]", one, other) for index, (one, other) in enumerate(zip(expected, got, strict=True)))
    elif isinstance(expected, Mapping) and isinstance(got, Mapping):
        if expected.keys() != got.keys():
            return f"{at or 'it'} has {', '.join(map(str, got))}, expected {', '.join(map(str, expected))}"
        pairs = ((f"{at}.{name}".lstrip("."), one, got[name]) for name, one in expected.items())
    else:
        return (
            None if _same(expected, got, absolute, relative) else f"{at or 'it'} is {got!r:.60}, not {expected!r:.60}"
        )
    found = (difference(one, other, absolute=absolute, relative=relative, at=place) for place, one, other in pairs)
    return next((each for each in found if each), None)


def _same(expected: Any, got: Any, absolute: float, relative: float) -> bool:
    if type(expected) not in (int, float) or type(got) not in (int, float):
        return type(expected) is type(got) and bool(expected == got)
    if (type(expected) is int and type(got) is int) or not (math.isfinite(expected) and math.isfinite(got)):
        return bool(expected == got)
    return bool(abs(got - expected) <= absolute + relative * abs(expected))


def said(answer: Answer | None) -> Any:
    """What an answer says, to be compared: its text, or its outputs; None when it says nothing.

    Bare numbers beside arrays (times, counters) belong to the request and not to what was asked, so they are left out.
    """
    if answer is None:
        return None
    if answer.text is not None:
        return answer.text or None
    arrays = {name: value for name, value in answer.outputs.items() if isinstance(value, list)}
    return arrays or dict(answer.outputs) or None


Parts = Callable[[Any, Any], str | None]
"""Says where and how the second answer parts from the first, or None."""


def alone(first: Sequence[Exchange], again: Sequence[Exchange], parts_of: Parts = difference) -> tuple[list[int], str]:
    """Inputs whose solo answers tell them apart, as indices of the first of each kind; and why not, if they do not.

    Each input was asked alone twice: answers that are not repeatable, or all the same, bind nothing to its request.
    """
    for number, exchange in enumerate((*first, *again)):
        if said(exchange.answer) is None or not exchange.ok:
            return [], f"input {number % len(first)}, asked alone, has no answer to compare with: {told(exchange)}"
    answers = [said(exchange.answer) for exchange in first]
    for number, (one, other) in enumerate(zip(answers, (said(exchange.answer) for exchange in again), strict=True)):
        if parts := parts_of(one, other):
            return [], f"the service does not repeat itself: input {number}, asked alone twice: {parts}"
    kept: list[int] = []
    for number, one in enumerate(answers):
        if all(parts_of(answers[other], one) for other in kept):
            kept.append(number)
    if len(kept) < 2:
        return [], f"all {len(answers)} inputs, asked alone, have the same answer: nothing tells whose an answer is"
    return kept, ""
