"""Several choices to one request, and the log-probabilities of their tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.checks.common import Show, judge
from harness.checks.generation.parameters import CUT
from harness.checks.generation.text_cases import Unjudged, whole_and_streamed
from harness.core.exchange import Answer, Exchange, TokenLogprob
from harness.core.verdict import Verdict, judge_contract

_ROUNDING = 1e-3
"""How far a logarithm may lie over 0, or from another statement of itself: half precision stays inside."""


@judge
def numbered(found: Sequence[Exchange], n: int, show: Show) -> Verdict:
    """There are `n` choices with the indices 0 to n-1, each with a text and a finish reason."""

    def problem(answer: Answer) -> str | None:
        indices = sorted(choice.index for choice in answer.choices)
        if indices != list(range(n)):
            return f"n={n} brings {len(indices)} choices, with the indices {indices}"
        for choice in answer.choices:
            if not choice.finish_reason:
                return f"choice {choice.index} has no finish reason"
            if not choice.text.strip():
                return f"choice {choice.index} has no text"
        return None

    return judge_contract(whole_and_streamed(found, problem, show), f"n={n} brings {n} choices, each finished")


@judge
def log_probabilities(found: Sequence[Exchange], top: int, show: Show, plain: Exchange | None = None) -> Verdict:
    """The tokens put together are the text, and each log-probability is one.

    It is finite and at most 0, and stands among the `top` likeliest of its place, which are sorted and state it alike
    (the answers were asked for at temperature 0). `plain` is the answer without log-probabilities, given where the
    text must be the same.
    """

    def problem(answer: Answer) -> str | None:
        tokens = answer.logprobs
        if not tokens:
            return "there are no log-probabilities" if answer.text else Unjudged("there is no text")
        for place, token in enumerate(tokens):
            if wrong := _token(token, top):
                return f"token {place} ({token.token!r}): {wrong}"
        if wrong := _joined(tokens, answer):
            return wrong
        if plain is not None and plain.answer is not None and plain.ok and answer.text != plain.answer.text:
            return f"the text is another one with log-probabilities: {answer.text!r:.60}, not {plain.answer.text!r:.60}"
        return None

    cases = whole_and_streamed(found, problem, show)
    return judge_contract(cases, "the tokens with their log-probabilities are those of the text")


def _token(token: TokenLogprob, top: int) -> str | None:
    numbers = [token.logprob, *(logprob for _, logprob in token.top)]
    if not all(math.isfinite(each) for each in numbers):
        return "a log-probability is not finite"
    if max(numbers) > _ROUNDING:
        return f"the log-probability {max(numbers):g} is over 0"
    if not token.top:
        return f"none of the {top} likeliest tokens is stated"
    if any(b > a + _ROUNDING for (_, a), (_, b) in zip(token.top, token.top[1:], strict=False)):
        return "its alternatives are not sorted by their log-probability"
    same = [logprob for text, logprob in token.top if text == token.token]
    if not same:
        return "it is not among its place's likeliest tokens, though the temperature is 0"
    if min(abs(each - token.logprob) for each in same) > _ROUNDING * max(1.0, abs(token.logprob)):
        return f"its log-probability is {token.logprob:g}, and {same[0]:g} among the likeliest"
    return None


def _joined(tokens: Sequence[TokenLogprob], answer: Answer) -> str | None:
    """A text that ended by itself may have one token more, the end's own; a blank before it may have been taken off."""
    text = (answer.text or "").lstrip()
    if _text(tokens) == text:
        return None
    if answer.finish_reason not in CUT and _text(tokens[:-1]) == text:
        return None
    return f"the tokens put together are {_text(tokens)[:60]!r}, the text is {text[:60]!r}"


def _text(tokens: Sequence[TokenLogprob]) -> str:
    if all(each.data is not None for each in tokens):
        return b"".join(each.data or b"" for each in tokens).decode(errors="replace").lstrip()
    return "".join(each.token for each in tokens).lstrip()
