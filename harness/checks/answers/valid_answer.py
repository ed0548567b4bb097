"""One valid answer: decodable, complete, finite, and with probabilities between 0 and 1 that sum to 1."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from harness.checks.common import Show, judge, judge_aspects, judge_case
from harness.checks.generation.thinking import judge_text_present
from harness.core.exchange import Answer, Exchange
from harness.core.json_path import list_leaves
from harness.core.verdict import Verdict, judge_contract

_SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may sum from 1: single precision over thousands of classes stays well inside."""

_ASPECTS = ("success", "content", "finite numbers", "probabilities")


@judge
def judge_answer(
    exchange: Exchange, show: Show, *, probabilities: str | None = None, again: Sequence[Exchange] = ()
) -> Verdict:
    """A success whose body is a valid answer of its protocol, and not empty.

    `again` has repeats of a request whose text was empty. `probabilities` names the output whose rows must be
    probabilities, or which is a single one; None: the rows of every output whose name begins with `prob`.
    """
    answer = exchange.answer
    if not exchange.ok or answer is None:
        problem = {"success": f"no valid answer: {exchange.outcome}"}
        return judge_aspects(exchange, problem, ("success",), "", show)
    problems = {
        "content": _find_empty_output(answer),
        "finite numbers": find_non_finite_output(answer) or find_null_among_numbers(answer),
        "probabilities": _find_bad_probabilities(answer, probabilities),
    }
    cases = [judge_case(aspect, exchange, problems.get(aspect), show) for aspect in _ASPECTS]
    cases.append(judge_text_present("text", (exchange, *again), show))
    return judge_contract(cases, _describe_answer(answer), distinct=1)


def _describe_answer(answer: Answer) -> str:
    if answer.text is not None:
        return f"a complete answer of {len(answer.text)} characters, finish reason {answer.finish_reason!r}"
    numbers = sum(1 for value in answer.outputs.values() for _ in _walk_numbers(value))
    outputs = ", ".join(sorted(answer.outputs)) or "a value"
    return f"a complete answer with {outputs}; {f'{numbers} numbers, all finite' if numbers else 'no number in it'}"


_MAY_BE_EMPTY = ("error", "errors", "warnings")
"""Members by which a service says that nothing went wrong."""


def _find_empty_output(answer: Answer) -> str | None:
    if answer.text is not None:
        return None
    outputs = {name: value for name, value in answer.outputs.items() if name not in _MAY_BE_EMPTY or value}
    if not outputs:
        return "the answer holds no output"
    for name, value in outputs.items():
        if value == [] or value is None:
            return f"output {name!r} is empty"
    return None


def find_non_finite_output(answer: Answer) -> str | None:
    """The first number in the outputs that is not finite, with its place, or None."""
    for name, value in answer.outputs.items():
        for path, number in _walk_numbers(value):
            if not math.isfinite(number):
                return f"output {name}{path} is {number}"
    return None


def find_null_among_numbers(answer: Answer) -> str | None:
    """The first null in a list of numbers, with its place, or None: JSON has no other word for a NaN."""
    for name, value in answer.outputs.items():
        for path, row in _walk_rows(value):
            if None in row and not {int, float}.isdisjoint(map(type, row)):
                return f"output {name}{path}[{row.index(None)}] is null among numbers (NaN is often sent so)"
    return None


def find_number_outputs(answer: Answer) -> frozenset[str]:
    """The outputs in which every value is a number."""
    names = []
    for name, value in answer.outputs.items():
        kinds = set(map(type, list_leaves(value)))
        if kinds and kinds <= {int, float}:
            names.append(name)
    return frozenset(names)


def _find_bad_probabilities(answer: Answer, name: str | None) -> str | None:
    if name is not None and name not in answer.outputs:
        return f"no output {name!r}; there are: {', '.join(sorted(answer.outputs)) or 'none'}"
    if name is not None and not isinstance(answer.outputs[name], list):
        return _find_bad_probability(name, answer.outputs[name])
    names = [name] if name else [output for output in answer.outputs if output.lower().startswith("prob")]
    for output in names:
        for path, row in _walk_rows(answer.outputs[output]):
            if None in row:
                return f"output {output}{path}[{row.index(None)}] is null, not a finite number (NaN is often sent so)"
            numbers = [number for _, number in _walk_numbers(row)]
            if not all(-_SUM_TOLERANCE <= number <= 1 + _SUM_TOLERANCE for number in numbers):
                return f"output {output}{path} has a value outside [0, 1]"
            if abs(math.fsum(numbers) - 1) > _SUM_TOLERANCE:
                return f"output {output}{path} sums to {math.fsum(numbers):.6g}, not 1"
    return None


def _find_bad_probability(name: str, value: Any) -> str | None:
    """What is wrong with a single value that is configured to be a probability."""
    if type(value) not in (int, float):
        return f"output {name} is {json.dumps(value):.80}, where a number from 0 to 1 is expected"
    if not -_SUM_TOLERANCE <= value <= 1 + _SUM_TOLERANCE:
        return f"output {name} is {value:.6g}, outside the range [0, 1]"
    return None


def _walk_numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        try:
            yield path, float(value)
        except OverflowError:
            yield path, math.inf
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk_numbers(item, f"{path}[{index}]")


def _walk_rows(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The innermost lists: one distribution each."""
    if not isinstance(value, list) or not value:
        return
    if isinstance(value[0], list):
        for index, item in enumerate(value):
            yield from _walk_rows(item, f"{path}[{index}]")
    elif len(value) > 1:
        yield path, value
