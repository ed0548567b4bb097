"""The answer to the sample is the one that the configuration expects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from harness.checks.common import Show, explain_decline, judge, judge_case
from harness.checks.comparison import find_difference
from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Exchange
from harness.core.expectation import Expectation
from harness.core.verdict import Verdict, judge_contract, make_inconclusive
from harness.core.visible_text import cut_text

_SHOWN = 200
_LABELS = ("prediction", "predictions", "label", "labels", "class", "classes")
"""Outputs that hold the prediction where there are several."""


@judge
def judge_expected(
    exchange: Exchange, expected: Expectation, show: Show, extract_value: Callable[[Any, str], Any]
) -> Verdict:
    """The decoded answer, or the value at the path in its body (which `extract_value` reads), is as expected.

    INCONCLUSIVE where the answer has several outputs and neither a path nor a name says which one is meant. A list of
    one entry is that entry, because a batch of one row has a list of one answer.
    """
    holds = f"the answer to the sample is as expected: {expected}"
    if not exchange.ok or exchange.answer is None:
        problem = f"expected {expected}, got no valid answer: {exchange.outcome}"
        case = judge_case("expected", exchange, problem, show, explain_decline(exchange))
        return judge_contract([case], holds)
    try:
        value = _read_value(exchange.answer)
        if expected.path is not None:
            value = extract_value(exchange.answer.value, expected.path)
    except ProtocolError as missing:
        case = judge_case("expected", exchange, f"expected {expected}, got an answer without it: {missing}", show)
        return judge_contract([case], holds)
    if value is None and expected.path is None:
        outputs = ", ".join(sorted(exchange.answer.outputs))
        return make_inconclusive(f"the answer has several outputs ({outputs}): name one with a path in expect", n=0)
    problem = ""
    if not _is_met(value, expected):
        problem = f"expected {expected}, got {_show_value(value)}"
    return judge_contract([judge_case("expected", exchange, problem, show)], holds)


def _read_value(answer: Answer) -> Any:
    """The value that is judged without a path; None for outputs of which it is not known which one is meant."""
    if answer.text is not None:
        return answer.text
    names = list(answer.outputs)
    if len(names) > 1:
        names = [name for name in _LABELS if name in answer.outputs][:1]
    if not names:
        return None
    return answer.outputs[names[0]]


def _is_met(value: Any, expected: Expectation) -> bool:
    """Whether the value, or the one entry of a list, is as expected."""
    if _meets(value, expected):
        return True
    return isinstance(value, list) and len(value) == 1 and _is_met(value[0], expected)


def _meets(value: Any, expected: Expectation) -> bool:
    if expected.form == "range":
        return type(value) in (int, float) and bool(expected.value[0] <= value <= expected.value[1])
    if expected.form == "match":
        return type(value) in (int, float, str) and re.search(expected.value, str(value)) is not None
    if expected.form == "one_of":
        return any(_is_equal(choice, value) for choice in expected.value)
    return _is_equal(expected.value, value)


def _is_equal(expected: Any, value: Any) -> bool:
    """Whether two values are the same, but for the last digits of fractions and the space around a text."""
    if isinstance(expected, str) and isinstance(value, str):
        return expected.strip() == value.strip()
    if isinstance(expected, bool) is not isinstance(value, bool):
        return False
    return find_difference(expected, value) is None


def _show_value(value: Any) -> str:
    return cut_text(json.dumps(value, ensure_ascii=False, default=str), _SHOWN)
