"""Name, TLS and certificate: judged from what the socket layer found, with the time passed in."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.core.errors import ErrorClass, TransportError
from harness.core.verdict import Case, Counterexample, Verdict, judge_contract, make_error

DAY = 86_400.0


def resolves(host: str, addresses: tuple[str, ...]) -> Verdict:
    """The host name has at least one address."""
    if not addresses:
        return make_error(f"{host} has no address")
    return judge_contract([Case(host)], f"{host} is {', '.join(addresses[:4])}")


def broken(problem: TransportError) -> Verdict:
    """What a failure below the protocol means: a bad certificate is the service's FAIL, the rest is ERROR."""
    if problem.error is ErrorClass.TLS:
        return judge_contract([Case("certificate", Counterexample(str(problem)))], "")
    return make_error(str(problem))


def certificate(subject: str, not_before: float, not_after: float, now: float, days: float) -> Verdict:
    """A verified certificate is valid now and for `days` more; times in seconds of the Unix epoch."""
    until = datetime.fromtimestamp(not_after, UTC).date().isoformat()
    left = (not_after - now) / DAY
    problem = None
    if now < not_before:
        problem = (
            f"the certificate of {subject} is not valid before {datetime.fromtimestamp(not_before, UTC).isoformat()}"
        )
    elif left < days:
        problem = f"the certificate of {subject} ends on {until}, in {left:.1f} days; at least {days:g} are asked for"
    case = Case("validity", Counterexample(problem) if problem else None)
    return judge_contract([case], f"the certificate of {subject} is verified and valid until {until} ({left:.0f} days)")
