"""Canaries: fresh marks planted in one request, and searched for, in any disguise, in the answers to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.checks.common import Show, judge, judge_case
from harness.core.canary import find_canary
from harness.core.exchange import Exchange
from harness.core.probe import read_everything
from harness.core.verdict import Verdict, judge_contract, make_error


@dataclass(frozen=True, slots=True)
class CanaryProbe:
    """One request and the canaries that its answer must not hold.

    `refused`: the request is invalid, and its refusal is searched. Any other probe is judged only if it was answered.
    """

    name: str
    exchange: Exchange
    forbidden: tuple[str, ...]
    refused: bool = False


@judge
def judge_canaries(probes: Sequence[CanaryProbe], controls: Sequence[CanaryProbe], holds: str, show: Show) -> Verdict:
    """FAIL when an answer (text, body or header lines) holds a forbidden canary in any disguise.

    The controls were never given the canaries that they forbid: finding one there means that the detector is unsound,
    which is an ERROR. An error, silence or an empty answer is no evidence of safety: such a probe is unjudged.
    """
    for control in controls:
        if hit := _find_hit(control):
            return make_error(f"the detector is unsound: {control.name} holds {hit}, which it was never given")
    cases = []
    for probe in probes:
        hit = _find_hit(probe)
        problem = hit and f"{probe.name}: the answer holds the canary {hit}"
        cases.append(judge_case(probe.name, probe.exchange, problem, show, "" if hit else _explain_unjudged(probe)))
    return judge_contract(cases, holds, distinct=len({probe.exchange.request.body for probe in probes}))


def _find_hit(probe: CanaryProbe) -> str | None:
    """The first forbidden canary in the answer and how the answer holds it, or None."""
    answer = read_everything(probe.exchange)
    for canary in probe.forbidden:
        if reading := find_canary(canary, answer):
            return f"{canary} ({reading} text)"
    return None


def _explain_unjudged(probe: CanaryProbe) -> str:
    """Why a probe without a hit shows nothing, or an empty text."""
    exchange = probe.exchange
    if probe.refused and exchange.response is not None:
        return ""
    if not exchange.ok:
        return exchange.outcome
    return "" if exchange.answer and (exchange.answer.text or "").strip() else "the answer is empty"
