"""The gate over gRPC as a user runs it: smoke and integration pass on a sound service, and see a broken one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.protocols._proto import open_inference_pb2 as pb
from tests.conftest import run_gate
from tests.io.grpcmodel import model
from tests.io.grpcserver import Behaviour, served

CONFIG = '[endpoint]\nprotocol = "v2_grpc"\nmodel = "sums"\n'


def gate(folder: Path, behaviour: Behaviour, *args: str, suite: str = "smoke") -> Any:
    (folder / "aiharness.toml").write_text(CONFIG)
    with served(behaviour) as port:
        return run_gate(folder, f"--ai-endpoint=http://127.0.0.1:{port}", *args, suite=suite)


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
    assert [each["verdict"] for each in failed.values()] == ["FAIL"] * 3
    assert "false" in failed["test_model_ready"]["reason"]
    assert "gRPC 13 INTERNAL" in failed["test_predicts"]["reason"]


def test_load_is_refused(tmp_path: Path) -> None:
    (tmp_path / "load.toml").write_text(CONFIG + "[load]\nrate = 5\nduration = 2\nwarm_up = 0\n")
    with served(model) as port:
        outcome = run_gate(tmp_path, f"--ai-endpoint=http://127.0.0.1:{port}", "--ai-config=load.toml", suite="load")
    assert outcome.status != 0
    assert "the load suite speaks HTTP/1.1 and no gRPC" in outcome.out + outcome.err


@pytest.mark.parametrize("hidden", ["grpc", "google.protobuf"])
def test_without_the_extra_the_protocol_is_refused_and_the_others_work(tmp_path: Path, hidden: str) -> None:
    (tmp_path / "conftest.py").write_text(f"import sys\nsys.modules[{hidden!r}] = None\n")
    outcome = gate(tmp_path, model)
    assert outcome.status not in (0, None)
    assert "aiharness[grpc]" in outcome.out + outcome.err
