"""Versions of TLS that have long been broken."""

from __future__ import annotations

from harness.checks.http.connection import judge_connection_failure
from harness.checks.http.tls_floor import judge_tls_floor
from harness.core.errors import TransportError
from harness.core.mutation import OLD_TLS
from harness.io.old_tls import OLD_VERSIONS, try_handshake
from harness.suite import Session, Verdict, check, mutate


@check(
    "TLS 1.0 and 1.1 are refused",
    grounds=("https", "direct"),
    requests=0,
    broken_by=(mutate(OLD_TLS),),
    clauses=("RFC 8996", "CWE-327 use of a broken cryptographic algorithm"),
)
def test_tls_floor(ai_client: Session) -> Verdict:
    endpoint = ai_client.endpoint
    seconds = endpoint.deadlines.connect
    try:
        control = try_handshake(endpoint, None, seconds)
        outcomes = {name: try_handshake(endpoint, version, seconds) for name, version in OLD_VERSIONS.items()}
    except TransportError as problem:
        return judge_connection_failure(problem)
    return judge_tls_floor(outcomes, control)
