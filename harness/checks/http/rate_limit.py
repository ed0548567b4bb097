"""A promised rate limit: more requests a minute are declined with 429, clearly and fast, and served again in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from statistics import median

from harness.checks.common import Show, case, judge, told
from harness.core.errors import ProtocolError
from harness.core.exchange import Exchange, Response
from harness.core.json_text import parse_json
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

WINDOW = 60.0
"""Seconds that the promised number of requests counts for."""
MOST = 600
"""The largest limit that is tried: finding it out takes up to twice as many requests."""
EXTRA = 5
FAST = 1.0
"""Seconds within which a refusal must come, unless answers take longer still."""
ROUNDING = 1.0
"""Seconds that a wait may be rounded down by: Retry-After is in whole seconds."""
_LONGEST = 86_400.0


def retry_after(response: Response | None) -> float | None:
    """The seconds that `Retry-After` asks to wait (RFC 9110 10.2.3); None: it is not there, or not sane.

    A date counts from the answer's own `Date`; without one it cannot be read.
    """
    value = (response.header("retry-after") or "").strip() if response else ""
    if value.isascii() and value.isdigit():
        return float(value) if float(value) <= _LONGEST else None
    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime((response.header("date") or "") if response else "")
        seconds = (_aware(until) - _aware(now)).total_seconds()
    except (TypeError, ValueError, IndexError):
        return None
    return max(0.0, seconds) if -ROUNDING <= seconds <= _LONGEST else None


def wait_of(exchange: Exchange) -> float | None:
    """The seconds that a refusal asks to wait; None: it is no refusal, or asks nothing sane."""
    return retry_after(exchange.response) if exchange.status == 429 else None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@judge
def declined(limit: int, sent: Sequence[Exchange], after: Exchange | None, waited: float, show: Show) -> Verdict:
    """More than `limit` requests within a minute: some are declined with 429 and a sane Retry-After, none breaks.

    `after` was asked once the time was over that a refusal asked to wait; None: that is too long to wait for, which is
    said in the notes. Requests of before may have taken places: fewer accepted ones than the limit show nothing.
    """
    refused = [each for each in sent if each.status == 429]
    # With 503 a service may shed load at any rate; above the limit it is not what is promised.
    under = sum(each.ok for each in sent) < limit
    broken_ones = [each for each in sent if not each.ok and each.status != 429 and not (under and each.status == 503)]
    if not refused and not broken_ones and (why := _too_slow(limit, sent)):
        return make_inconclusive(why, n=0)
    if len(refused) == len(sent) and after is None:
        return make_inconclusive("every request is declined, and the wait that is asked for is too long", n=0)
    cases = []
    if refused:
        cases.append(Case("declined"))
    elif not broken_ones:
        what = f"{len(sent)} requests within a minute, and none is declined: {limit} are promised to be the limit"
        cases.append(case("declined", sent[-1], what, show))
    for exchange in broken_ones[:1]:
        what = f"in a burst over the limit a request is not declined with 429 but fails: {told(exchange)}"
        cases.append(case("whole", exchange, what, show))
    for exchange in [each for each in refused if wait_of(each) is None][:1]:
        value = exchange.response.header("retry-after") if exchange.response else None
        what = "429 without Retry-After" if value is None else f"429 with Retry-After {value!r:.60}"
        cases.append(case("Retry-After", exchange, what, show))
    if after is not None:
        what = f"{waited:.0f} s later, as Retry-After asks, a request is not served: {told(after)}"
        cases.append(case("served again", after, "" if after.ok else what, show))
    holds = f"{len(sent) - len(refused)} requests were served and {len(refused)} declined with 429 and Retry-After"
    verdict = judge_contract(cases, holds, distinct=len(cases))
    if refused and after is None:
        return verdict.with_notes("not judged: whether requests are served again: Retry-After is too long to wait for")
    return verdict


def _too_slow(limit: int, sent: Sequence[Exchange]) -> str:
    """Why requests that were all served show nothing, or an empty text."""
    served = [each for each in sent if each.ok]
    times = [each.timing for each in served]
    ends = [each.done for each in times if each.done is not None]
    seconds = max(ends) - min(each.intended for each in times) if ends else 0.0
    if seconds > WINDOW or len(sent) <= 2 * limit:
        return f"{len(served)} requests in {seconds:.0f} s: too few to be over {limit} within any one minute"
    return ""


@judge
def in_good_manner(sent: Sequence[Exchange], show: Show) -> Verdict:
    """What is declined is declined in JSON, and no slower than requests are served (or within `FAST`)."""
    refused = [each for each in sent if each.status == 429]
    if not refused:
        return make_inconclusive("nothing was declined with 429", n=0)
    served = [each.timing.service_time for each in sent if each.ok and each.timing.service_time is not None]
    ceiling = max(FAST, median(served) if served else 0.0)
    cases = []
    for number, exchange in enumerate(refused):
        taken = exchange.timing.service_time
        problem = "" if _is_object(exchange.response) else "a refusal is no JSON object"
        if not problem and taken is not None and taken > ceiling:
            problem = f"a refusal took {taken:.2g} s, longer than a request that is served"
        cases.append(case(f"refusal {number}", exchange, problem, show))
    return judge_contract(cases, f"{len(refused)} refusals are JSON, and fast", distinct=1)


def _is_object(response: Response | None) -> bool:
    try:
        return response is not None and isinstance(parse_json(response.body), dict)
    except ProtocolError:
        return False
