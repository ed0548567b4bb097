"""Determinism: an input has one answer, cold and warm, alone and beside other requests.

Tested in tests/suites/validation/test_determinism.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.checks.common import (
    OVERLOAD_STATUSES,
    Show,
    explain_decline,
    is_clear_refusal,
    judge,
    judge_case,
)
from harness.checks.comparison import compare_contents
from harness.checks.generation.thinking import describe_no_content, has_text
from harness.core.errors import TIMEOUT_ERRORS
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive


@dataclass(frozen=True, slots=True)
class AskedInput:
    """One input and its answers.

    `kind` says what it is ("prompt of 220 words"). `cold`, `warm` and `last` came to it alone: the first two before
    all others, the last after them. `beside` has those with other requests in flight, by how many were at most.
    """

    kind: str
    cold: Exchange
    warm: Exchange
    last: Exchange
    beside: Mapping[int, Sequence[Exchange]]

    @property
    def is_refused(self) -> bool:
        """Whether the service takes no such input: a prompt may be longer than its context."""
        alone = (self.cold, self.warm, self.last)
        return all(is_clear_refusal(answer) and answer.status not in OVERLOAD_STATUSES for answer in alone)

    def list_occasions(self) -> Iterator[tuple[str, Exchange]]:
        """Every other answer than the warm one, which they are compared with, and when it came."""
        yield "asked alone again, after all others", self.last
        yield "asked for the first time (cold)", self.cold
        for most, exchanges in sorted(self.beside.items()):
            for exchange in exchanges:
                yield f"with {most} requests in flight", exchange


@judge
def judge_determinism(inputs: Sequence[AskedInput], show: Show, *, is_promised: bool) -> Verdict:
    """Every input has the answer that it had alone: when it was cold, when all was warm, and beside others.

    Two answers to it alone are the control. Where they differ, nothing else can be judged of this input, unless
    determinism is promised: then this is what is wrong.
    """
    refused = Counter(asked.kind for asked in inputs if asked.is_refused)
    judged = [asked for asked in inputs if refused[asked.kind] < sum(other.kind == asked.kind for other in inputs)]
    notes = [f"every {kind} is refused" for kind in refused if all(asked.kind != kind for asked in judged)]
    if not judged:
        why = f"{notes[0]}: {inputs[0].cold.outcome}" if inputs else "nothing was asked"
        return make_inconclusive(why, n=0)
    cases: list[Case] = []
    counts, strays = Counter[str](), Counter[str]()
    for asked in judged:
        for occasion, case in _judge_input(asked, show, is_promised):
            cases.append(case)
            counts[occasion] += 1
            strays[occasion] += case.counterexample is not None
    kinds = " and ".join(f"{count} x {kind}" for kind, count in Counter(asked.kind for asked in judged).items())
    most = max((max(asked.beside, default=1) for asked in judged), default=1)
    holds = f"{kinds}: one answer each, cold and warm, alone and with up to {most} requests in flight"
    if strays.total():
        notes.append("answers that differ: " + "; ".join(f"{strays[name]} of {counts[name]} {name}" for name in counts))
    return judge_contract(cases, holds, distinct=len(judged)).with_notes(*notes)


def _judge_input(asked: AskedInput, show: Show, is_promised: bool) -> Iterator[tuple[str, Case]]:
    for exchange in (asked.warm, asked.last):
        if not exchange.ok or not has_text(exchange):
            why = f"asked alone it has no answer to compare with: {describe_no_content(exchange)}"
            yield "asked alone", Case(asked.kind, unjudged=explain_decline(exchange) or why)
            return
    varies = compare_contents(asked.warm.content, asked.last.content)
    if varies and not is_promised:
        why = f"asked alone twice it has two answers, and determinism is not promised: {varies}"
        yield "asked alone", Case(asked.kind, unjudged=why)
        return
    for occasion, exchange in asked.list_occasions():
        problem = f"a {asked.kind} that is answered when it is alone fails {occasion}: {exchange.outcome}"
        if exchange.ok:
            change = compare_contents(asked.warm.content, exchange.content)
            problem = f"a {asked.kind} has another answer {occasion}: {change}" if change else ""
        name = f"{asked.kind}, {occasion}"
        yield occasion, judge_case(name, exchange, problem, show, explain_decline(exchange) or _explain_late(exchange))


def _explain_late(exchange: Exchange) -> str:
    """Why a late answer shows nothing here: how long requests wait for one another is no matter of their text."""
    return f"it came too late to be compared: {exchange.outcome}" if exchange.error in TIMEOUT_ERRORS else ""
