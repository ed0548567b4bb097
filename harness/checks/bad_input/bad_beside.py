"""Answers that are under way while bad requests arrive: what becomes of them, judged beside a round without any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from harness.checks.bad_input.requests import BadRequest
from harness.checks.common import OVERLOAD_STATUSES, Show, find_failed, judge, judge_case, judge_last_request
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

CONFIRMING_ROUNDS = 2
"""Rounds with a bad request alone in which answers must break."""
_SHOWN = 3
"""Bad requests that are named where several were sent beside the same answers."""


@dataclass(frozen=True, slots=True)
class DisturbedRound:
    """Long answers, and the bad requests that were answered while at least one of them was still under way.

    `expected`: the text of each answer, where it is known.
    """

    bad: Sequence[tuple[BadRequest, Exchange]]
    answers: Sequence[Exchange]
    expected: str | None = None

    def list_harmed(self) -> list[Exchange]:
        """The answers that did not come whole; one that was declined was never under way."""
        return list(filter(self._is_harmed, self.answers))

    def _is_harmed(self, exchange: Exchange) -> bool:
        if not exchange.ok:
            return exchange.status not in OVERLOAD_STATUSES
        return self.expected is not None and exchange.text != self.expected

    def describe_bad(self) -> str:
        """The names of the first bad requests, and how many more there are."""
        names = self.list_names()
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return ", ".join(names[:_SHOWN]) + more

    def list_names(self) -> list[str]:
        """The names of the bad requests."""
        return [bad.name for bad, _ in self.bad]


@judge
def judge_answers_under_way(
    undisturbed: Sequence[Exchange], rounds: Sequence[DisturbedRound], after: Exchange, show: Show
) -> Verdict:
    """Every answer that was under way when a bad request came ends as it does without one.

    A bad request harms if answers broke in two rounds in which it was alone, or in one after which the service is
    gone: one broken stream may be chance. What is not confirmed so is not judged. `undisturbed`: the same answers side
    by side, before any bad request.
    """
    failed = find_failed(undisturbed)
    if failed is not None:
        return make_inconclusive(f"long answers side by side fail without a bad request: {failed.outcome}", n=0)
    cases: list[Case] = []
    broken_alone: Counter[str] = Counter()
    for turn in rounds:
        if len(turn.bad) == 1 and turn.list_harmed():
            broken_alone[turn.bad[0][0].name] += 1
    needed = CONFIRMING_ROUNDS if after.ok else 1
    harmful = {name for name, times in broken_alone.items() if times >= needed}
    for turn in rounds:
        cases += _judge_round(turn, harmful, show)
    if not cases:
        return make_inconclusive("no answer was still under way when a bad request came", n=0)
    if not after.ok:
        problem = "after the bad requests a plain request is not answered"
        cases.append(judge_last_request(after, show, problem))
    names = sorted(set(chain.from_iterable(map(DisturbedRound.list_names, rounds))))
    events = min((len(exchange.timing.tokens) for exchange in undisturbed), default=0)
    length = f"{len(undisturbed)} at once, of {events} events or more"
    holds = f"{len(names)} bad requests disturb none of the answers that are under way ({length})"
    return judge_contract(cases, holds).with_notes(f"bad requests: {', '.join(names)}" if names else "")


def _judge_round(turn: DisturbedRound, harmful: set[str], show: Show) -> list[Case]:
    """A case for each bad request of the round: its own where it was alone, shared where none harmed."""
    harmed = turn.list_harmed()
    if not harmed:
        return list(map(Case, turn.list_names()))
    many = f"{len(harmed)} of {len(turn.answers)} answers that were under way"
    how = "it is complete, and has another text than without" if harmed[0].ok else harmed[0].outcome
    is_confirmed = not harmful.isdisjoint(turn.list_names())
    if len(turn.bad) == 1 and is_confirmed:
        bad, answered = turn.bad[0]
        problem = f"{bad.name} breaks {many}: {how}; it is itself {answered.outcome}"
        return [judge_case(bad.name, answered, problem, show)]
    if is_confirmed:
        return []  # the rounds in which it is alone say so
    why = f"{many} failed beside {turn.describe_bad()}, and not each time again: {how}"
    return [Case(name, unjudged=why) for name in turn.list_names()]
