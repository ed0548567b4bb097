"""The smoke suite over TLS: trusted, untrusted, expired, soon to expire, and a client certificate."""

from __future__ import annotations

import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme
import uvicorn

from harness.reference.backend import create_app
from harness.reference.settings import ServiceSettings
from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.services import serving


@contextmanager
def serve_over_tls(
    folder: Path, ca: trustme.CA, certificate: trustme.LeafCert, *, mutual: bool = False
) -> Iterator[str]:
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


@contextmanager
def serve_script(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose connections each run a script, one after the other, and are closed after it."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        thread = threading.Thread(target=_accept, args=(listener, script), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _accept(listener: socket.socket, script: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock, suppress(OSError):
            sock.settimeout(10)
            script(sock)


def _write_config(folder: Path, tls: str) -> None:
    (folder / "aiharness.toml").write_text(f'[endpoint]\nprotocol = "openai_chat"\nmodel = "tiny-chat"\n{tls}\n')


def _run(folder: Path, url: str, tls: str = 'tls = { ca_file = "ca.pem" }') -> GateOutcome:
    _write_config(folder, tls)
    return run_gate(folder, f"--ai-endpoint={url}", "--ai-only-packaged")


def _leaf(ca: trustme.CA, days: float) -> trustme.LeafCert:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    before = until - datetime.timedelta(days=400)
    return ca.issue_cert("127.0.0.1", not_before=before, not_after=until)


def test_trusted_certificate_passes(tmp_path: Path) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, _leaf(ca, 90)) as url:
        outcome = _run(tmp_path, url)
    assert outcome.status == 0, outcome.out
    assert outcome.check("test_certificate")["verdict"] == "PASS"


def test_untrusted_certificate_fails(tmp_path: Path) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, _leaf(ca, 90)) as url:
        outcome = _run(tmp_path, url, "")
    row = outcome.check("test_certificate")
    assert row["verdict"] == "FAIL"
    assert outcome.status == 1
    assert outcome.check("test_predicts")["verdict"] == "ERROR"


@pytest.mark.parametrize(("days", "said"), [(-1.0, "expired"), (3.0, "days")], ids=["expired", "soon"])
def test_certificate_at_its_end_fails(tmp_path: Path, days: float, said: str) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, _leaf(ca, days)) as url:
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
    with serve_over_tls(tmp_path, ca, _leaf(ca, 90), mutual=True) as url:
        outcome = _run(tmp_path, url, tls)
    assert outcome.status == 0, outcome.out


def _list_failing(outcome: GateOutcome) -> list[str]:
    return [id_ for id_, verdict in outcome.verdicts().items() if verdict == "FAIL"]


def _assert_never_reached(outcome: GateOutcome, words: str) -> None:
    """Nothing was judged but the port: the run ends in ERROR, which says why."""
    assert outcome.status == 21, outcome.out
    assert not _list_failing(outcome)
    passing = [id_ for id_, verdict in outcome.verdicts().items() if verdict == "PASS"]
    assert all(id_.startswith("test_connection.py::") for id_ in passing), passing
    row = outcome.check("test_predicts")
    assert row["reason"].startswith("the endpoint was not reached: "), row["reason"]
    assert words in row["reason"]


PROTOCOLS = ["openai_chat", "plain_json", "auto"]


@pytest.mark.parametrize("protocol", sample_cases(PROTOCOLS, "openai_chat"))
def test_https_to_a_plain_port_was_never_reached(tmp_path: Path, reference: str, protocol: str) -> None:
    url = reference.replace("http:", "https:")
    outcome = run_gate(tmp_path, f"--ai-endpoint={url}", f"--ai-protocol={protocol}", "--ai-only-packaged")
    _assert_never_reached(outcome, "give an http:// URL")
    assert outcome.check("test_certificate")["verdict"] == "ERROR"


@pytest.mark.parametrize("protocol", sample_cases(PROTOCOLS, "auto"))
def test_http_to_a_tls_port_is_told_the_right_url(tmp_path: Path, protocol: str) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, _leaf(ca, 90)) as url:
        plain = url.replace("https:", "http:")
        outcome = run_gate(tmp_path, f"--ai-endpoint={plain}", f"--ai-protocol={protocol}", "--ai-only-packaged")
    _assert_never_reached(outcome, f"give {url}")


def test_a_server_that_explains_the_wrong_scheme_with_400(tmp_path: Path) -> None:
    """As nginx and Go do: the one port tells TLS from HTTP by its first byte."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _leaf(ca, 90).configure_cert(context)

    def answer(sock: socket.socket) -> None:
        if sock.recv(1, socket.MSG_PEEK) == b"\x16":
            context.wrap_socket(sock, server_side=True)
            return
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\nconnection: close\r\n\r\nTLS!")

    with serve_script(answer) as port:
        outcome = _run(tmp_path, f"http://127.0.0.1:{port}", "")
    _assert_never_reached(outcome, f"give https://127.0.0.1:{port}")


def test_a_plain_service_that_refuses_everything_is_judged(tmp_path: Path) -> None:
    with serving(lambda path, body: (400, {"error": "no"})) as url:
        outcome = _run(tmp_path, url, "")
    assert outcome.status == 1, outcome.out


def test_a_missing_client_certificate_is_the_users_to_give(tmp_path: Path) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, _leaf(ca, 90), mutual=True) as url:
        outcome = _run(tmp_path, url)
    _assert_never_reached(outcome, "client_cert")


def _reset(sock: socket.socket) -> None:
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _answer_in_old_tls(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.sendall(b"\x15\x03\x01\x00\x02\x02\x46")  # alert: fatal, protocol_version


def _refuse_the_name(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.sendall(b"\x15\x03\x03\x00\x02\x02\x70")  # alert: fatal, unrecognized_name


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (_reset, "handshake"),
        (lambda sock: None, "handshake"),
        (_answer_in_old_tls, "no TLS version in common"),
        (_refuse_the_name, "SNI"),
    ],
    ids=["reset", "closed", "old version", "unknown name"],
)
def test_a_handshake_that_breaks_is_an_error(
    tmp_path: Path, script: Callable[[socket.socket], None], words: str
) -> None:
    with serve_script(script) as port:
        outcome = _run(tmp_path, f"https://127.0.0.1:{port}", "")
    _assert_never_reached(outcome, words)


@pytest.mark.parametrize("suite", ["integration", "smoke"])
def test_only_the_certificate_fails(tmp_path: Path, suite: str) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, ca.issue_cert("elsewhere.example")) as url:
        _write_config(tmp_path, 'tls = { ca_file = "ca.pem" }')
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", "--ai-only-packaged", suite=suite)
    if suite == "smoke":
        assert _list_failing(outcome) == ["test_connection.py::test_certificate"]
        assert "another address" in outcome.check("test_certificate")["reason"]
        assert outcome.check("test_predicts")["reason"].startswith("the endpoint was not reached: certificate")
    else:  # no check of this suite judges the certificate
        assert not _list_failing(outcome)
    assert outcome.status == (1 if suite == "smoke" else 21)


@pytest.mark.parametrize(
    "line", ['ca_file = "nowhere.pem"', 'ca_file = "aiharness.toml"', 'client_cert = "nowhere.pem"']
)
def test_tls_files_that_are_none_are_one_clear_line(tmp_path: Path, line: str) -> None:
    outcome = _run(tmp_path, "https://127.0.0.1:9", f"tls = {{ {line} }}")
    assert outcome.status == 4, outcome.out + outcome.err
    assert "Traceback" not in outcome.out + outcome.err
