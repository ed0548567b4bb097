"""Whether two answers agree: text exactly, numbers and embeddings within a tolerance; and where they differ.

Tested in tests/suites/integration/test_batch_and_concurrent.py.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from harness.core.exchange import Answer
from harness.core.tolerance import describe_text_difference

_ABSOLUTE, _RELATIVE = 1e-5, 1e-4
"""How much a number may change with the size of its batch: sums in single precision, in another order, change less."""

EMBEDDING_OUTPUT = "embedding"
SAME_VECTOR_DISTANCE = 0.045
"""Two vectors count as the same if their distance is at most this share of the longer one's length.

A batch pads its texts, and half precision on a GPU then moves a vector by up to about 1 % of its length (single
precision by a millionth). This is a cosine of 0.999 at equal length; vectors of different texts are ten times further
apart.
"""

Vector = Sequence[float]


def find_difference(
    expected: Any, actual: Any, *, absolute: float = _ABSOLUTE, relative: float = _RELATIVE, at: str = ""
) -> str | None:
    """Where and how `actual` differs from `expected` (nested lists and objects of numbers and text), or None.

    A fraction may differ by `absolute + relative * |expected|`; whole numbers are labels and must be equal.
    """
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return f"{at or 'it'} has {len(actual)} elements, expected {len(expected)}"
        pairs = ((f"{at}[{index}]", *pair) for index, pair in enumerate(zip(expected, actual, strict=True)))
    elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
        if expected.keys() != actual.keys():
            return f"{at or 'it'} has {', '.join(map(str, actual))}, expected {', '.join(map(str, expected))}"
        pairs = ((f"{at}.{name}".lstrip("."), value, actual[name]) for name, value in expected.items())
    elif _is_same(expected, actual, absolute, relative):
        return None
    else:
        if isinstance(expected, str) and isinstance(actual, str):
            return describe_text_difference(expected, actual, at or "it")
        return f"{at or 'it'} is {actual!r:.60}, not {expected!r:.60}"
    for place, one, other in pairs:
        if difference := find_difference(one, other, absolute=absolute, relative=relative, at=place):
            return difference
    return None


def _is_same(expected: Any, actual: Any, absolute: float, relative: float) -> bool:
    if type(expected) not in (int, float) or type(actual) not in (int, float):
        return type(expected) is type(actual) and bool(expected == actual)
    if (type(expected) is int and type(actual) is int) or not (math.isfinite(expected) and math.isfinite(actual)):
        return bool(expected == actual)
    return bool(abs(actual - expected) <= absolute + relative * abs(expected))


def compare_contents(one: Any, other: Any) -> str | None:
    """How the contents of two answers differ, or None: embeddings by their distance, everything else by value."""
    if not (_is_embedding(one) and _is_embedding(other)) or len(one[EMBEDDING_OUTPUT]) != len(other[EMBEDDING_OUTPUT]):
        return find_difference(one, other)
    distance = max(map(measure_distance, one[EMBEDDING_OUTPUT], other[EMBEDDING_OUTPUT]), default=0.0)
    if distance > SAME_VECTOR_DISTANCE:
        return f"the vectors differ by {distance:.3g} of their length"
    return None


def _is_embedding(content: Any) -> bool:
    rows = content.get(EMBEDDING_OUTPUT) if isinstance(content, dict) and len(content) == 1 else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return False
    return all(type(number) in (int, float) for row in rows for number in row)


def measure_distance(one: Vector, other: Vector) -> float:
    """The distance of two vectors as a share of the longer one's length; infinite for different dimensions."""
    if len(one) != len(other):
        return math.inf
    longer = max(math.hypot(*one), math.hypot(*other))
    return math.dist(one, other) / longer if longer else 0.0


def find_owner(content: Any, contents: Sequence[Any]) -> int | None:
    """The number of the first input whose own answer this is, or None."""
    for number, own in enumerate(contents):
        if compare_contents(own, content) is None:
            return number
    return None


def extract_tensors(answer: Answer) -> list[Mapping[str, Any]]:
    """The tensors of an answer, with their datatypes and shapes; only the Open Inference Protocol has tensors."""
    tensors = answer.value.get("outputs") if isinstance(answer.value, dict) else None
    return [tensor for tensor in tensors if isinstance(tensor, dict)] if isinstance(tensors, list) else []


def find_row_mismatch(outputs: Mapping[str, Sequence[Any]], names: Iterable[str], rows: int) -> str | None:
    """The first of these outputs that does not have one entry for each row, or None."""
    for name in sorted(names):
        if name not in outputs:
            return f"output {name!r} is missing from the answer to a batch of {rows} rows"
        if len(outputs[name]) != rows:
            return f"output {name!r} has {len(outputs[name])} entries for a batch of {rows} rows"
    return None


def select_row_outputs(
    alone: Mapping[str, Sequence[Any]],
    batched: Mapping[str, Sequence[Any]],
    rows: int,
    outside: Collection[str] | None = None,
) -> set[str]:
    """The outputs that are a part of each row: alone they have one entry, and in a batch they should have one a row.

    `outside` are the outputs that are announced to belong to the request; None: nothing is announced, and an output
    that stays at one entry belongs to the request if another grows with the rows.
    """
    names = {name for name, entries in alone.items() if len(entries) == 1}
    grown = {name for name in names if len(batched.get(name, ())) == rows}
    if outside is None:
        outside = {name for name in names if grown and len(batched.get(name, ())) == 1}
    return names - (set(outside) - grown)
