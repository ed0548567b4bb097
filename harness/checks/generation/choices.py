"""Several choices for one request, and the log-probabilities of their tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import Unjudged, is_cut, judge_both_ways
from harness.checks.generation.thinking import explain_spent_limit
from harness.core.exchange import Answer, Exchange, TokenLogprob
from harness.core.verdict import Verdict, judge_contract

_ROUNDING = 1e-3
"""How far a log-probability may exceed 0, or differ between two places: half precision rounds by less."""


@judge
def judge_choices(
    exchanges: Sequence[Exchange], n: int, show: Show, again: Sequence[Exchange] = (), limit: int | None = None
) -> Verdict:
    """There are `n` choices with the indices 0 to n-1, each with a text and a finish reason.

    Where the first choice has no more words than the `limit` of tokens, no other has twice as many (a token has two
    words at most): whether a limit is kept at all is for another check.
    A choice without text counts only if `again`, the answers to the same request, have no text at that index either:
    a model may have nothing to say now and then.
    """
    filled = _list_filled(again)

    def find_problem(answer: Answer) -> str | None:
        if limit is not None and (problem := _find_unlimited(answer, limit)):
            return problem
        indices = sorted(choice.index for choice in answer.choices)
        if indices != list(range(n)):
            return f"n={n} gives {len(indices)} choices, with the indices {indices}"
        for choice in answer.choices:
            if not choice.finish_reason:
                return f"choice {choice.index} has no finish reason"
            if not choice.text.strip():
                single = replace(answer, text=choice.text, finish_reason=choice.finish_reason, choices=(choice,))
                has_others = any(other.text.strip() for other in answer.choices)
                if (choice.reasoning or not has_others) and (why := explain_spent_limit(single)):
                    return Unjudged(f"choice {choice.index}: {why}")
                problem = f"choice {choice.index} has no text"
                return Unjudged(f"{problem}, and has one in another answer") if choice.index in filled else problem
        return None

    return judge_contract(judge_both_ways(exchanges, find_problem, show), f"n={n} gives {n} choices, each finished")


def has_empty_choice(exchanges: Sequence[Exchange], again: Sequence[Exchange]) -> bool:
    """Whether a choice has no text, and none at its index in the answers to the same request asked again."""
    filled = _list_filled(again)
    for exchange in exchanges:
        for choice in exchange.answer.choices if exchange.answer else ():
            if not choice.text and choice.index not in filled:
                return True
    return False


def _list_filled(again: Sequence[Exchange]) -> set[int]:
    """The indices of the choices that have a text in an answer."""
    choices = chain.from_iterable(exchange.answer.choices for exchange in again if exchange.answer)
    return {choice.index for choice in choices if choice.text}


def _find_unlimited(answer: Answer, limit: int) -> str:
    """The choice that goes on beyond a limit that the first one keeps, in words; empty if there is none."""
    words = [len(choice.text.split()) for choice in answer.choices]
    if not words or words[0] > limit or max(words) <= 2 * limit:
        return ""
    return f"choice {words.index(max(words))} has {max(words)} words, and at most {limit} tokens were asked for"


@judge
def judge_log_probabilities(
    exchanges: Sequence[Exchange], top: int, show: Show, plain: Exchange | None = None
) -> Verdict:
    """The tokens joined are the text, and each log-probability is valid.

    Each is finite and at most 0. Because the temperature is 0, each token is among the `top` likeliest tokens of its
    place, with the same value; those are sorted. `plain` is the answer to the request without log-probabilities, given
    only if its text must be the same.
    """

    def find_problem(answer: Answer) -> str | None:
        tokens = answer.logprobs
        if not tokens:
            why = explain_spent_limit(answer) or "there is no text"
            return "there are no log-probabilities" if answer.text else Unjudged(why)
        for place, token in enumerate(tokens):
            if wrong := _find_token_problem(token, top):
                return f"token {place} ({token.token!r}): {wrong}"
        if wrong := _find_text_difference(tokens, answer):
            return wrong
        if plain is not None and plain.answer is not None and plain.ok and answer.text != plain.answer.text:
            return f"with log-probabilities the text differs: {answer.text!r:.60}, not {plain.answer.text!r:.60}"
        return None

    cases = judge_both_ways(exchanges, find_problem, show)
    return judge_contract(cases, "the tokens with their log-probabilities are those of the text")


def _find_token_problem(token: TokenLogprob, top: int) -> str | None:
    likeliest = [logprob for _, logprob in token.top]
    numbers = [token.logprob, *likeliest]
    if not all(map(math.isfinite, numbers)):
        return "a log-probability is not finite"
    if max(numbers) > _ROUNDING:
        return f"the log-probability {max(numbers):g} is over 0"
    if not token.top:
        return f"the {top} likeliest tokens are missing"
    if any(later > earlier + _ROUNDING for earlier, later in pairwise(likeliest)):
        return "its alternatives are not sorted by their log-probability"
    same = [logprob for text, logprob in token.top if text == token.token]
    if not same:
        return "it is not among the likeliest tokens of its place, although the temperature is 0"
    if min(abs(logprob - token.logprob) for logprob in same) > _ROUNDING * max(1.0, abs(token.logprob)):
        return f"its log-probability is {token.logprob:g}, but {same[0]:g} among the likeliest tokens"
    return None


def _find_text_difference(tokens: Sequence[TokenLogprob], answer: Answer) -> str | None:
    """How the tokens' text differs from the answer's.

    Blanks before the text do not count. If the text was not cut, one more token may follow that marks its end.
    """
    text = (answer.text or "").lstrip()
    if _join(tokens) == text:
        return None
    if not is_cut(answer) and _join(tokens[:-1]) == text:
        return None
    if answer.reasoning and _join(tokens).rstrip().endswith(text.rstrip()):
        return None  # the tokens of the thinking come first
    return f"the tokens joined are {_join(tokens)[:60]!r}, the text is {text[:60]!r}"


def _join(tokens: Sequence[TokenLogprob]) -> str:
    pieces = [token.data for token in tokens if token.data is not None]
    if len(pieces) == len(tokens):
        return b"".join(pieces).decode(errors="replace").lstrip()
    return "".join(token.token for token in tokens).lstrip()
