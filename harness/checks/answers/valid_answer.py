"""One valid answer: decodable, complete, finite, and probabilities that are probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from harness.checks.common import Show, aspects, judge, told
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may sum from 1: single precision over thousands of classes stays well inside."""

_ASPECTS = ("success", "content", "finite numbers", "probabilities")


@judge
def valid(exchange: Exchange, show: Show, *, probabilities: str | None = None) -> Verdict:
    """A success whose body is a valid answer of its protocol with content in it.

    `probabilities` names the output whose rows must be probabilities; None: every output named `prob…`.
    """
    if not exchange.ok or exchange.answer is None:
        return aspects(exchange, [("success", f"no valid answer: {told(exchange)}")], ("success",), "", show)
    answer = exchange.answer
    problems = [
        (aspect, problem)
        for aspect, problem in (
            ("content", _content(answer)),
            ("finite numbers", _finite(answer)),
            ("probabilities", _probabilities(answer, probabilities)),
        )
        if problem
    ]
    return aspects(exchange, problems, _ASPECTS, _holds(answer), show)


def _holds(answer: Answer) -> str:
    if answer.text is not None:
        return f"a complete answer of {len(answer.text)} characters, finish reason {answer.finish_reason!r}"
    return f"a complete answer with {', '.join(sorted(answer.outputs)) or 'a value'}; every number finite"


def _content(answer: Answer) -> str | None:
    if answer.text is not None:
        if not answer.text.strip() and answer.finish_reason != "length":
            return f"the text is empty (finish reason {answer.finish_reason!r})"
        return None
    if not answer.outputs:
        return "the answer holds no output"
    empty = [name for name, value in answer.outputs.items() if value == [] or value is None]
    return f"output {empty[0]!r} is empty" if empty else None


def _finite(answer: Answer) -> str | None:
    found = ((name, not_finite(value)) for name, value in answer.outputs.items())
    return next((f"output {name}{what}" for name, what in found if what), None)


def not_finite(value: Any) -> str | None:
    """Where the first number stands that is not finite, and what it is."""
    return next((f"{path} is {number}" for path, number in _numbers(value) if not math.isfinite(number)), None)


def _probabilities(answer: Answer, named: str | None) -> str | None:
    if named is not None and named not in answer.outputs:
        return f"no output {named!r}; there are: {', '.join(sorted(answer.outputs)) or 'none'}"
    names = [named] if named else [name for name in answer.outputs if name.lower().startswith("prob")]
    for name in names:
        for path, row in _rows(answer.outputs[name]):
            numbers = [number for _, number in _numbers(row)]
            if any(not -SUM_TOLERANCE <= number <= 1 + SUM_TOLERANCE for number in numbers):
                return f"output {name}{path} has a value outside [0, 1]"
            if abs(math.fsum(numbers) - 1) > SUM_TOLERANCE:
                return f"output {name}{path} sums to {math.fsum(numbers):.6g}, not 1"
    return None


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        try:
            yield path, float(value)
        except OverflowError:
            yield path, math.inf
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _numbers(item, f"{path}[{index}]")


def _rows(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The innermost lists: one distribution each."""
    if not isinstance(value, list) or not value:
        return
    if isinstance(value[0], list):
        for index, item in enumerate(value):
            yield from _rows(item, f"{path}[{index}]")
    elif len(value) > 1:
        yield path, value
