"""Several choices for one request, and the log-probabilities of their tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import Unjudged, is_cut, judge_both_ways
from harness.core.exchange import Answer, Exchange, TokenLogprob
from harness.core.verdict import Verdict, judge_contract

_ROUNDING = 1e-3
"""How far a logarithm may be over 0, or from another statement of itself: half precision stays inside."""


@judge
def judge_choices(exchanges: Sequence[Exchange], n: int, show: Show) -> Verdict:
    """There are `n` choices with the indices 0 to n-1, each with a text and a finish reason."""

    def find_problem(answer: Answer) -> str | None:
        indices = sorted(choice.index for choice in answer.choices)
        if indices != list(range(n)):
            return f"n={n} gives {len(indices)} choices, with the indices {indices}"
        for choice in answer.choices:
            if not choice.finish_reason:
                return f"choice {choice.index} has no finish reason"
            if not choice.text.strip():
                return f"choice {choice.index} has no text"
        return None

    return judge_contract(judge_both_ways(exchanges, find_problem, show), f"n={n} gives {n} choices, each finished")


@judge
def judge_log_probabilities(
    exchanges: Sequence[Exchange], top: int, show: Show, plain: Exchange | None = None
) -> Verdict:
    """The tokens joined are the text, and each log-probability is valid.

    It is finite and at most 0, and stated in the same way among the `top` likeliest tokens of its place, which are
    sorted (the temperature is 0). `plain` is the answer without log-probabilities, given if the text must be the same.
    """

    def find_problem(answer: Answer) -> str | None:
        tokens = answer.logprobs
        if not tokens:
            return "there are no log-probabilities" if answer.text else Unjudged("there is no text")
        for place, token in enumerate(tokens):
            if wrong := _find_wrong_token(token, top):
                return f"token {place} ({token.token!r}): {wrong}"
        if wrong := _find_other_text(tokens, answer):
            return wrong
        if plain is not None and plain.answer is not None and plain.ok and answer.text != plain.answer.text:
            return f"with log-probabilities the text differs: {answer.text!r:.60}, not {plain.answer.text!r:.60}"
        return None

    cases = judge_both_ways(exchanges, find_problem, show)
    return judge_contract(cases, "the tokens with their log-probabilities are those of the text")


def _find_wrong_token(token: TokenLogprob, top: int) -> str | None:
    likeliest = [logprob for _, logprob in token.top]
    numbers = [token.logprob, *likeliest]
    if not all(map(math.isfinite, numbers)):
        return "a log-probability is not finite"
    if max(numbers) > _ROUNDING:
        return f"the log-probability {max(numbers):g} is over 0"
    if not token.top:
        return f"none of the {top} likeliest tokens is stated"
    if any(later > earlier + _ROUNDING for earlier, later in pairwise(likeliest)):
        return "its alternatives are not sorted by their log-probability"
    same = [logprob for text, logprob in token.top if text == token.token]
    if not same:
        return "it is not among the likeliest tokens of its place, although the temperature is 0"
    if min(abs(logprob - token.logprob) for logprob in same) > _ROUNDING * max(1.0, abs(token.logprob)):
        return f"its log-probability is {token.logprob:g}, and {same[0]:g} among the likeliest tokens"
    return None


def _find_other_text(tokens: Sequence[TokenLogprob], answer: Answer) -> str | None:
    """How the tokens' text differs from the answer's.

    A text that ended by itself may have one more token for its end, and a blank before it may have been removed.
    """
    text = (answer.text or "").lstrip()
    if _join(tokens) == text:
        return None
    if not is_cut(answer) and _join(tokens[:-1]) == text:
        return None
    return f"the tokens joined are {_join(tokens)[:60]!r}, the text is {text[:60]!r}"


def _join(tokens: Sequence[TokenLogprob]) -> str:
    pieces = [token.data for token in tokens if token.data is not None]
    if len(pieces) == len(tokens):
        return b"".join(pieces).decode(errors="replace").lstrip()
    return "".join(token.token for token in tokens).lstrip()
