"""The smoke suite over TLS: trusted, untrusted, expired, soon to expire, and a client certificate."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
import uvicorn

from harness.reference.backend import create_app
from harness.reference.settings import ServiceSettings
from tests.conftest import GateOutcome, run_gate


@contextmanager
def served(folder: Path, ca: trustme.CA, certificate: trustme.LeafCert, *, mutual: bool = False) -> Iterator[str]:
    """The reference backend behind TLS, in a thread of this process."""
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    config = uvicorn.Config(
        create_app(ServiceSettings()),
        host="127.0.0.1",
        port=0,
        log_level="critical",
        ssl_certfile=str(folder / "server.pem"),
        ssl_ca_certs=str(folder / "ca.pem"),
        ssl_cert_reqs=ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        for _ in range(200):
            if server.started:
                break
            thread.join(0.05)
        yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def _run(folder: Path, url: str, tls: str = 'tls = { ca_file = "ca.pem" }') -> GateOutcome:
    (folder / "aiharness.toml").write_text(f'[endpoint]\nprotocol = "openai_chat"\nmodel = "tiny-chat"\n{tls}\n')
    return run_gate(folder, f"--ai-endpoint={url}", "--ai-only-packaged")


def _leaf(ca: trustme.CA, days: float) -> trustme.LeafCert:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    before = until - datetime.timedelta(days=400)
    return ca.issue_cert("127.0.0.1", not_before=before, not_after=until)


def test_trusted_certificate_passes(tmp_path: Path) -> None:
    ca = trustme.CA()
    with served(tmp_path, ca, _leaf(ca, 90)) as url:
        outcome = _run(tmp_path, url)
    assert outcome.status == 0, outcome.out
    assert outcome.check("test_certificate")["verdict"] == "PASS"


def test_untrusted_certificate_fails(tmp_path: Path) -> None:
    ca = trustme.CA()
    with served(tmp_path, ca, _leaf(ca, 90)) as url:
        outcome = _run(tmp_path, url, "")
    row = outcome.check("test_certificate")
    assert row["verdict"] == "FAIL"
    assert outcome.status == 1
    assert outcome.check("test_predicts")["verdict"] == "ERROR"


@pytest.mark.parametrize(("days", "said"), [(-1.0, "expired"), (3.0, "days")], ids=["expired", "soon"])
def test_certificate_at_its_end_fails(tmp_path: Path, days: float, said: str) -> None:
    ca = trustme.CA()
    with served(tmp_path, ca, _leaf(ca, days)) as url:
        outcome = _run(tmp_path, url)
    row = outcome.check("test_certificate")
    assert row["verdict"] == "FAIL", outcome.out
    assert said in row["reason"]


def test_client_certificate(tmp_path: Path) -> None:
    ca = trustme.CA()
    client = ca.issue_cert("client@example.org")
    client.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    tls = 'tls = { ca_file = "ca.pem", client_cert = "cert.pem", client_key = "key.pem" }'
    with served(tmp_path, ca, _leaf(ca, 90), mutual=True) as url:
        outcome = _run(tmp_path, url, tls)
    assert outcome.status == 0, outcome.out


@pytest.mark.parametrize(
    "line", ['ca_file = "nowhere.pem"', 'ca_file = "aiharness.toml"', 'client_cert = "nowhere.pem"']
)
def test_tls_files_that_are_none_are_one_clear_line(tmp_path: Path, line: str) -> None:
    outcome = _run(tmp_path, "https://127.0.0.1:9", f"tls = {{ {line} }}")
    assert outcome.status == 4, outcome.out + outcome.err
    assert "Traceback" not in outcome.out + outcome.err
