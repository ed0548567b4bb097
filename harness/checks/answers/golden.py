"""Golden outputs: known inputs give the outputs that were recorded when they were taken to be right."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.common import TOO_MANY_REQUESTS, Show, explain_decline, judge, judge_case
from harness.checks.comparison import extract_tensors
from harness.checks.generation.thinking import explain_no_text
from harness.core.answer_class import describe_refusal, is_refusal
from harness.core.array_shape import find_shape
from harness.core.exchange import Answer, Exchange
from harness.core.tolerance import Deviations, Tolerance, find_deviation
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def judge_golden_outputs(
    expected: Sequence[Any], exchanges: Sequence[Exchange], numbers: Sequence[int], tolerance: Tolerance, show: Show
) -> Verdict:
    """Each answer is the expected one, numbers within the tolerance.

    `numbers` are the rows' places in the file. An expected output is a text, a number, a list, or an object of them by
    output name; without names it is compared with the only output of its form.
    """
    if not exchanges:
        return make_inconclusive("no golden outputs were asked for", n=0)
    cases, deviations = [], Deviations()
    for number, golden, exchange in zip(numbers, expected, exchanges, strict=True):
        name = f"golden {number}"
        if not exchange.ok or exchange.answer is None:
            problem = f"{name} has no answer: {exchange.outcome}"
            cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange, (TOO_MANY_REQUESTS,))))
            continue
        output, why = select_output(golden, exchange.answer)
        datatypes = list_datatypes(exchange.answer)
        difference = why or find_deviation(golden, output, tolerance, deviations, datatypes=datatypes)
        unjudged = why if why.startswith("ambiguous") else explain_no_text(exchange)
        cases.append(judge_case(name, exchange, difference and f"{name}: {difference}", show, unjudged))
    if all(is_refusal(exchange) for exchange in exchanges):
        why = f"every input was refused, none was answered ({describe_refusal(exchanges[0])})"
        return make_inconclusive(why, n=0, counterexamples=(show(why, exchanges[0]),))
    distinct = len({exchange.request.body for exchange in exchanges})
    verdict = judge_contract(
        cases, f"{len(cases)} golden outputs are met within {tolerance.describe()}", distinct=distinct
    )
    return verdict.with_notes(*filter(None, [deviations.describe()]))


def list_datatypes(answer: Answer) -> dict[str, str]:
    """The stated datatype of each output by its name; of a single one under the empty name, too."""
    stated = {str(tensor.get("name")): str(tensor.get("datatype", "")) for tensor in extract_tensors(answer)}
    return {**stated, **({"": next(iter(stated.values()))} if len(stated) == 1 else {})}


def select_output(golden: Any, answer: Answer) -> tuple[Any, str]:
    """The part of an answer that a golden output is compared with, or why there is none."""
    if answer.text is not None and isinstance(golden, str | int | float):
        text = answer.text.strip()
        if not isinstance(golden, str):
            with contextlib.suppress(ValueError):
                return float(text), ""
        return text, ""
    outputs = ", ".join(answer.outputs) or "none"
    if isinstance(golden, Mapping):
        for name in golden:
            if name not in answer.outputs:
                return None, f"no output {name!r}; there are {outputs}"
        return {name: _drop_dimensions(value, answer.outputs[name]) for name, value in golden.items()}, ""
    fitting: dict[str, Any] = {}
    for name, value in answer.outputs.items():
        output = _drop_dimensions(golden, value)
        if _describe_form(output) == _describe_form(golden):
            fitting[name] = output
    if len(fitting) == 1:
        return next(iter(fitting.values())), ""
    if fitting:
        return None, f"ambiguous: {', '.join(fitting)} have its form; give an object by output name"
    return None, f"no output has the form of {golden!r:.60}; there are {outputs}"


def _drop_dimensions(golden: Any, output: Any) -> Any:
    """The output without the leading dimensions of size one (the batch's) that the golden output does not have."""
    while isinstance(output, list) and len(output) == 1 and len(find_shape(output)) > len(find_shape(golden)):
        output = output[0]
    return output


def _describe_form(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_describe_form, value)]
    return "number" if type(value) in (int, float, type(None)) else type(value).__name__
