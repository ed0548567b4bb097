"""Name and certificate of the endpoint, judged from what the socket layer reports and the time."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.core.errors import ErrorClass, TransportError
from harness.core.verdict import Case, Counterexample, Verdict, judge_contract, make_error

_DAY = 86_400.0


def judge_resolution(host: str, addresses: tuple[str, ...]) -> Verdict:
    """The host name has at least one address."""
    if not addresses:
        return make_error(f"{host} has no address")
    return judge_contract([Case(host)], f"{host} is {', '.join(addresses[:4])}")


def judge_connection_failure(failure: TransportError) -> Verdict:
    """A failure to connect: a bad certificate is the service's FAIL, anything else an ERROR."""
    if failure.error is ErrorClass.CERTIFICATE:
        return judge_contract([Case("certificate", Counterexample(str(failure)))], "")
    return make_error(f"the endpoint was not reached: {failure}")


def judge_certificate(subject: str, not_before: float, not_after: float, now: float, days: float) -> Verdict:
    """A verified certificate is valid now and for `days` more; times in seconds of the Unix epoch."""
    certificate = f"the certificate of {subject}"
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in (not_before, not_after))
    left = (not_after - now) / _DAY
    case = Case("validity")
    if now < not_before:
        case = Case("validity", Counterexample(f"{certificate} is not valid before {start.isoformat()}"))
    elif left < days:
        problem = f"{certificate} ends on {end.date()}, in {left:.1f} days; at least {days:g} are required"
        case = Case("validity", Counterexample(problem))
    return judge_contract([case], f"{certificate} is verified and valid until {end.date()} ({left:.0f} days)")
