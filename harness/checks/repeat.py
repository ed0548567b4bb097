"""The same request asked again: an answer of the same form always, and of the same value where that is promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.alike import difference, said
from harness.checks.common import Show, not_judged, told
from harness.checks.embeddings import OUTPUT, SAME, apart
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case, Verdict, contract, inconclusive

DECLINED = (429, 503)


def same_form(asked: Sequence[Exchange], show: Show) -> Verdict:
    """Every answer to one request has the outputs, shapes, kinds of value and datatypes of the first.

    Of generated text only that it is text: its length is the model's. Whole numbers and fractions are one kind unless
    the service states a datatype: a JSON writer may print 1.0 as 1.
    """
    return _compared(asked, "form", _forms_differ, show)


def same_value(asked: Sequence[Exchange], show: Show) -> Verdict:
    """Every answer to one request has the first one's numbers (single precision) or text; vectors within `SAME`."""
    return _compared(asked, "value", _values_differ, show)


def _compared(asked: Sequence[Exchange], what: str, differ: Any, show: Show) -> Verdict:
    if broken := not_judged(*asked):
        return broken
    first = next((each for each in asked if each.ok and each.answer), None)
    if first is None or first.answer is None:
        return inconclusive(f"no answer to compare with: {told(asked[0])}" if asked else "nothing was asked", n=0)
    cases = []
    for number, exchange in enumerate(asked):
        if exchange is first:
            continue
        name = f"repeat {number}"
        if exchange.status in DECLINED:
            cases.append(Case(name, unjudged=f"declined: {told(exchange)}"))
            continue
        if not exchange.ok or exchange.answer is None:
            problem = f"the same request, valid before, fails: {told(exchange)}"
        else:
            found = differ(first.answer, exchange.answer)
            problem = f"the same request has an answer of another {what}: {found}" if found else ""
        cases.append(Case(name, show(f"{name}: {problem}", exchange) if problem else None))
    return contract(cases, f"the same request, asked {len(asked)} times, has answers of one {what}", distinct=1)


def _forms_differ(first: Answer, other: Answer) -> str | None:
    one, two = form(first), form(other)
    for name in sorted({*one, *two}):
        if one.get(name) != two.get(name):
            return f"{name} is {two.get(name, 'missing')}, where it was {one.get(name, 'missing')}"
    return None


def form(answer: Answer) -> Mapping[str, str]:
    """The outputs of an answer by name: kind, shape and stated datatype, in words."""
    if answer.text is not None:
        return {"the answer": "text"}
    stated = _datatypes(answer.value)
    found = {}
    for name, value in answer.outputs.items():
        if isinstance(value, list):
            datatype = f" {stated[name]}" if name in stated else ""
            found[f"output {name!r}"] = f"{_kind(value)}{datatype} of shape {_shape(value)}"
        else:
            found[f"output {name!r}"] = _kind(value)
    return found


def _datatypes(value: Any) -> dict[str, str]:
    outputs = value.get("outputs") if isinstance(value, dict) else None
    if not isinstance(outputs, list):
        return {}
    return {
        str(each["name"]): str(each["datatype"]) for each in outputs if isinstance(each, dict) and "datatype" in each
    }


def _shape(value: Any) -> list[int]:
    return [len(value), *(_shape(value[0]) if value else [])] if isinstance(value, list) else []


def _kind(value: Any) -> str:
    """What the leaves are: `numbers`, `texts`, ...; several kinds are all named."""
    if isinstance(value, list):
        return " and ".join(sorted({_kind(each) for each in value})) or "nothing"
    names = {bool: "booleans", int: "numbers", float: "numbers", str: "texts", dict: "objects"}
    return names.get(type(value), "nulls")


def _values_differ(first: Answer, other: Answer) -> str | None:
    vectors, others = first.outputs.get(OUTPUT), other.outputs.get(OUTPUT)
    if set(first.outputs) == {OUTPUT} and isinstance(vectors, list) and isinstance(others, list):
        far = max((apart(one, two) for one, two in zip(vectors, others, strict=False)), default=0.0)
        return f"the vectors are {far:.3g} of their length apart" if far > SAME else None
    return difference(said(first), said(other))
