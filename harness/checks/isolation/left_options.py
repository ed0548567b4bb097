"""What one request sets ends with it: a plain request right after one with an option is answered as without.

Tested in tests/suites/integration/test_left_options.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.checks.common import Show, explain_decline, has_counterexample, is_clear_refusal, judge, judge_case
from harness.checks.generation.text_cases import get_usage, quote_answer
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

LEFT_CONTROLS, LEFT_REPEATS = 8, 4
"""Plain requests before any option, and how often one after an option is repeated where it seems to have kept it.

A model that forgets its codes at random, whatever its rate, holds them in all controls and forgets them in all repeats
of one option with a chance of at most 0.0002.
"""
_SLACK = 10
"""Prompt tokens by which plain requests that differ in their numbers alone may differ."""


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """The answer to a request, without any option, to repeat `codes`."""

    codes: str
    exchange: Exchange

    @property
    def is_repeated(self) -> bool:
        """Whether it holds the codes in their order."""
        return self.codes in self.exchange.text


@dataclass(frozen=True, slots=True)
class LeftOption:
    """A request with an option and the plain answer right after it; more of both where the first seems to keep it."""

    pairs: Sequence[tuple[Exchange, PlainAnswer]]


def find_left_sign(before: Sequence[PlainAnswer], plain: PlainAnswer) -> str:
    """What says that a plain answer, unlike those before any option, was made with an option; empty if nothing does.

    The first two before repeat one request: where they count other tokens, a cache is left out, and counts say nothing.
    """
    exchange = plain.exchange
    if explain_decline(exchange):
        return ""
    answer = exchange.answer
    if not exchange.ok or answer is None:
        return f"it is not answered: {exchange.outcome}"
    if answer.tool_calls:
        return f"it offers no tool, and {answer.tool_calls[0].name!r} is called"
    if len(answer.choices) > 1:
        return f"it has {len(answer.choices)} choices, and one was asked for"
    usual, tokens = _list_usual_counts(before), get_usage(answer).prompt_tokens
    if usual and tokens is not None and not min(usual) - _SLACK <= tokens <= max(usual) + _SLACK:
        return f"it counts {tokens} prompt tokens, and {max(usual)} before"
    if all(control.is_repeated for control in before) and not plain.is_repeated:
        return f"it lacks its codes {plain.codes!r}, and those before held theirs: {quote_answer(exchange.text)}"
    return ""


@judge
def judge_left_options(before: Sequence[PlainAnswer], options: Mapping[str, LeftOption], show: Show) -> Verdict:
    """After a request with each option, by its name, a plain one is answered as plain ones before all of them.

    It keeps the option if each repeat shows it. An option that the service refuses shows nothing, and is left out.
    """
    failed = next((control.exchange for control in before if not control.exchange.ok), None)
    if failed is not None:
        return make_inconclusive(f"a plain request is not answered: {failed.outcome}", n=0)
    cases, refused = [], []
    for name, option in options.items():
        with_option, plain = option.pairs[0]
        if is_clear_refusal(with_option):
            refused.append(name)
        signs = [find_left_sign(before, pair[1]) for pair in option.pairs]
        is_kept = len(signs) > LEFT_REPEATS and all(signs)
        problem = f"a plain request right after one with {name}, each of {len(signs)} times: {signs[0]}"
        unjudged = explain_decline(plain.exchange)
        cases.append(judge_case(name, plain.exchange, problem if is_kept else "", show, unjudged))
    if not any(map(_says_something, before)) and not has_counterexample(cases):
        return make_inconclusive("plain answers are empty, so that nothing shows whether they stay as they were", n=0)
    if not _has_signs(before):
        return make_inconclusive("plain answers state no prompt tokens, and do not repeat their codes", n=0)
    holds = f"a plain request right after one with {', '.join(options)} is answered as before"
    return judge_contract(cases, f"{holds}; refused: {', '.join(refused)}" if refused else holds)


def _says_something(plain: PlainAnswer) -> bool:
    answer = plain.exchange.answer
    return answer is not None and bool(plain.exchange.text.strip() or answer.reasoning)


def _has_signs(before: Sequence[PlainAnswer]) -> bool:
    """Whether plain answers show anything that an option could change beyond choices and calls."""
    return bool(_list_usual_counts(before)) or all(control.is_repeated for control in before)


def _list_usual_counts(before: Sequence[PlainAnswer]) -> list[int]:
    """The prompt tokens of the plain answers; none where not all state them, or where a repeat counts others."""
    counts = []
    for control in before:
        if (count := get_usage(control.exchange.answer).prompt_tokens) is not None:
            counts.append(count)
    return counts if len(counts) == len(before) and counts[0] == counts[1] else []
