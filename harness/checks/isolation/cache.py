"""A cache gives a kept answer to the same request only: requests that differ in one element are kept apart.

Pairs of requests A and B are asked in turn: A, B, A, B. What each is answered on its own is known without trusting a
cache: from requests that no two share a part of (every number moved by a millionth, another text around the same code),
or since the answers must differ by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.checks.common import SHED, Show, case, clearly_refused, declined, judge, told
from harness.checks.comparison import difference, said
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

Fits = Callable[[Exchange], bool]
"""Whether an answer is the one to A (to B)."""


@dataclass(frozen=True, slots=True)
class Played:
    """Two requests asked in turn (A, B, A, B), and how their own answers are told apart.

    `name` says in what alone they differ. `fits` judges the answers to A and to B; None: nothing tells them apart, for
    the reason `why`. `unequal`: the answers must differ by construction, to the last digit.
    """

    name: str
    asked: tuple[Exchange, ...]
    fits: tuple[Fits, Fits] | None = None
    unequal: bool = False
    why: str = ""


@judge
def kept_apart(played: Sequence[Played], show: Show) -> Verdict:
    """No request of a pair has the other's answer.

    Pairs whose own answers cannot be told apart are named in the notes and not judged; without any pair that can be,
    the check is INCONCLUSIVE.
    """
    cases, notes = [], []
    for pair in played:
        found = _judged(pair, show)
        if found.unjudged and not any(map(declined, pair.asked)):
            notes.append(f"not judged: {pair.name}: {found.unjudged}")
        else:
            cases.append(found)
    if not cases:
        return make_inconclusive("; ".join(notes) or "no pair of requests could be made", n=0)
    holds = f"each has its own answer where requests differ only in {', '.join(each.name for each in cases)}"
    return judge_contract(cases, holds).with_notes(*notes)


def _judged(pair: Played, show: Show) -> Case:
    # What the first request gets, no earlier one can have left: another check's business.
    for number, exchange in enumerate(pair.asked):
        own, other = "AB"[number % 2], "BA"[number % 2]
        what = f"asked {own} after {other}, which differs from it only in {pair.name}: the answer is {other}'s"
        if pair.fits is not None and exchange.status not in SHED:
            mine, theirs = pair.fits[number % 2], pair.fits[1 - number % 2]
            if number and not mine(exchange) and theirs(exchange):
                return Case(pair.name, show(what, exchange))
        if pair.unequal and number and same(pair.asked[number - 1], exchange):
            return Case(pair.name, show(f"{what}, to the last digit", exchange))
    for number, exchange in enumerate(pair.asked):
        if why := declined(exchange):
            return Case(pair.name, unjudged=why)
        if pair.fits is None and not pair.unequal:
            return Case(pair.name, unjudged=pair.why or "their answers do not differ")
        if pair.fits is not None and not pair.fits[number % 2](exchange):
            return Case(pair.name, unjudged=f"an answer that is neither's: {told(exchange)}")
        if pair.fits is None and not exchange.ok:
            return Case(pair.name, unjudged=told(exchange))
    if not pair.asked:
        return Case(pair.name, unjudged=pair.why or "it was not asked")
    return Case(pair.name)


def same(one: Exchange, other: Exchange) -> bool:
    """Whether two answers say the same, to the last digit."""
    if not (one.ok and other.ok) or said(one.answer) is None:
        return False
    return difference(said(one.answer), said(other.answer), absolute=0.0, relative=0.0) is None


@judge
def not_for_others(
    first: Exchange, again: Exchange, control: Exchange, attempts: Sequence[Exchange], show: Show
) -> Verdict:
    """An answer that was given to an authorised caller twice is not given to one whose credential is wrong or missing.

    `control` is a request never sent before, with the wrong credential: where that is not refused, no cache is to blame
    (the smoke suite judges credentials), and nothing is shown.
    """
    for exchange in (first, again):
        if not exchange.ok:
            return make_inconclusive(f"the request with the right credential fails: {told(exchange)}", n=0)
    if not clearly_refused(control) or control.status in SHED:
        return make_inconclusive(f"a new request with a wrong credential is not refused: {told(control)}", n=0)
    cases = []
    for name, exchange in zip(("wrong", "missing"), attempts, strict=True):
        what = f"with a {name} credential, the request that was just answered to another caller gets {exchange.status}"
        unclear = "" if exchange.status and exchange.status < 500 and exchange.status != 429 else told(exchange)
        cases.append(case(name, exchange, "" if clearly_refused(exchange) else what, show, unclear))
    return judge_contract(cases, "an answer given to an authorised caller is refused to others")
