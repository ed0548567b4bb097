"""An echoed prompt: with `echo` the text begins with it, and the log-probabilities cover it, or the request is refused.

Tested in tests/suites/integration/test_echo.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import is_unknown_form, judge_both_ways, name_refused
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case, Verdict, judge_contract

_ROUNDING = 1e-3


@judge
def judge_prompt_echo(prompt: str, exchanges: Sequence[Exchange], show: Show) -> Verdict:
    """Each answer (whole, streamed) begins with the prompt and has the log-probabilities of its tokens, too.

    The first token has none, because nothing comes before it.
    """
    cases: list[Case] = []
    refused: dict[str, Exchange] = {}
    judged = judge_both_ways(exchanges, partial(_find_uncovered, prompt=prompt), show)
    for case, exchange in zip(judged, exchanges, strict=True):
        is_refused = is_unknown_form(exchange)
        if is_refused:
            refused[case.name] = exchange
        cases.append(Case(case.name) if is_refused else case)
    holds = "an echoed prompt stands before the text, and its tokens have their log-probabilities"
    if len(refused) == len(cases):
        holds = "no prompt is echoed with log-probabilities"
    return judge_contract(cases, name_refused(holds, refused))


def _find_uncovered(answer: Answer, prompt: str) -> str | None:
    text, tokens = (answer.text or "").lstrip(), answer.logprobs
    if not text.startswith(prompt):
        return f"echo is ignored: the text begins with {text[:40]!r}, and the prompt with {prompt[:40]!r}"
    if not tokens:
        return "the prompt is echoed, and there are no log-probabilities"
    if not all(math.isfinite(token.logprob) and token.logprob <= _ROUNDING for token in tokens):
        return "a log-probability of the echoed prompt is no logarithm of a probability"
    pieces = [token.token for token in tokens]
    joined = "".join(pieces)
    uncovered = text.removesuffix(joined.lstrip())
    if uncovered == text:
        uncovered = text.removesuffix("".join(pieces[:-1]).lstrip())  # the last one may mark the end
    if uncovered == text and joined.strip() in text:
        rest = text.partition(joined.strip())[2]
        return f"the log-probabilities end before the text does: {rest[:60]!r} has none"
    if uncovered == text:
        return f"the tokens of the log-probabilities joined are {joined[:60]!r}, and the text is {text[:60]!r}"
    if len(uncovered.split()) > 1:
        return f"the log-probabilities do not cover the echoed prompt: {uncovered[:60]!r} has none"
    return None
