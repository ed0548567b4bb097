"""The reference passes the checks of HTTP in each protocol, and over TLS."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import trustme

from harness.core.endpoint import TLS, Credentials, Endpoint, Secret
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings as ReferenceSettings
from tests.catalogues import sample_cases
from tests.conftest import KEY, run_gate
from tests.services import asking
from tests.suites.smoke.test_https import served

OURS = ("test_http.py", "test_disconnect.py", "test_trace.py")
http, disconnect, trace = (
    import_module(f"harness.suites.integration.{name}") for name in ("test_http", "test_disconnect", "test_trace")
)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", sample_cases(["v2", "plain_json", "openai_chat"], "v2"))
def test_the_reference_passes(tmp_path: Path, reference: str, protocol: str) -> None:
    model = "tiny-chat" if protocol == "openai_chat" else "digits"
    config = f'[endpoint]\nprotocol = "{protocol}"\nmodel = "{model}"\n[promises]\nrequest_id = "x-request-id"\n'
    (tmp_path / "aiharness.toml").write_text(config)
    chosen = ("-k", "test_http or test_disconnect or test_trace", "--ai-allow-partial")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", *chosen, suite="integration")
    assert outcome.gate is not None, outcome.out + outcome.err
    mine = [check for check in outcome.gate["checks"] if any(name in check["id"] for name in OURS)]
    assert len(mine) == 11
    lost = [check["id"] + ": " + check["reason"] for check in mine if check["verdict"] != "PASS"]
    assert lost == []


def test_over_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    with served(tmp_path, ca, ca.issue_cert("127.0.0.1")) as url:
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
