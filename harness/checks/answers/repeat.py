"""The same request again: its answer always has the same form, and the same value where that is promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.checks.common import Show, explain_decline, judge, judge_case
from harness.checks.comparison import compare_contents, extract_tensors
from harness.checks.generation.thinking import describe_no_content, has_text
from harness.core.array_shape import find_shape
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_KINDS = {bool: "booleans", int: "numbers", float: "numbers", str: "texts", dict: "objects"}


def judge_repeated_form(repeats: Sequence[Exchange], show: Show) -> Verdict:
    """Every answer to one request has the outputs, shapes, kinds of value and datatypes of the first.

    Of generated text only that it is text: its length varies. Whole numbers and fractions are one kind unless the
    service states a datatype, because a JSON writer may print 1.0 as 1.
    """
    return _judge_repeats(repeats, "form", _compare_forms, show)


def judge_repeated_value(repeats: Sequence[Exchange], show: Show) -> Verdict:
    """Every answer to one request has the first one's numbers (single precision), text, or vectors."""
    first = next((exchange for exchange in repeats if exchange.ok), None)
    if first is not None and not has_text(first):
        return make_inconclusive(f"there is no text to compare: {describe_no_content(first)}", n=0)
    return _judge_repeats(repeats, "value", lambda one, other: compare_contents(one.content, other.content), show)


@judge
def _judge_repeats(
    repeats: Sequence[Exchange], what: str, compare: Callable[[Answer, Answer], str | None], show: Show
) -> Verdict:
    if not repeats:
        return make_inconclusive("nothing was asked", n=0)
    first = next((exchange for exchange in repeats if exchange.ok and has_text(exchange)), None)
    if first is None or first.answer is None or first.content is None:
        return make_inconclusive(f"no answer to compare with: {describe_no_content(repeats[0])}", n=0)
    cases = []
    for number, exchange in enumerate(repeats):
        if exchange is first:
            continue
        name = f"repeat {number}"
        problem: str | None = f"{name}: the same request, valid before, fails: {exchange.outcome}"
        if exchange.ok and exchange.answer is not None:
            problem = compare(first.answer, exchange.answer)
            if problem:
                problem = f"{name}: the same request has an answer of another {what}: {problem}"
        cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange)))
    return judge_contract(cases, f"the same request, asked {len(repeats)} times, has answers of one {what}", distinct=1)


def _compare_forms(first: Answer, other: Answer) -> str | None:
    before, now = _describe_forms(first), _describe_forms(other)
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            return f"{name} is {now.get(name, 'missing')}, and was {before.get(name, 'missing')}"
    return None


def _describe_forms(answer: Answer) -> Mapping[str, str]:
    """The outputs of an answer by name: kind, shape and stated datatype, in words."""
    if answer.text is not None:
        return {"the answer": "text"}
    tensors = {tensor.get("name"): tensor for tensor in extract_tensors(answer)}
    forms = {}
    for name, value in answer.outputs.items():
        form = _describe_kind(value)
        if isinstance(value, list):
            datatype = tensors.get(name, {}).get("datatype", "")
            form = f"{form} {datatype}".rstrip() + f" of shape {find_shape(value)}"
        forms[f"output {name!r}"] = form
    return forms


def _describe_kind(value: Any) -> str:
    """The kinds of the leaves (`numbers`, `texts and numbers`, ...)."""
    if isinstance(value, list):
        return " and ".join(sorted({*map(_describe_kind, value)})) or "nothing"
    return _KINDS.get(type(value), "nulls")
