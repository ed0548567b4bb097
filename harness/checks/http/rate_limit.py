"""A promised rate limit: requests above it are declined with 429, clearly and fast, and served again in time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from harness.checks.common import TOO_MANY_REQUESTS, Show, judge, judge_case, judge_success
from harness.core.errors import ProtocolError
from harness.core.exchange import Exchange, Response
from harness.core.json_text import parse_json
from harness.core.retry_after import read_retry_after
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

RATE_WINDOW = 60.0
"""Seconds for which the promised number of requests counts."""
MAX_RATE_LIMIT = 600
"""The largest limit that is tested: a test takes up to twice as many requests."""
EXTRA_REQUESTS = 5
_FAST = 1.0
"""Seconds within which a refusal must come, unless answers take even longer."""


def read_wait(exchange: Exchange) -> float | None:
    """The seconds that a refusal asks the client to wait; None: it is not a refusal, or states no plausible wait."""
    return read_retry_after(exchange.response) if exchange.status == TOO_MANY_REQUESTS else None


@judge
def judge_rate_limit(
    limit: int, sent: Sequence[Exchange], after: Exchange | None, waited: float, show: Show
) -> Verdict:
    """Of more than `limit` requests within a minute some are declined with 429 and a plausible Retry-After.

    `after` was sent once the requested wait was over; None: that wait is too long for a test, which the notes say.
    Requests sent before this check may have used up a part of the limit, so that fewer accepted ones show nothing.
    """
    refused = _select_refused(sent)
    served = sum(exchange.ok for exchange in sent)
    # A service may decline with 503 at any rate; above the limit it breaks its promise.
    allowed = (TOO_MANY_REQUESTS, 503) if served < limit else (TOO_MANY_REQUESTS,)
    failed = [exchange for exchange in sent if not exchange.ok and exchange.status not in allowed]
    if not refused and not failed and (why := _explain_too_slow(limit, sent)):
        return make_inconclusive(why, n=0)
    if len(refused) == len(sent) and after is None:
        return make_inconclusive("every request is declined, and asks for a wait that is too long for a test", n=0)
    cases = []
    if refused:
        cases.append(Case("declined"))
    elif not failed:
        problem = f"none of {len(sent)} requests within a minute is declined; the promised limit is {limit}"
        cases.append(judge_case("declined", sent[-1], problem, show))
    for exchange in failed[:1]:
        problem = f"in a burst over the limit a request fails and is not declined with 429: {exchange.outcome}"
        cases.append(judge_case("burst", exchange, problem, show))
    for exchange in refused:
        if read_wait(exchange) is None:
            value = exchange.response.header("retry-after") if exchange.response else None
            problem = "429 without Retry-After" if value is None else f"429 with Retry-After {value!r:.60}"
            cases.append(judge_case("Retry-After", exchange, problem, show))
            break
    if after is not None:
        failure = f"{waited:.0f} s later, the wait that Retry-After asked for, a request is not served"
        cases.append(judge_success("served again", after, failure, show))
    holds = f"{served} requests were served and {len(refused)} declined with 429 and Retry-After"
    verdict = judge_contract(cases, holds, distinct=len(cases))
    if refused and after is None:
        return verdict.with_notes("not judged: whether requests are served again: Retry-After is too long to wait for")
    return verdict


def _select_refused(sent: Sequence[Exchange]) -> list[Exchange]:
    return [exchange for exchange in sent if exchange.status == TOO_MANY_REQUESTS]


def _explain_too_slow(limit: int, sent: Sequence[Exchange]) -> str:
    """Why requests that were all served show nothing, or an empty text."""
    times = [exchange.timing for exchange in sent if exchange.ok]
    ends = [time.done for time in times if time.done is not None]
    seconds = max(ends) - min(time.intended for time in times) if ends else 0.0
    if seconds > RATE_WINDOW or len(sent) <= 2 * limit:
        return f"{len(times)} requests in {seconds:.0f} s: too few to be over {limit} within any one minute"
    return ""


@judge
def judge_rate_limit_refusals(sent: Sequence[Exchange], show: Show) -> Verdict:
    """A refusal is a JSON object, and comes no slower than an answer (or within `_FAST`)."""
    refused = _select_refused(sent)
    if not refused:
        return make_inconclusive("nothing was declined with 429", n=0)
    served = [exchange.timing.service_time or 0.0 for exchange in sent if exchange.ok]
    ceiling = max(_FAST, median(served or [0.0]))
    cases = []
    for number, exchange in enumerate(refused):
        seconds = exchange.timing.service_time
        problem = ""
        if not _is_json_object(exchange.response):
            problem = "the body of a refusal is not a JSON object"
        elif seconds is not None and seconds > ceiling:
            problem = f"a refusal took {seconds:.2g} s, longer than a request that is served"
        cases.append(judge_case(f"refusal {number}", exchange, problem, show))
    return judge_contract(cases, f"{len(refused)} refusals are JSON, and fast", distinct=1)


def _is_json_object(response: Response | None) -> bool:
    try:
        return response is not None and isinstance(parse_json(response.body), dict)
    except ProtocolError:
        return False
