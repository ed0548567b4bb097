"""Wrong requests: refused as such, without a leak, in one shape."""

from __future__ import annotations

from harness.checks import errors
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Verdict
from harness.run.session import Session
from harness.suite import check


def _sent(ai_client: Session, request: Request) -> Exchange:
    found = ai_client.send(request)
    # A server may end a kept-alive connection at any time, and many do after an error, unannounced (RFC 9112 9.5).
    return ai_client.send(request) if found.error is ErrorClass.CLOSED else found


def _answers(ai_client: Session) -> dict[str, Exchange]:
    return {
        name: _sent(ai_client, request)
        for name, request in ai_client.adapter.bad_requests(ai_client.endpoint, ai_client.facts).items()
    }


@check("errors show nothing internal", requests=16)
def test_nothing_leaks(ai_client: Session) -> Verdict:
    return errors.nothing_leaks(_answers(ai_client), ai_client.show)


@check("wrong requests are refused with a 4xx", level="warn", requests=16)
def test_refused(ai_client: Session) -> Verdict:
    return errors.refused(_answers(ai_client), ai_client.show)


@check("errors have one shape", level="warn", grounds=("http",), requests=16)
def test_one_shape(ai_client: Session) -> Verdict:
    return errors.one_shape(_answers(ai_client), ai_client.show)
