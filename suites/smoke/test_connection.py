"""The host name, the connection and the certificate, before any request is sent."""

from __future__ import annotations

from harness.checks.http import connection
from harness.core.errors import TransportError
from harness.core.mutation import LOST_NAME, REFUSED_CONNECTION, UNTRUSTED_CERTIFICATE
from harness.core.verdict import Case, Verdict, judge_contract
from harness.io import reachability
from harness.io.clock import read_epoch
from harness.suite import Session, check, mutate

_NO_NAME, _NO_PORT = (mutate(LOST_NAME),), (mutate(REFUSED_CONNECTION),)


@check("the host name resolves", grounds=("named",), requests=0, before_contact=True, broken_by=_NO_NAME)
def test_name(ai_client: Session) -> Verdict:
    endpoint = ai_client.endpoint
    try:
        addresses = reachability.resolve_host(endpoint.host, endpoint.port, endpoint.deadlines.connect)
    except TransportError as problem:
        return connection.judge_connection_failure(problem)
    return connection.judge_resolution(endpoint.host, addresses)


@check("the port accepts a connection", requests=0, before_contact=True, broken_by=_NO_PORT)
def test_reachable(ai_client: Session) -> Verdict:
    endpoint = ai_client.endpoint
    try:
        reachability.try_connection(endpoint, endpoint.deadlines.connect)
    except TransportError as problem:
        return connection.judge_connection_failure(problem)
    return judge_contract([Case("connect")], f"{endpoint.host}:{endpoint.port} accepts a connection")


@check(
    "the certificate is trusted and not about to expire",
    grounds=("https",),
    requests=0,
    before_contact=True,
    broken_by=(mutate(UNTRUSTED_CERTIFICATE),),
)
def test_certificate(ai_client: Session) -> Verdict:
    try:
        certificate = reachability.read_certificate(ai_client.endpoint, ai_client.endpoint.deadlines.connect)
    except TransportError as problem:
        return connection.judge_connection_failure(problem)
    subject, first, last = certificate.subject, certificate.not_before, certificate.not_after
    return connection.judge_certificate(subject, first, last, read_epoch(), ai_client.promises.certificate_days)
