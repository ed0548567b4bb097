"""How long a service that declines a request asks its client to wait.

Tested in tests/suites/integration/test_rate_limit_and_idempotency.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from harness.core.exchange import Exchange, Response

ROUNDING = 1.0
"""Seconds by which a wait may be rounded down: Retry-After is in whole seconds."""
_MAX_WAIT = 86_400.0
_DECLINED = (429, 503)


def read_retry_after(response: Response | None) -> float | None:
    """The seconds that `Retry-After` asks the client to wait (RFC 9110 10.2.3); None: it is missing or not plausible.

    A date counts from the answer's own `Date`, and cannot be read without one.
    """
    if response is None:
        return None
    value = (response.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        try:
            until, now = map(_parse_date, (value, response.header("date") or ""))
        except (TypeError, ValueError, IndexError):
            return None
        seconds = (until - now).total_seconds()
    return max(0.0, seconds) if -ROUNDING <= seconds <= _MAX_WAIT else None


def read_stated_wait(response: Response | None) -> float | None:
    """The seconds by `retry-after-ms` (OpenAI, Azure), which is finer, else by `Retry-After`."""
    milliseconds = (response.header("retry-after-ms") or "").strip() if response else ""
    if milliseconds.isascii() and milliseconds.isdigit() and float(milliseconds) <= _MAX_WAIT * 1e3:
        return float(milliseconds) / 1e3
    return read_retry_after(response)


def is_declined(exchange: Exchange) -> bool:
    """Whether the service declined a request for now: 429, or 503 that says when to come again."""
    if exchange.status not in _DECLINED:
        return False
    return exchange.status != _DECLINED[1] or read_stated_wait(exchange.response) is not None


def _parse_date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
