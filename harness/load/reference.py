"""The answer without load, with which the answers under load are compared.

Tested in tests/load/test_answers_under_load.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.checks.comparison import compare_contents
from harness.checks.generation.thinking import describe_no_content, explain_no_text, has_text
from harness.core.exchange import Exchange

CONTROL_REQUESTS = 4
"""How often the load's request is asked without load."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The `content` of the answer without load; None where there is none to compare with, and `problem` says why.

    `has_text`: every answer without load had a text, or outputs. Plain data that can be written as JSON.
    """

    content: Any = None
    has_text: bool = False
    problem: str = ""


def ask_reference(ask: Callable[[], Exchange], *, may_reword: bool) -> Reference:
    """Ask the load's request without load. `may_reword`: a language model without the promise of determinism."""
    exchanges = [ask() for _ in range(CONTROL_REQUESTS)]
    has_texts = all(map(has_text, exchanges))
    problem = ""
    for exchange in exchanges:
        problem = problem or _explain_incomparable(exchanges[0], exchange)
    if may_reword:
        problem = problem or "the texts of a language model may differ, unless [promises] deterministic says otherwise"
    return Reference(None if problem else exchanges[0].content, has_texts, problem)


def _explain_incomparable(first: Exchange, exchange: Exchange) -> str:
    if not exchange.ok or exchange.content is None:
        return f"without load there is no answer to compare with: {describe_no_content(exchange)}"
    change = compare_contents(first.content, exchange.content)
    return f"the service does not repeat itself without load: {change}" if change else ""


def explain_empty_answer(reference: Reference, exchange: Exchange) -> str:
    """Why a success without text is none: without load there is one, and no limit of tokens has ended it."""
    if not reference.has_text or has_text(exchange) or exchange.timing.output is not None or explain_no_text(exchange):
        return ""
    return "the answer is empty, and without load it is not"


def find_difference_between(before: Reference, after: Reference) -> str:
    """How the answers without load before and after a load differ: then the service changes by itself."""
    change = compare_contents(before.content, after.content)
    if change:
        return f"without load the service answers otherwise after the load than before: {change}"
    return ""
