"""Judge a chaos experiment: was every declared success one, did the fault land, did the service come back?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.checks.comparison import difference, said
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, EventKind, Exchange, Response
from harness.core.experiment import Experiment, Sample, failed_share, p95, tolerated
from harness.core.objective import Objective
from harness.core.verdict import Status, Verdict, make_error, make_inconclusive

_LAG, UNSTEADY, _FEWEST = 0.1, 0.05, 5
"""Seconds of send lag at p95 above which the load, and not the service, shaped what was seen; share of failed requests
above which a baseline is no steady state, whatever is promised; requests without which it is none, as of a window."""


def silent(exchange: Exchange, reference: Answer | None, *, cut: bool = False) -> str:
    """Why an answer that the service declared a success is none; empty when it is one, or was declared a failure.

    `reference` is an answer of a service that promises to be deterministic, else None. A broken answer is declared a
    success when the HTTP message came to its own end and holds no error event; where only the closing connection ends
    it, nobody declared anything. `cut` says that the harness itself cuts streams on their way from the service.
    """
    if cut and exchange.error is ErrorClass.INCOMPLETE:
        return ""
    told = any(event.kind is EventKind.ERROR for event in exchange.events)
    if exchange.error in (ErrorClass.INVALID, ErrorClass.INCOMPLETE) and not told and _ended(exchange.response):
        return f"a success that is {exchange.error}: {exchange.detail}"
    answer = exchange.answer
    if exchange.error is not None or answer is None or reference is None:
        return ""
    outputs = (said(replace(each, text=None)) for each in (reference, answer))
    same = answer.text == reference.text and difference(*outputs) is None
    return "" if same else "a success that differs from the baseline's answer to the same request"


def _ended(response: Response | None) -> bool:
    framing = ("transfer-encoding", "content-length")
    return response is not None and (response.http_version == "HTTP/2" or any(map(response.header, framing)))


def unsteady(baseline: Sequence[Sample], objectives: Sequence[Objective]) -> str:
    """Why the baseline is no steady state, or an empty string: it may fail no more than is promised under a fault."""
    if len(baseline) < _FEWEST:
        return f"no steady state: {len(baseline)} requests are no baseline; give [chaos] a longer one or a higher rate"
    budgets = [o.budget for o in objectives if o.suite == "chaos" and o.metric == "error_rate"]
    if failed_share(baseline) <= min([UNSTEADY, *budgets]):
        return ""
    failed = sum(not s.good for s in baseline)
    return f"no steady state: {failed} of {len(baseline)} baseline requests failed before any fault was put on"


def invisible(found: Experiment, baseline: Sequence[Sample]) -> str:
    """Why a fault proved by a probe alone may have struck nobody, or an empty string when the answers show it."""
    if not tolerated(found.during(), baseline):
        return ""
    return (
        f"the link was disturbed ({found.proof.detail}), but no request failed or slowed down: a Toxiproxy does not "
        "tell whether the service uses the link; the harness's own fault proxy counts whom it strikes"
    )


def undecided(found: Experiment) -> Verdict | None:
    """The ERROR or INCONCLUSIVE of an experiment that judges nothing, or None."""
    n, evidence = len(found.samples), {"notes": found.notes, "n": len(found.samples)}
    if found.broken:
        return make_error(found.broken, **evidence)
    if broke := sum(s.error == ErrorClass.HARNESS for s in found.samples):
        return make_error(f"the harness broke in {broke} of {n} requests", **evidence)
    if found.undecided:
        return make_inconclusive(found.undecided, **evidence)
    phases = [phase for phase in (found.samples, found.during()) if phase]
    if (lag := max((p95(s.lag for s in phase) for phase in phases), default=0.0)) > _LAG:
        return make_inconclusive(f"bound by the client: requests left {lag:.2f} s late at p95", **evidence)
    if found.proof.confirmed == "none":
        return make_inconclusive(f"the fault did not land: {found.proof.detail}", **evidence)
    if not found.during():
        return make_inconclusive("no request was meant for while the fault was on: nothing was seen of it", **evidence)
    return None


def intact(found: Experiment) -> Verdict:
    """No silent corruption in any phase, and a fault that landed and was lifted. A wrong answer FAILs in any case."""
    wrong = [s for s in found.samples if s.silent]
    n, during = len(found.samples), found.during()
    if wrong:
        reason = (
            f"{len(wrong)} of {n} answers, {sum(s.silent != '' for s in during)} of them to requests under the fault"
        )
        reason = f"{reason}, were wrong: {wrong[0].silent}"
        examples = found.corrupted
        return Verdict(Status.FAIL, reason, n=n, method="contract", counterexamples=examples, notes=found.notes)
    if (verdict := undecided(found)) is not None:
        return verdict
    failed = sum(not s.good for s in during)
    holds = (
        f"{found.fault.kind} landed ({found.proof.detail}) and was lifted; {failed} of {len(during)} requests under it "
        f"failed in the open, and of all {n} no declared success was wrong"
    )
    # One input, repeated: no rate over inputs is excluded (DESIGN 6.2).
    notes = (*found.notes, "one input was repeated: what the service does with others is not judged")
    return Verdict(Status.PASS, holds, n=n, method="contract", notes=notes)


def recovers(found: Experiment, horizon: float, limit: float | None = None) -> Verdict:
    """Back within tolerance of the baseline within `limit` seconds of the lift; FAIL when not seen in `horizon`.

    A limit beyond the horizon is not refuted by a recovery that was not seen.
    """
    if (verdict := undecided(found)) is not None:
        return verdict
    took = None if found.recovered is None else max(0.0, found.recovered - (found.lifted or 0.0))
    most = horizon if limit is None else limit
    held = took is not None and took <= most
    reason = f"no steady state again within {horizon:g} s of the lift (right-censored)"
    if took is not None:
        reason = f"back within tolerance of the baseline {took:.1f} s after the lift"
    status = Status.PASS if held else Status.FAIL
    if took is None and most > horizon:
        status, reason = Status.INCONCLUSIVE, f"{reason}: give [chaos] recovery at least {most:g} s"
    return Verdict(
        status,
        reason,
        metric="recovery",
        unit="s",
        direction="<=",
        estimate=took,
        ci=(horizon, None) if took is None else None,
        method="first of three windows in a row within tolerance of the baseline",
        n=1,
        limit=most,
        counterexamples=() if held else found.failed[-1:],
        notes=found.notes,
    )
