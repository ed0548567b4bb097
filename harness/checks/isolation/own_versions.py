"""Requests to several versions of a model side by side: each gets the answer of its own version.

Tested in tests/suites/integration/test_versions.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from operator import itemgetter

from harness.checks.common import (
    Show,
    count_at_once,
    explain_decline,
    find_failed,
    has_counterexample,
    judge,
    judge_case,
)
from harness.checks.comparison import compare_contents
from harness.checks.isolation.crosstalk import Round
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive


@dataclass(frozen=True, slots=True)
class VersionCall:
    """An input, by its number, asked of a version (None: of the path without one), and its answers alone, asked twice.

    `may_reword`: the outputs are texts that the service does not promise to repeat.
    """

    version: str | None
    number: int
    first: Exchange
    again: Exchange
    may_reword: bool = False

    @property
    def target(self) -> str:
        """What was asked, in words."""
        return "no version" if self.version is None else f"version {self.version}"

    @property
    def own_version(self) -> str | None:
        """The version that both answers alone state; None where they state none, or not the same."""
        stated = {_read_version(exchange) for exchange in (self.first, self.again)}
        return stated.pop() if len(stated) == 1 else None

    @property
    def is_repeated(self) -> bool:
        """Whether both answers alone have the same outputs."""
        return self.first.content is not None and not self.differs(self.again)

    def differs(self, exchange: Exchange) -> bool:
        """Whether an answer has other outputs than this one alone."""
        return compare_contents(self.first.content, exchange.content) is not None

    def is_distinct_from(self, other: VersionCall) -> bool:
        """Whether the same input has another answer from another version, by its outputs or by what it states."""
        if self.number != other.number or None in (self.version, other.version) or self.version == other.version:
            return False
        states = (
            self.own_version is not None and other.own_version is not None and self.own_version != other.own_version
        )
        return states or (self.is_repeated and other.is_repeated and self.differs(other.first))


def _read_version(exchange: Exchange) -> str | None:
    return exchange.answer.version if exchange.answer else None


@judge
def judge_own_versions(
    calls: Sequence[VersionCall], rounds: Sequence[Round], after: Sequence[Exchange], show: Show
) -> Verdict:
    """Side by side, and alone afterwards, each request has the outputs and the stated version that it has alone before.

    A round has the numbers of calls with their answers; `after` has one answer for each call. Where answers state no
    version, outputs alone tell versions apart; where those are equal too, nothing is shown.
    """
    if (failed := find_failed(chain.from_iterable((call.first, call.again) for call in calls))) is not None:
        return make_inconclusive(f"of a listed version a request is not answered alone: {failed.outcome}", n=0)
    versions = list(dict.fromkeys(call.version for call in calls if call.version is not None))
    cases = list(_judge_alone(calls, versions, show))
    if not has_counterexample(cases) and not any(one.is_distinct_from(other) for one, other in combinations(calls, 2)):
        reason = f"versions {', '.join(versions)} answer {1 + calls[-1].number} inputs alike, and state no version"
        return make_inconclusive(f"{reason}: which of them answers is not seen", n=0)
    sent = list(chain.from_iterable(rounds))
    for place, (number, exchange) in enumerate(sent):
        cases.append(_judge_call(f"request {place}", calls, number, exchange, "beside others", show))
    for number, exchange in enumerate(after):
        cases.append(_judge_call(f"call {number}", calls, number, exchange, "alone after all others", show))
    most = count_at_once(map(itemgetter(1), sent))
    if most < 2 and not has_counterexample(cases):
        return make_inconclusive("no two requests were under way at the same time", n=0)
    holds = f"{len(sent)} requests to versions {', '.join(versions)}"
    if any(call.version is None for call in calls):
        holds += " and without a version"
    holds += f", up to {most} at once, each got the answer of their own version"
    if all(call.own_version is None for call in calls):
        holds += " by their outputs (no version is stated)"
    return judge_contract(cases, holds, distinct=len(calls))


def _judge_alone(calls: Sequence[VersionCall], versions: Sequence[str], show: Show) -> Iterator[Case]:
    """A listed version whose answers alone state another listed version."""
    for call in calls:
        is_other = call.version is not None and call.own_version != call.version and call.own_version in versions
        problem = f"{call.target} is asked, alone, and the answers state version {call.own_version}" if is_other else ""
        yield judge_case(f"{call.target}, input {call.number}", call.again, problem, show)


def _judge_call(
    name: str, calls: Sequence[VersionCall], number: int, exchange: Exchange, when: str, show: Show
) -> Case:
    call = calls[number]
    name = f"{name} ({call.target}, input {call.number})"
    problem = _find_problem(calls, call, exchange)
    return judge_case(name, exchange, problem and f"{name}, {when}: {problem}", show, explain_decline(exchange))


def _find_problem(calls: Sequence[VersionCall], call: VersionCall, exchange: Exchange) -> str:
    if not exchange.ok:
        return f"it fails, and was answered alone before: {exchange.outcome}"
    stated = _read_version(exchange)
    if call.own_version is not None and stated != call.own_version:
        return (
            f"its answer states {f'version {stated}' if stated else 'no version'}, and alone version {call.own_version}"
        )
    if not call.is_repeated or not call.differs(exchange):
        return ""
    owners = sorted(calls, key=lambda other: (other.number != call.number, other.version is None))
    for other in owners:
        if other is not call and other.is_repeated and not other.differs(exchange):
            return f"it has the outputs of {other.target} for input {other.number}"
    if call.may_reword:
        return ""
    return f"its outputs differ from those alone: {compare_contents(call.first.content, exchange.content)}"
