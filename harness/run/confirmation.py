"""Ask again before a failure counts that noise explains, so that no case is blamed for a stray one (DESIGN 6.2).

A check whose counterexamples are all of that kind is run again, at most three times, each time after the plain valid
request alone, its control. It FAILs if one of its cases fails in two of the repeats, or if more of its cases fail in
them than a service's background errors explain. Wrong content, a leak, another caller's answer FAIL at first sight,
and so does a service that does not answer its controls either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from harness.checks.bad_input.clean_errors import find_leak
from harness.core.errors import TIMEOUT_ERRORS, BudgetExhausted, ErrorClass, UsageError
from harness.core.exchange import Exchange, Query
from harness.core.noise import may_be_noise, shows_noise
from harness.core.verdict import Counterexample, Status, Verdict, make_inconclusive, merge_contracts
from harness.run.session import Session
from harness.stats.beta import binomial_sf

REPEATS, ENOUGH = 3, 2
"""Repeats of a check at most, and those in which a case must fail again."""
MOST_CONFIRMING = 2 * (2 * ENOUGH - 1)
"""Requests that confirming one inference takes at most: each repeat follows a control."""
BACKGROUND = 0.02
"""The largest share of background errors that may look like a failing check."""
_EXCESS_ALPHA = 0.001
"""Chance that background errors of that share alone make the repeats of one check look like a failure."""
_ENDS = (Status.ERROR, Status.SKIPPED)
"""A repeat that ends so shows nothing: the harness broke, or a ceiling of cost was reached. Its verdict stands."""


@dataclass
class _Repeats:
    """What the repeats of one check showed; `judged` counts their cases."""

    verdicts: list[Verdict] = field(default_factory=list)
    controls: list[Exchange] = field(default_factory=list)
    failed_cases: Counter[str] = field(default_factory=Counter)
    judged: int = 0

    @property
    def failed_controls(self) -> list[Exchange]:
        return [control for control in self.controls if may_be_noise(control)]

    @property
    def is_unwell(self) -> bool:
        """Whether the service fails plain valid requests too. One timeout is enough: the next would cost as much."""
        failed = self.failed_controls
        return len(failed) >= ENOUGH or any(control.error in TIMEOUT_ERRORS for control in failed)

    def is_stray(self, name: str) -> bool:
        """Whether a case did not fail in so many repeats that it cannot fail in two of three."""
        return len(self.verdicts) - self.failed_cases[name] > REPEATS - ENOUGH

    def is_decided(self, name: str) -> bool:
        """Whether a case failed in two repeats, or cannot fail in two of three."""
        return self.is_stray(name) or self.failed_cases[name] >= ENOUGH

    def is_confirmed(self, cases: Sequence[str]) -> bool:
        """Whether the failure is more than noise: one case fails again and again, or too many cases fail."""
        if any(self.failed_cases[name] >= ENOUGH for name in cases):
            return True
        failed = self.failed_cases.total()
        if len(self.verdicts) < ENOUGH or failed < ENOUGH:
            return False
        return binomial_sf(failed, self.judged, BACKGROUND) <= _EXCESS_ALPHA


def judge_confirmed(judge: Callable[[], Verdict], session: Session) -> Verdict:
    """The verdict of a check, asked again where noise may have decided it. `judge` sends its requests and judges."""
    with session.client.patience.limit():
        return _judge_until_decided(judge, session)


def _judge_until_decided(judge: Callable[[], Verdict], session: Session) -> Verdict:
    session.begin_attempt()
    verdict = judge()
    if verdict.status is Status.FAIL:
        if session.noise and _rests_on_noise(verdict):
            return _confirm(judge, verdict, session)
        return _settle_strays(judge, verdict, session)
    if verdict.status is Status.INCONCLUSIVE and session.noise:
        return _decide_again(judge, verdict, session)
    return verdict


def ask_confirmed(session: Session, query: Query, exchange: Exchange | None = None) -> Exchange:
    """Ask one inference; a failure that noise explains stands if two of three repeats, between controls, fail too.

    `exchange` is its answer if it was asked already.
    """
    first = session.ask(query) if exchange is None else exchange
    if not may_be_noise(first):
        return first
    failed: list[Exchange] = []
    answered: list[Exchange] = []
    while len(failed) < ENOUGH and len(answered) < ENOUGH:
        if any(map(may_be_noise, _ask_control(session))):
            break
        again = session.ask(query, repeat=True)
        (failed if may_be_noise(again) else answered).append(again)
    session.settle_noise()
    return answered[-1] if len(answered) == ENOUGH else first


def ask_many_confirmed(session: Session, queries: Sequence[Query], *, concurrency: int) -> list[Exchange]:
    """Ask inferences side by side; failures that noise explains are confirmed one by one (`ask_confirmed`)."""
    answered = session.ask_many(queries, concurrency=concurrency)
    return [ask_confirmed(session, query, exchange) for query, exchange in zip(queries, answered, strict=True)]


def _ask_control(session: Session) -> list[Exchange]:
    """The plain valid request, asked alone and waited for long enough; nothing where there is no sample of one."""
    session.client.patience.begin_attempt()
    try:
        session.sample()
    except UsageError:
        return []
    return [session.ask(repeat=True)]


def _rests_on_noise(verdict: Verdict) -> bool:
    examples = verdict.counterexamples
    return bool(examples) and all(map(_may_be_stray, examples))


def _may_be_stray(example: Counterexample) -> bool:
    if not shows_noise(example.response):
        return False
    return not find_leak(str((example.response or {}).get("body", "")))


def _settle_strays(judge: Callable[[], Verdict], first: Verdict, session: Session) -> Verdict:
    """A FAIL by content without the failures beside it that are stray: those that do not come again in repeats."""
    beside = list(filter(_may_be_stray, first.counterexamples))
    if not beside or len(beside) == len(first.counterexamples):
        return first
    names = _name_strays(first)
    repeats = _Repeats()
    with suppress(BudgetExhausted):  # the FAIL stands without repeats
        _repeat_beside_content(judge, list(names.values()), session, repeats)
    lasting, again = [], []
    for example in first.counterexamples:
        if example not in beside:
            lasting.append(example)
        elif not repeats.is_stray(names.get(id(example), "")):
            again.append(example)
    if again:
        session.settle_noise()
    verdict = replace(first, reason=lasting[0].summary, counterexamples=(*lasting, *again))
    if strays := len(beside) - len(again):
        return verdict.with_notes(f"{strays} further cases failed in a way that noise explains, not again: left out")
    return verdict


def _name_strays(verdict: Verdict) -> dict[int, str]:
    """The names of the cases that noise explains, by the identity of their counterexamples."""
    names: dict[int, str] = {}
    for case in verdict.contract.cases if verdict.contract else ():
        if case.counterexample and _may_be_stray(case.counterexample):
            names[id(case.counterexample)] = case.name
    return names


def _repeat_beside_content(
    judge: Callable[[], Verdict], names: Sequence[str], session: Session, repeats: _Repeats
) -> None:
    """Repeat a check that FAILs anyway, until each of these cases failed again or did not, in two of three."""
    while not all(map(repeats.is_decided, names)):
        repeats.controls += _ask_control(session)
        if repeats.is_unwell or any(control.error is ErrorClass.UNAWAITED for control in repeats.controls):
            return
        if _repeat(judge, session, repeats).status in _ENDS:
            repeats.verdicts.pop()
            return


def _confirm(judge: Callable[[], Verdict], first: Verdict, session: Session) -> Verdict:
    cases, repeats = _list_failed(first), _Repeats()
    for _ in range(REPEATS):
        repeats.controls += _ask_control(session)
        if repeats.controls and repeats.controls[0].error is ErrorClass.GONE:
            return _fail_gone(first, repeats.controls[0], session)
        if repeats.is_unwell:
            return _fail_unwell(first, repeats, session)
        if any(control.error is ErrorClass.UNAWAITED for control in repeats.controls):
            return make_inconclusive(f"{first.reason}; not asked again: {repeats.controls[-1].detail}")
        again = _repeat(judge, session, repeats)
        if again.status in _ENDS:
            return again
        if again.status is Status.FAIL and not _rests_on_noise(again):
            return _settle_strays(judge, again, session)
        if repeats.is_confirmed(cases):
            session.settle_noise()
            return _fail_confirmed(again if again.status is Status.FAIL else first, repeats)
        if all(map(repeats.is_stray, cases)):
            break
    return _merge(first, repeats.verdicts)


def _repeat(judge: Callable[[], Verdict], session: Session, repeats: _Repeats) -> Verdict:
    session.begin_attempt()
    verdict = judge()
    repeats.verdicts.append(verdict)
    repeats.judged += len(verdict.contract.cases) if verdict.contract else 1
    if verdict.status is Status.FAIL:
        repeats.failed_cases.update(_list_failed(verdict))
    return verdict


def _fail_confirmed(verdict: Verdict, repeats: _Repeats) -> Verdict:
    answered = len(repeats.controls) - len(repeats.failed_controls)
    return verdict.with_notes(
        f"confirmed: it failed again when it was repeated {len(repeats.verdicts)} times; "
        f"{answered} of {len(repeats.controls)} plain valid requests between the repeats were answered"
    )


def _fail_gone(first: Verdict, control: Exchange, session: Session) -> Verdict:
    """Nobody listens any more since the case: a dead service needs no repeat, and the case is named."""
    session.settle_noise()
    return replace(first, reason=f"{first.reason}; since then the service is gone: {control.detail}")


def _fail_unwell(first: Verdict, repeats: _Repeats, session: Session) -> Verdict:
    """The service fails with and without the case: its FAIL stands, and says so."""
    failed, sent = repeats.failed_controls, len(repeats.controls)
    note = f"it is not this case alone: the plain valid request failed {len(failed)} of {sent} times afterwards"
    session.settle_noise()
    if len(failed) == sent and not repeats.verdicts:
        return first.with_notes(f"{note}: {failed[-1].outcome}")
    reason = f"the service fails valid requests: {failed[-1].outcome} ({len(failed)} of {sent} asked again)"
    return replace(first, reason=reason).with_notes(f"first seen as: {first.reason}", note)


def _decide_again(judge: Callable[[], Verdict], first: Verdict, session: Session) -> Verdict:
    """A check that stray failures may have left undecided, at most three times more; once more if it waited in vain."""
    attempts: list[Verdict] = []
    has_hung = any(exchange.error in TIMEOUT_ERRORS for exchange in session.noise)
    for _ in range(1 if has_hung else REPEATS):
        if any(may_be_noise(control) or control.error is ErrorClass.UNAWAITED for control in _ask_control(session)):
            break
        session.begin_attempt()
        verdict = judge()
        attempts.append(verdict)
        if verdict.status in _ENDS:
            return verdict
        if verdict.status is Status.FAIL:
            settle = _confirm if _rests_on_noise(verdict) else _settle_strays
            return settle(judge, verdict, session)
        if verdict.status is not Status.INCONCLUSIVE or not session.noise:
            break
        if _merge(first, attempts).status is Status.PASS:
            break
    verdict = _merge(first, attempts)
    if verdict.status is not Status.PASS:
        session.settle_noise()
    return verdict


def _list_failed(verdict: Verdict) -> tuple[str, ...]:
    names = verdict.contract.list_failed() if verdict.contract else ()
    return names or ("",)


def _merge(first: Verdict, repeats: Sequence[Verdict]) -> Verdict:
    """The verdict of the attempts together, none of whose failures counts: each case where it was not disturbed."""
    if not repeats:
        return first
    stray = f"asked again, because a failure that was not repeated had met it: {first.reason}"
    contracts = [verdict.contract for verdict in (first, *repeats) if verdict.contract]
    for verdict in reversed(repeats):
        if verdict.status is Status.PASS or not contracts:
            return verdict.with_notes(stray)
    verdict = merge_contracts(contracts)
    if verdict.status is not Status.FAIL:
        return verdict.with_notes(stray)
    reason = f"a stray failure met each of {len(repeats) + 1} attempts: {verdict.reason}"
    return make_inconclusive(reason, n=0, notes=(stray,), method="contract")
