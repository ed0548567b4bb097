"""The same request asked again: an answer of the same form always, and of the same value where that is promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.common import Show, case, declined, judge, told
from harness.checks.comparison import parts_of, said, tensors_of
from harness.core.array_shape import find_shape
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


def same_form(asked: Sequence[Exchange], show: Show) -> Verdict:
    """Every answer to one request has the outputs, shapes, kinds of value and datatypes of the first.

    Of generated text only that it is text: its length is the model's. Whole numbers and fractions are one kind unless
    the service states a datatype: a JSON writer may print 1.0 as 1.
    """
    return _compared(asked, "form", _forms_differ, show)


def same_value(asked: Sequence[Exchange], show: Show) -> Verdict:
    """Every answer to one request has the first one's numbers (single precision) or text; vectors within `SAME`."""
    return _compared(asked, "value", _values_differ, show)


@judge
def _compared(asked: Sequence[Exchange], what: str, differ: Any, show: Show) -> Verdict:
    first = next((each for each in asked if each.ok and each.answer), None)
    if first is None or first.answer is None:
        return make_inconclusive(f"no answer to compare with: {told(asked[0])}" if asked else "nothing was asked", n=0)
    cases = []
    for number, exchange in enumerate(asked):
        if exchange is first:
            continue
        name = f"repeat {number}"
        problem: str | None = f"{name}: the same request, valid before, fails: {told(exchange)}"
        if exchange.ok and exchange.answer is not None:
            found = differ(first.answer, exchange.answer)
            problem = found and f"{name}: the same request has an answer of another {what}: {found}"
        cases.append(case(name, exchange, problem, show, declined(exchange)))
    return judge_contract(cases, f"the same request, asked {len(asked)} times, has answers of one {what}", distinct=1)


def _forms_differ(first: Answer, other: Answer) -> str | None:
    one, two = _form(first), _form(other)
    for name in sorted({*one, *two}):
        if one.get(name) != two.get(name):
            return f"{name} is {two.get(name, 'missing')}, where it was {one.get(name, 'missing')}"
    return None


def _form(answer: Answer) -> Mapping[str, str]:
    """The outputs of an answer by name: kind, shape and stated datatype, in words."""
    if answer.text is not None:
        return {"the answer": "text"}
    stated = {each.get("name"): each["datatype"] for each in tensors_of(answer) if "datatype" in each}
    found = {}
    for name, value in answer.outputs.items():
        if isinstance(value, list):
            datatype = f" {stated[name]}" if name in stated else ""
            found[f"output {name!r}"] = f"{_kind(value)}{datatype} of shape {find_shape(value)}"
        else:
            found[f"output {name!r}"] = _kind(value)
    return found


def _kind(value: Any) -> str:
    """What the leaves are: `numbers`, `texts`, ...; several kinds are all named."""
    if isinstance(value, list):
        return " and ".join(sorted({_kind(each) for each in value})) or "nothing"
    names = {bool: "booleans", int: "numbers", float: "numbers", str: "texts", dict: "objects"}
    return names.get(type(value), "nulls")


def _values_differ(first: Answer, other: Answer) -> str | None:
    return parts_of(said(first), said(other))
