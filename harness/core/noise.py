"""Failures that noise explains: any busy service shows one now and then, whatever was asked (DESIGN 6.2).

A status of 5xx, 408 or 429, a timeout, a dropped connection. What a service does wrongly in an answer is never noise.

Tested in tests/run/test_confirmation.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.exchange import Exchange

_NOISE = frozenset({*TIMEOUT_ERRORS, ErrorClass.CLOSED, ErrorClass.GONE})
_NOISY_STATUSES = (408, 429)


def may_be_noise(exchange: Exchange) -> bool:
    """Whether an exchange failed in a way that says nothing about what was asked."""
    return _is_noisy(str(exchange.error or ""), exchange.status)


def shows_noise(response: Mapping[str, Any] | None) -> bool:
    """The same of the response that a counterexample shows."""
    if response is None:
        return False
    return _is_noisy(str(response.get("error", "")), response.get("status"))


def _is_noisy(error: str, status: int | None) -> bool:
    if error == ErrorClass.STATUS:
        return status is not None and (status >= 500 or status in _NOISY_STATUSES)
    return error in _NOISE
