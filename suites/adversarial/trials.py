"""Requests that may harm the service, one after another, each with a valid request of another caller after it.

Tested in tests/suites/adversarial/test_service_security.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.checks.bad_input.outcomes import BadInputTrial
from harness.checks.bad_input.requests import BadRequest
from harness.checks.control import Control
from harness.suite import Session

HARM_COST, HARM_CONTROLS = 4, 4
"""The most requests that one trial costs, and those before the first."""


def try_until_harmed(ai_client: Session, requests: Iterable[BadRequest]) -> tuple[Control, list[BadInputTrial]]:
    """The valid request and its answers, then each bad request until the service does not answer after one of them."""
    control = Control([ai_client.ask()], [ai_client.ask()], may_reword=not ai_client.promises.deterministic)
    other = ai_client.endpoint.other_credentials
    if other and not ai_client.ask(credentials=other).ok:
        other = None
    trials: list[BadInputTrial] = []
    for bad in () if control.problem else requests:
        exchange = ai_client.send(bad.request)
        after = ai_client.ask(credentials=other) if other else ai_client.ask()
        trials.append(BadInputTrial(bad, exchange, replace(after, authorization="own")))
        if not after.ok:
            break
    return control, trials
