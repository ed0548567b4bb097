"""Golden outputs: known inputs give the outputs they gave when they were taken for right."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.common import Show, case, declined, judge, told
from harness.checks.comparison import difference
from harness.core.array_shape import find_shape
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def golden(
    expected: Sequence[Any], exchanges: Sequence[Exchange], numbers: Sequence[int], tolerance: float, show: Show
) -> Verdict:
    """Each answer is the expected one, numbers within `tolerance` absolute and relative to the expected one.

    `numbers` are the rows' places in the file. What is expected is a text, a number, a list, or an object of them by
    output name; without names it is compared with the one output of its form.
    """
    if not exchanges:
        return make_inconclusive("no golden outputs were asked for", n=0)
    cases = []
    for number, want, exchange in zip(numbers, expected, exchanges, strict=True):
        name = f"golden {number}"
        if not exchange.ok or exchange.answer is None:
            problem = f"{name} has no answer: {told(exchange)}"
            cases.append(case(name, exchange, problem, show, declined(exchange, (429,))))
            continue
        got, why = _candidate(want, exchange.answer)
        parts = why or difference(want, got, absolute=tolerance, relative=tolerance, at="the answer")
        unjudged = why if why.startswith("ambiguous") else ""
        cases.append(case(name, exchange, parts and f"{name}: {parts}", show, unjudged))
    distinct = len({exchange.request.body for exchange in exchanges})
    return judge_contract(cases, f"{len(cases)} golden outputs are met within {tolerance:g}", distinct=distinct)


def _candidate(want: Any, answer: Answer) -> tuple[Any, str]:
    """The part of an answer that a golden output is about, and why there is none."""
    if answer.text is not None and isinstance(want, str | int | float):
        text = answer.text.strip()
        with contextlib.suppress(ValueError):
            return text if isinstance(want, str) else float(text), ""
        return text, ""
    if isinstance(want, Mapping):
        lacking = [name for name in want if name not in answer.outputs]
        if lacking:
            return None, f"no output {lacking[0]!r}; there are {', '.join(answer.outputs) or 'none'}"
        return {name: _fitted(value, answer.outputs[name]) for name, value in want.items()}, ""
    fitting = {name: _fitted(want, value) for name, value in answer.outputs.items()}
    fitting = {name: value for name, value in fitting.items() if _form(value) == _form(want)}
    if len(fitting) == 1:
        return next(iter(fitting.values())), ""
    if fitting:
        return None, f"ambiguous: {', '.join(fitting)} have its form; give an object by output name"
    return None, f"no output has the form of {want!r:.60}; there are {', '.join(answer.outputs) or 'none'}"


def _fitted(want: Any, got: Any) -> Any:
    """The output without the dimensions of size one, such as the batch's, that it has more than what is wanted."""
    while isinstance(got, list) and len(got) == 1 and len(find_shape(got)) > len(find_shape(want)):
        got = got[0]
    return got


def _form(value: Any) -> Any:
    if isinstance(value, list):
        return [_form(each) for each in value]
    return "number" if type(value) in (int, float) else type(value).__name__
