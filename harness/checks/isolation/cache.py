"""A cache answers only an identical request from its store, never one that differs in a single element.

Pairs of requests A and B are sent in turn: A, B, A, B. The right answer to each is known without trusting a cache: from
control requests that share no part with any other (every number moved by a millionth, another text around the same
code), or because the two answers must differ by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.checks.common import OVERLOAD_STATUSES, Show, explain_decline, is_clear_refusal, judge, judge_case
from harness.checks.comparison import find_difference
from harness.checks.generation.thinking import describe_no_content
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_LEAST_SWAPPED = 2
"""Answers of the other request that are no accident of a model's wording."""
AnswerTest = Callable[[Exchange], bool]
"""Whether an answer is the right one for a request."""


@dataclass(frozen=True, slots=True)
class AskedPair:
    """Two requests sent in turn (A, B, A, B), and how the right answers to them are recognised.

    `name` is the only thing in which they differ. `fits` tests the answers to A and to B; None: the answers cannot be
    distinguished, and `why` says why. `must_differ`: the answers must differ by construction, if only in their last
    digit. `may_reword`: a language model without a promise may word one answer as it likes, so that both answers to B,
    or both later ones, must be wrong.
    """

    name: str
    exchanges: tuple[Exchange, ...]
    fits: tuple[AnswerTest, AnswerTest] | None = None
    must_differ: bool = False
    why: str = ""
    may_reword: bool = False


@judge
def judge_pairs(pairs: Sequence[AskedPair], show: Show) -> Verdict:
    """No request of a pair gets the other's answer.

    Pairs whose answers cannot be distinguished are named in the notes and not judged; if there are only such pairs, the
    check is INCONCLUSIVE.
    """
    cases, notes = [], []
    for pair in pairs:
        wrong = _find_wrong_answer(pair, show)
        case = wrong or Case(pair.name, unjudged=_explain_unjudged(pair))
        if case.unjudged and not any(map(explain_decline, pair.exchanges)):
            notes.append(f"not judged: {pair.name}: {case.unjudged}")
        else:
            cases.append(case)
    if not cases:
        return make_inconclusive("; ".join(notes) or "no pair of requests could be made", n=0)
    names = ", ".join(case.name for case in cases)
    return judge_contract(cases, f"requests that differ only in {names} have their own answers").with_notes(*notes)


def _find_wrong_answer(pair: AskedPair, show: Show) -> Case | None:
    """The first answer that is the other request's, as a case. No other request came before the first of the pair."""
    if pair.may_reword and len(_list_swapped(pair)) < _LEAST_SWAPPED:
        return None
    for number, exchange in enumerate(pair.exchanges[1:], 1):
        own, other = "AB"[number % 2], "BA"[number % 2]
        problem = f"request {own} got the answer to {other}, sent before it, which differs from it only in {pair.name}"
        problem += ", as from a cache that ignores it"
        if pair.fits is not None and exchange.status not in OVERLOAD_STATUSES:
            fits_own, fits_other = pair.fits[number % 2], pair.fits[1 - number % 2]
            if not fits_own(exchange) and fits_other(exchange):
                return Case(pair.name, show(problem, exchange))
        if pair.must_differ and _is_same_answer(pair.exchanges[number - 1], exchange):
            return Case(pair.name, show(f"{problem}; the two answers are equal to the last digit", exchange))
    return None


def _list_swapped(pair: AskedPair) -> list[int]:
    """The numbers of the answers that fit the other request and not their own."""
    swapped: list[int] = []
    for number, exchange in enumerate(pair.exchanges):
        if pair.fits is not None and number:
            fits_own, fits_other = pair.fits[number % 2], pair.fits[1 - number % 2]
            if not fits_own(exchange) and fits_other(exchange):
                swapped.append(number)
    return swapped


def _explain_unjudged(pair: AskedPair) -> str:
    """Why a pair without a wrong answer shows nothing, or an empty text."""
    for number, exchange in enumerate(pair.exchanges):
        if why := explain_decline(exchange):
            return why
        if pair.fits is not None:
            if not pair.fits[number % 2](exchange):
                return f"an answer that fits neither request: {exchange.outcome}"
        elif not pair.must_differ:
            return pair.why or "the two answers do not differ"
        elif not exchange.ok or exchange.content is None:
            return describe_no_content(exchange)
    return "" if pair.exchanges else pair.why or "the pair was not sent"


def _is_same_answer(one: Exchange, other: Exchange) -> bool:
    """Whether two answers are the same to the last digit."""
    if not (one.ok and other.ok) or one.content is None:
        return False
    return find_difference(one.content, other.content, absolute=0.0, relative=0.0) is None


@judge
def judge_cached_credentials(
    first: Exchange, again: Exchange, control: Exchange, attempts: Sequence[Exchange], show: Show
) -> Verdict:
    """An answer given twice to an authorised caller is not given to one whose credential is wrong or missing.

    `control` is a request never sent before, with a wrong credential: if it is not refused either, the cause is not a
    cache (the smoke suite judges credentials), and this check is INCONCLUSIVE. `attempts` are the answered request with
    a wrong credential and without one.
    """
    for exchange in (first, again):
        if not exchange.ok:
            return make_inconclusive(f"the request with the right credential fails: {exchange.outcome}", n=0)
    if not is_clear_refusal(control) or control.status in OVERLOAD_STATUSES:
        return make_inconclusive(f"a new request with a wrong credential is not refused: {control.outcome}", n=0)
    cases = []
    for name, exchange in zip(("wrong", "missing"), attempts, strict=True):
        problem, unjudged = "", explain_decline(exchange)
        if exchange.status is None or exchange.status >= 500:
            unjudged = exchange.outcome
        elif exchange.ok:
            problem = f"a request that was just answered for another caller is answered with a {name} credential too"
            problem += f": status {exchange.status}"
        elif not is_clear_refusal(exchange):
            problem = f"a request that was just answered for another caller is not refused with a {name} credential"
            problem += f": {exchange.outcome}"
        cases.append(judge_case(name, exchange, problem, show, unjudged))
    return judge_contract(cases, "an answer given to an authorised caller is refused to others")
