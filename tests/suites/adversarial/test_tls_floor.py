"""The floor of TLS through a gate, on servers that speak old versions and on one that does not."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from harness.checks.http.tls_floor import judge_tls_floor
from harness.core.endpoint import Endpoint
from harness.core.errors import TransportError
from harness.core.verdict import Status
from harness.io.old_tls import OLD_VERSIONS, Handshake, try_handshake
from tests.conftest import run_gate
from tests.services import Answered, QuietServer, make_handler

CONFIG = """
[endpoint]
url = "{url}"
protocol = "plain_json"
sample = [1.0]
[endpoint.tls]
ca_file = "ca.pem"
"""


@contextmanager
def speaking(folder: Path, versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None) -> Iterator[str]:
    """A service that speaks these versions of TLS; None: the versions that Python allows by default."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    if versions is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = versions
    server = QuietServer(("127.0.0.1", 0), make_handler(_answer))
    # The handshake is made by the thread that reads the first request.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _answer(path: str, body: Any) -> Answered:
    return (200, {"predictions": [1.0]}) if path == "/predict" and body is not None else (404, {})


def try_all(url: str) -> dict[str, Handshake]:
    versions = {"today": None, **OLD_VERSIONS}
    return {name: try_handshake(Endpoint(url), version, 10.0) for name, version in versions.items()}


def test_each_old_version_that_is_spoken_is_seen(tmp_path: Path) -> None:
    lowest, old, today = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_3
    with speaking(tmp_path, (lowest, today)) as url:
        assert set(try_all(url).values()) == {Handshake.DONE}
    with speaking(tmp_path, (old, today)) as url:
        assert [*try_all(url).values()] == [Handshake.DONE, Handshake.REFUSED, Handshake.DONE]
    with speaking(tmp_path, None) as url:
        assert [*try_all(url).values()] == [Handshake.DONE, Handshake.REFUSED, Handshake.REFUSED]


def test_a_port_without_tls_or_without_anybody_decides_nothing() -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        url = f"https://127.0.0.2:{listener.getsockname()[1]}"
        assert try_handshake(Endpoint(url), None, 0.2) is Handshake.UNKNOWN
    with pytest.raises(TransportError):
        try_handshake(Endpoint(url), None, 5.0)


def test_only_a_done_handshake_fails() -> None:
    def judge(*outcomes: str, control: str = "done") -> Status:
        return judge_tls_floor(dict(zip(("TLS 1.0", "TLS 1.1"), outcomes, strict=True)), control).status

    assert judge("refused", "refused") is Status.PASS
    assert judge("refused", "done") is Status.FAIL
    assert judge("no answer", "done") is Status.FAIL
    assert judge("refused", "no answer") is Status.INCONCLUSIVE
    assert judge("refused", "refused", control="refused") is Status.INCONCLUSIVE


@pytest.mark.parametrize(("has_old", "verdict"), [(True, "FAIL"), (False, "PASS")])
def test_the_gate_names_the_version(tmp_path: Path, has_old: bool, verdict: str) -> None:
    versions = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_3) if has_old else None
    with speaking(tmp_path, versions) as url:
        (tmp_path / "aiharness.toml").write_text(CONFIG.format(url=url))
        outcome = run_gate(tmp_path, "--ai-allow-partial", "-k", "tls_floor", suite="adversarial")
    row = outcome.check("test_tls_floor")
    assert row["verdict"] == verdict, row["reason"]
    if has_old:
        assert "the service speaks TLS 1.0" in row["reason"]
