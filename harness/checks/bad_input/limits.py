"""Limits of size: up to them answers are whole and right, over them there is a clear 4xx, and nothing breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from harness.checks.bad_input.clean_errors import trace_in
from harness.checks.bad_input.outcomes import Kind, Known, kind_of
from harness.checks.common import SHED, Show, case, judge, told
from harness.checks.comparison import alone, arrays, parts_of, said, uneven
from harness.checks.generation.text_cases import usage_of
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

PROMPT = "prompt"
_CUT = 0.6
"""Share of the tokens that a longer prompt should have, under which it was cut."""


class Size(StrEnum):
    """What became of a request of one size."""

    HELD = "answered"
    REFUSED = "refused"
    BROKEN = "refused as broken"
    HARMED = "harmed"
    """It hung, crashed, or was answered with less than was asked."""
    DECLINED = "declined"


_OUTCOMES = {
    Kind.REFUSED: Size.REFUSED,
    Kind.BROKEN: Size.BROKEN,
    Kind.REDIRECTED: Size.BROKEN,
    Kind.UNKNOWN: Size.DECLINED,
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One request of `size`; `wrong` says what is wrong with its answer, though it was answered."""

    size: int
    exchange: Exchange
    wrong: str | None = None

    @property
    def outcome(self) -> Size:
        """What became of it."""
        if self.wrong:
            return Size.HARMED
        if self.exchange.status in SHED or self.exchange.status in (401, 403):
            return Size.DECLINED
        if self.exchange.ok:
            return Size.HELD
        return _OUTCOMES.get(kind_of(self.exchange), Size.HARMED)


@dataclass(frozen=True, slots=True)
class Found:
    """A search for the largest request of a kind: what was `tried`, in its order, and `after` a valid request.

    `what` and `unit` are words ("batch", "rows"). `stopped` says why it ended before a limit or the cap was reached.
    """

    what: str
    unit: str
    cap: int
    tried: Sequence[Tried]
    known: Known
    after: Exchange
    stopped: str = ""

    def name(self, each: Tried) -> str:
        """One of the sizes, in words."""
        return f"a {self.what} of {each.size:,} {self.unit}"

    @property
    def held(self) -> list[Tried]:
        """What was answered, the smallest first."""
        return sorted((each for each in self.tried if each.outcome is Size.HELD), key=lambda each: each.size)

    @property
    def over(self) -> Tried | None:
        """The smallest that was not answered."""
        rest = (each for each in self.tried if each.outcome is not Size.HELD)
        return min(rest, key=lambda each: each.size, default=None)

    @property
    def limit(self) -> str:
        """The limit in a sentence."""
        most = f"the largest {self.what} answered has {self.held[-1].size:,} {self.unit}" if self.held else "none"
        if self.over is None and not self.stopped:
            return f"{most}: no limit up to there, the most that is asked here"
        if self.over is None:
            return f"{most}; {self.stopped}"
        status = self.over.exchange.status
        became = f"{self.over.outcome} ({status})" if status else str(self.over.outcome)
        return f"{most}; the smallest not answered has {self.over.size:,} and is {became}"


def batch_problem(
    first: Sequence[Exchange], again: Sequence[Exchange], order: Sequence[int], got: Exchange
) -> str | None:
    """What is wrong with the answer to a batch of rows `order`, of which each was asked alone twice; None: nothing.

    Where the rows alone do not tell themselves apart, or do not repeat themselves, only their number is judged.
    """
    if got.answer is None or any(each.answer is None for each in first):
        return None
    solo, together = [arrays(each.answer) for each in first], arrays(got.answer)
    names = sorted(name for name, value in solo[0].items() if len(value) == 1)
    if problem := uneven(together, names, len(order)):
        return problem
    told_apart = not alone(first, again)[1]
    for name in names if told_apart else ():
        for place, row in enumerate(order):
            its = solo[row].get(name, [None])[:1]
            if parts := parts_of({name: its}, {name: [together[name][place]]}):
                return f"place {place} of a batch of {len(order)} rows is answered otherwise than alone: {parts}"
    return None


def answer_problem(known: Known, got: Exchange) -> str | None:
    """How the answer to a valid request in another size of body parts from its own."""
    parts = known.changed(got) if got.ok else None
    return f"it is answered otherwise than the same request without the blanks: {parts}" if parts else None


def empty_problem(known: Known, got: Exchange) -> str | None:
    """Whether an answer to a longer prompt says nothing, where the short one's said something."""
    if not got.ok or said(known.first.answer) is None or said(got.answer) is not None:
        return None
    return "it is answered with nothing"


def cut_prompts(held: Sequence[Tried]) -> Tried | None:
    """The first prompt whose tokens, as the service counts them, did not grow with its length; None: all did."""
    counted = [(each, tokens) for each in held if (tokens := usage_of(each.exchange.answer).prompt_tokens)]
    for (one, before), (other, after) in pairwise(counted):
        if other.size >= 2 * one.size and after < _CUT * before * other.size / one.size:
            return other
    return None


@judge
def survived(found: Found, show: Show) -> Verdict:
    """Every size is answered whole and right, or not answered; none hangs or crashes, and the service lives on."""
    if unable := _unable(found):
        return unable
    cases = [_harm(found, each, show) for each in found.tried]
    cases.append(found.known.lives(found.after, show))
    return judge_contract(cases, found.limit).with_notes(found.limit, *([found.stopped] if found.stopped else []))


def _harm(found: Found, each: Tried, show: Show) -> Case:
    name = found.name(each)
    shown = trace_in(each.exchange)
    problem = shown and f"the answer to {name} shows {shown}"
    if each.outcome is Size.HARMED:
        what = each.wrong or f"it is not survived: {kind_of(each.exchange)}, {told(each.exchange)}"
        problem = f"{name}: {what}; {found.limit}"
    return case(name, each.exchange, problem, show)


@judge
def refused(found: Found, show: Show) -> Verdict:
    """What is over a limit is refused with a clear 4xx; nothing is cut to fit in silence."""
    if unable := _unable(found):
        return unable
    cases = []
    cut = cut_prompts(found.held) if found.what == PROMPT else None
    for each in found.tried:
        name, problem = found.name(each), ""
        unjudged = f"declined: {told(each.exchange)}" if each.outcome is Size.DECLINED else ""
        if each.outcome in (Size.BROKEN, Size.HARMED):
            problem = f"{name} is not refused with a 4xx: {each.wrong or told(each.exchange)}"
        elif each is cut:
            problem = f"{name} is cut in silence: it counts hardly more tokens than a shorter one"
        cases.append(case(name, each.exchange, problem, show, unjudged))
    return judge_contract(cases, found.limit).with_notes(found.limit)


def _unable(found: Found) -> Verdict | None:
    if found.known.problem:
        return make_inconclusive(found.known.problem, n=0)
    if found.held or any(each.outcome is Size.HARMED for each in found.tried):
        return None
    told_of = told(found.tried[0].exchange) if found.tried else found.stopped
    return make_inconclusive(f"not even the smallest {found.what} is answered: {told_of}", n=0)
