"""The reference passes the checks of HTTP over TLS and with a key; test_integration_gate.py has the whole suite."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import trustme

from harness.core.endpoint import TLS, Credentials, Endpoint, Secret
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings as ReferenceSettings
from tests.conftest import KEY
from tests.services import asking
from tests.suites.smoke.test_https import serve_over_tls

http, disconnect, trace = (
    import_module(f"harness.suites.integration.{name}") for name in ("test_http", "test_disconnect", "test_trace")
)


def test_over_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, ca.issue_cert("127.0.0.1")) as url:
        endpoint = Endpoint(url, "openai_chat", model="tiny-chat", tls=TLS(ca_file=str(tmp_path / "ca.pem")))
        with asking(Settings(endpoint, ("integration",)), tmp_path) as session:
            for test in (
                http.test_forms_answered_alike,
                http.test_one_connection,
                disconnect.test_leaving_uses_nothing_up,
            ):
                verdict = test(session)
                assert verdict.status is Status.PASS, verdict.reason


def test_the_key_is_sent_and_never_shown(tmp_path: Path) -> None:
    """Hand-written requests carry the credential too, and the evidence never shows it."""
    key = Credentials("bearer", Secret(KEY))
    with ReferenceProcess(ReferenceSettings(api_key=KEY)) as server:
        endpoint = Endpoint(server.url, "openai_chat", model="tiny-chat", credentials=key)
        promises = Promises(request_id="x-request-id")
        with asking(Settings(endpoint, ("integration",), promises=promises), tmp_path) as session:
            for test in (http.test_wrong_bytes_harm_nobody, http.test_one_connection, trace.test_request_id):
                session.begin_check()
                verdict = test(session)
                assert verdict.status is Status.PASS, verdict.reason
                assert KEY not in str(session.show_exchanges())
                assert session.show_exchanges()
                shown = session.show("as it was", session.raw([session.request()])[0])
                assert KEY not in str(shown)
