"""The service's own door: keys in disguise, pages of debuggers, injections, other sites, and requests that kill."""

from __future__ import annotations

import secrets

from harness.checks.bad_input.killers import MOST_KILLERS, list_killers
from harness.checks.bad_input.outcomes import judge_bad_inputs
from harness.checks.http import disguises, hostile
from harness.checks.http.hostile import HostileRequest
from harness.core.canary import mint_canary
from harness.core.exchange import Exchange, Request
from harness.core.mutation import CRASH_ON_BAD_INPUT
from harness.suite import Session, Verdict, check, mutate

from .trials import HARM_CONTROLS, HARM_COST, try_until_harmed

_MOST = 40
"""Requests of one check, at most."""
_LET_IN = (
    mutate(
        "change_header",
        name="access-control-allow-origin",
        value=hostile.EVIL_ORIGIN,
        also="access-control-allow-credentials: true",
    ),
)


def _send_all(ai_client: Session, requests: list[HostileRequest]) -> list[tuple[HostileRequest, Exchange]]:
    sent = []
    for request in requests:
        key = ai_client.endpoint.credentials if request.with_key else None
        sent.append((request, ai_client.send(request.request, credentials=key)))
    return sent


@check(
    "no disguise opens the door without a right key",
    grounds=("credentials", "http"),
    requests=2 * disguises.MOST_DISGUISES,
    clauses=("OWASP API2:2023 broken authentication",),
)
def test_disguised_keys(ai_client: Session) -> Verdict:
    right = ai_client.endpoint.credentials
    assert right is not None
    sent = {}
    for name, (request, key) in disguises.list_disguises(ai_client.request(), right).items():
        sent[name] = ai_client.read(ai_client.send(request, credentials=key))
    return disguises.judge_disguises(sent, ai_client.ask(), ai_client.show)


@check(
    "no page of a debugger or manager is open",
    grounds=("http",),
    requests=_MOST,
    broken_by=(mutate("accept_refused", path="/actuator/env", text="propertySources"),),
)
def test_debug_pages(ai_client: Session) -> Verdict:
    sent = _send_all(ai_client, hostile.list_debug_pages())
    nowhere = ai_client.send(Request("GET", f"/{secrets.token_hex(8)}"), credentials=None)
    holds = "no page of a debugger or manager is open"
    return hostile.judge_hostile(sent, ai_client.ask(), holds, ai_client.show, nowhere)


@check(
    "markup, paths and header lines in a request do nothing",
    grounds=("http",),
    requests=_MOST,
    broken_by=(mutate("change_header", name=hostile.INJECTED_HEADER, value="1"),),
)
def test_injections(ai_client: Session) -> Verdict:
    sent = _send_all(ai_client, hostile.list_injections(ai_client.request(), mint_canary(secrets.choice)))
    return hostile.judge_hostile(sent, ai_client.ask(), "no markup, path or header line has an effect", ai_client.show)


@check(
    "other sites may not act with a visitor's credentials",
    level="warn",
    grounds=("http",),
    requests=20,
    broken_by=_LET_IN,
)
def test_foreign_origins(ai_client: Session) -> Verdict:
    sent = _send_all(ai_client, hostile.list_foreign_origins(ai_client.request(), ai_client.endpoint.url))
    return hostile.judge_hostile(sent, ai_client.ask(), "no other site is let in with credentials", ai_client.show)


_MOST_HARM = HARM_CONTROLS + HARM_COST * MOST_KILLERS


@check(
    "no single request ends the service",
    grounds=("http",),
    requests=_MOST_HARM,
    tokens=16 * _MOST_HARM,
    clauses=("OWASP LLM10:2025 unbounded consumption", "MITRE ATLAS AML.T0029 denial of AI service"),
    broken_by=(CRASH_ON_BAD_INPUT,),
)
def test_one_request_kills(ai_client: Session) -> Verdict:
    able = ai_client.capabilities
    killers = list_killers(ai_client.request(), generates=able.generates, embeds=able.embeds)
    return judge_bad_inputs(*try_until_harmed(ai_client, killers), ai_client.show)
