"""Whether two answers are alike: text exactly, numbers within a tolerance; and where they part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.checks.common import told
from harness.core.exchange import Answer, Exchange

ABSOLUTE, RELATIVE = 1e-5, 1e-4
"""How far a number may move with the size of its batch: single precision sums in another order stay inside."""

VECTORS = "embedding"
"""The output that holds embeddings."""
SAME = 0.045
"""Distance, as a share of the longer vector's length, within which two vectors are one text's.

A batch pads its texts, and half precision on a GPU then moves a vector by up to about 1 % of its length (single
precision by a millionth). This is a cosine of 0.999 at equal length; vectors of different texts are ten times further.
"""

Vector = Sequence[float]


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


def parting(one: str, other: str) -> int:
    """The place of the first character in which two texts differ; the shorter one's end where it begins the other."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def owner_of(got: Any, answers: Sequence[Any]) -> int | None:
    """Whose answer this is: the first input with the same one, or None."""
    return next((number for number, each in enumerate(answers) if parts_of(each, got) is None), None)


def said(answer: Answer | None) -> Any:
    """What an answer says, to be compared: its text, or its outputs; None when it says nothing.

    Bare numbers beside arrays (times, counters) belong to the request and not to what was asked, so they are left out.
    """
    if answer is None:
        return None
    if answer.text is not None:
        return answer.text or None
    return arrays(answer) or dict(answer.outputs) or None


def arrays(answer: Answer | None) -> dict[str, list[Any]]:
    """The outputs that are lists, by name."""
    outputs = answer.outputs if answer else {}
    return {name: value for name, value in outputs.items() if isinstance(value, list)}


def tensors_of(answer: Answer) -> list[Mapping[str, Any]]:
    """The answered tensors with the datatype and shape that they state; none but in the Open Inference Protocol."""
    listed = answer.value.get("outputs") if isinstance(answer.value, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def uneven(found: Mapping[str, Sequence[Any]], names: Iterable[str], rows: int) -> str | None:
    """Which of the outputs of these names has not one entry for each row, or None."""
    for name in sorted(names):
        if name not in found or len(found[name]) != rows:
            count = len(found[name]) if name in found else "no"
            return f"output {name!r} has {count} entries for a batch of {rows} rows"
    return None


def apart(one: Vector, other: Vector) -> float:
    """The distance of two vectors as a share of the longer one's length; infinite for different dimensions."""
    if len(one) != len(other):
        return math.inf
    longer = max(math.hypot(*one), math.hypot(*other))
    return math.dist(one, other) / longer if longer else 0.0


def parts_of(one: Any, other: Any) -> str | None:
    """How what a second answer says parts from the first: embeddings by more than `SAME`, all else by `difference`."""
    if not (_embeds(one) and _embeds(other)) or len(one[VECTORS]) != len(other[VECTORS]):
        return difference(one, other)
    far = max(map(apart, one[VECTORS], other[VECTORS]), default=0.0)
    return f"a vector is {far:.3g} of its length apart" if far > SAME else None


def _embeds(outputs: Any) -> bool:
    rows = outputs.get(VECTORS) if isinstance(outputs, dict) and len(outputs) == 1 else None
    vectors = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
    return vectors and all(type(number) in (int, float) for row in rows or () for number in row)


def alone(first: Sequence[Exchange], again: Sequence[Exchange]) -> tuple[list[int], str]:
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
        same = f"all {len(answers)} inputs, asked alone, have the same answer: nothing tells whose an answer is"
        return [], f"{same} (a [data] file brings inputs of your own, which should be answered differently)"
    return kept, ""
