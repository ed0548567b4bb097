"""The service's own door: keys in disguise, pages of debuggers, injections, other sites, and requests that kill."""

from __future__ import annotations

import secrets

from harness.checks.bad_input.killers import KILLERS, make_killer
from harness.checks.bad_input.outcomes import judge_bad_inputs
from harness.checks.http import hostile
from harness.checks.http.hostile import HostileRequest
from harness.core.canary import mint_canary
from harness.core.exchange import Exchange, Request
from harness.suite import Session, Verdict, check

from .trials import HARM_CONTROLS, HARM_COST, try_until_harmed

_MOST = 20
"""Requests of one check, at most."""


def _send_all(ai_client: Session, requests: list[HostileRequest]) -> list[tuple[HostileRequest, Exchange]]:
    sent = []
    for request in requests:
        key = ai_client.endpoint.credentials if request.with_key else None
        sent.append((request, ai_client.send(request.request, credentials=key)))
    return sent


@check("no disguise opens the door without a right key", grounds=("credentials", "http"), requests=_MOST)
def test_disguised_keys(ai_client: Session) -> Verdict:
    right = ai_client.endpoint.credentials
    assert right is not None
    sent = {}
    for name, (request, key) in hostile.list_disguises(ai_client.request(), right).items():
        sent[name] = ai_client.read(ai_client.send(request, credentials=key))
    return hostile.judge_disguises(sent, ai_client.ask(), ai_client.show)


@check("no page of a debugger or manager is open", grounds=("http",), requests=_MOST)
def test_debug_pages(ai_client: Session) -> Verdict:
    sent = _send_all(ai_client, hostile.list_debug_pages())
    nowhere = ai_client.send(Request("GET", f"/{secrets.token_hex(8)}"), credentials=None)
    holds = "no page of a debugger or manager is open"
    return hostile.judge_hostile(sent, ai_client.ask(), holds, ai_client.show, nowhere)


@check("markup, paths and header lines in a request do nothing", grounds=("http",), requests=_MOST)
def test_injections(ai_client: Session) -> Verdict:
    sent = _send_all(ai_client, hostile.list_injections(ai_client.request(), mint_canary(secrets.choice)))
    return hostile.judge_hostile(sent, ai_client.ask(), "no markup, path or header line has an effect", ai_client.show)


@check("other sites may not act with a visitor's credentials", level="warn", grounds=("http",), requests=4)
def test_foreign_origins(ai_client: Session) -> Verdict:
    sent = _send_all(ai_client, hostile.list_foreign_origins(ai_client.request()))
    return hostile.judge_hostile(sent, ai_client.ask(), "no other site is let in with credentials", ai_client.show)


_MOST_KILLERS = HARM_CONTROLS + HARM_COST * len(KILLERS)


@check(
    "no single request ends the service",
    needs=("generates",),
    grounds=("http",),
    requests=_MOST_KILLERS,
    tokens=16 * _MOST_KILLERS,
)
def test_one_request_kills(ai_client: Session) -> Verdict:
    killers = [make_killer(ai_client.request(), name) for name in KILLERS if ai_client.capabilities.text]
    control, trials = try_until_harmed(ai_client, killers)
    return judge_bad_inputs(control, trials, ai_client.show)
