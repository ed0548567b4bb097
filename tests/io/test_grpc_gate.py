"""The gate over gRPC as a user runs it: smoke and integration pass on a sound service, and see a broken one."""

from __future__ import annotations

import socketserver
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest
import trustme

from harness.protocols._proto import open_inference_pb2 as pb
from tests.conftest import run_gate
from tests.io.grpcmodel import model
from tests.io.grpcserver import Behaviour, serve_calls
from tests.programs import run_module

CONFIG = '[endpoint]\nprotocol = "v2_grpc"\nmodel = "sums"\n'


def gate(folder: Path, behaviour: Behaviour, *args: str, suite: str = "smoke", fresh: bool = False) -> Any:
    (folder / "aiharness.toml").write_text(CONFIG)
    with serve_calls(behaviour) as port:
        return run_gate(folder, f"--ai-endpoint=http://127.0.0.1:{port}", *args, suite=suite, fresh=fresh)


def test_smoke_passes(tmp_path: Path) -> None:
    outcome = gate(tmp_path, model)
    assert outcome.status == 0, outcome.out + outcome.err
    for check in ("test_live", "test_model_ready", "test_predicts", "test_valid", "test_refused", "test_nothing_leaks"):
        assert outcome.check(check)["verdict"] == "PASS", check
    assert outcome.check("test_complete")["verdict"] == "SKIPPED"


def test_integration_passes(tmp_path: Path) -> None:
    outcome = gate(tmp_path, model, suite="integration")
    assert outcome.status == 0, outcome.out + outcome.err
    for check in ("test_equals_singles", "test_own_answers", "test_rows", "test_same_form"):
        assert outcome.check(check)["verdict"] == "PASS", check


async def lying(path: str, message: bytes, context: Any) -> bytes:
    if path.endswith("/ModelReady"):
        return pb.ModelReadyResponse(ready=False).SerializeToString()
    if path.endswith("/ModelInfer") and pb.ModelInferRequest.FromString(message).inputs:
        await context.abort(grpc.StatusCode.INTERNAL, 'Traceback (most recent call last):\n  File "/srv/app/model.py"')
    return await model(path, message, context)


def test_a_broken_service_is_seen(tmp_path: Path) -> None:
    outcome = gate(tmp_path, lying)
    assert outcome.status not in (0, None)
    failed = {check: outcome.check(check) for check in ("test_model_ready", "test_predicts", "test_nothing_leaks")}
    assert [check["verdict"] for check in failed.values()] == ["FAIL"] * 3
    assert "false" in failed["test_model_ready"]["reason"]
    assert "gRPC 13 INTERNAL" in failed["test_predicts"]["reason"]


@pytest.mark.parametrize("hidden", ["grpc", "google.protobuf"])
def test_without_the_extra_the_protocol_is_refused_and_the_others_work(tmp_path: Path, hidden: str) -> None:
    (tmp_path / "conftest.py").write_text(f"import sys\nsys.modules[{hidden!r}] = None\n")
    outcome = gate(tmp_path, model, fresh=True)
    assert outcome.status not in (0, None)
    assert "aiharness[grpc]" in outcome.out + outcome.err


def test_it_is_detected_by_what_is_no_http(tmp_path: Path) -> None:
    """Neither the command nor a run need the protocol's name, only the model's."""
    (tmp_path / "aiharness.toml").write_text('[endpoint]\nmodel = "sums"\n')
    with serve_calls(model) as port:
        url = f"http://127.0.0.1:{port}"
        done = run_module("harness", "detect", url, cwd=tmp_path)
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", suite="smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{url} speaks v2_grpc" in done.stdout
    assert "the model 'sums' answered with its metadata" in done.stdout
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.check("test_predicts")["verdict"] == "PASS"


def test_it_is_detected_behind_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "aiharness.toml").write_text('[endpoint]\nmodel = "sums"\n[endpoint.tls]\nca_file = "ca.pem"\n')
    own = authority.issue_cert("127.0.0.1")
    pair = own.private_key_pem.bytes(), b"".join(pem.bytes() for pem in own.cert_chain_pems)
    with serve_calls(model, grpc.ssl_server_credentials([pair])) as port:
        done = run_module("harness", "detect", f"https://127.0.0.1:{port}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"https://127.0.0.1:{port} speaks v2_grpc" in done.stdout


def test_what_is_neither_is_recognised_as_nothing(tmp_path: Path) -> None:
    """A service that greets, as mail servers do: no HTTP, and no gRPC either."""
    with socketserver.TCPServer(("127.0.0.1", 0), Greeting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        done = run_module("harness", "detect", f"http://127.0.0.1:{server.server_address[1]}", cwd=tmp_path)
        server.shutdown()
    assert done.returncode == 21, done.stdout + done.stderr
    assert "no protocol recognised" in done.stdout


class Greeting(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"220 mail.example ESMTP ready\r\n")
