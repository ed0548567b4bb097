"""Replicas of one service pass; a replica with other answers, another version or a failure does not."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GateOutcome, run_gate
from tests.services import serving

SPOKEN = 'protocol = "v2"\nmodel = "m"\nsample = [[0.0, 0.5, 2.0]]\n'


def answering(version: str = "1", *, moved: float = 0.0, fails: bool = False) -> Any:
    def answer(path: str, body: Any) -> tuple[int, Any]:
        if not path.endswith("/infer"):
            return (200, {"name": "s", "version": "1", "extensions": []}) if path == "/v2" else (404, {"error": "no"})
        if fails:
            return 500, {"error": "no"}
        rows = body["inputs"][0]
        data = [sum(rows["data"]) + moved]
        output = {"name": "sum", "shape": [1], "datatype": "FP64", "data": data}
        return 200, {"model_name": "m", "model_version": version, "outputs": [output]}

    return answer


def run_replicas(folder: Path, *replicas: Any) -> GateOutcome:
    with ExitStack() as stack:
        first, *others = [stack.enter_context(serving(service)) for service in (answering(), *replicas)]
        (folder / "aiharness.toml").write_text(f'[endpoint]\nurl = "{first}"\nreplicas = {others!r}\n' + SPOKEN)
        return run_gate(folder, "-k", "test_answer_alike", suite="integration")


def test_equal_replicas_pass(tmp_path: Path) -> None:
    run = run_replicas(tmp_path, answering(), answering())
    assert run.check("test_answer_alike")["verdict"] == "PASS", run.out
    assert run.check("test_answer_alike")["n"] == 8


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (answering(moved=0.5), "not"),
        (answering("2"), "it states version '2', the first URL '1'"),
        (answering(fails=True), "it fails, and the first URL answers"),
    ],
    ids=["moved", "version", "fails"],
)
def test_a_replica_that_differs_fails(tmp_path: Path, other: Any, reason: str) -> None:
    run = run_replicas(tmp_path, answering(), other)
    check = run.check("test_answer_alike")
    assert check["verdict"] == "FAIL", run.out
    assert reason in check["reason"]
    shown = check["counterexamples"][0]
    assert shown["request"]["url"].rpartition(":")[0] == "http://127.0.0.1"
    assert shown["request"]["url"].partition("/v2")[0] in check["reason"], "the curl line asks the replica"


def test_a_replica_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text('[endpoint]\nreplicas = ["http://127.0.0.1:9"]\n' + SPOKEN)
    with serving(answering()) as url:
        run = run_gate(tmp_path, f"--ai-endpoint={url}", "-k", "test_answer_alike", suite="integration")
    assert run.check("test_answer_alike")["verdict"] == "ERROR", run.out


def test_without_replicas_nothing_is_planned(tmp_path: Path) -> None:
    with serving(answering()) as url:
        (tmp_path / "aiharness.toml").write_text("[endpoint]\n" + SPOKEN)
        run = run_gate(tmp_path, f"--ai-endpoint={url}", "-k", "test_answer_alike", suite="integration")
    assert run.gate
    assert "test_answer_alike" not in str([check["id"] for check in run.gate["checks"]])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('replicas = ["ftp://x"]', "scheme"),
        ('replicas = ["http://u:password@x"]', "replicas get the endpoint's"),
        (f"replicas = {['http://x'] * 9}", "at most 8"),
        ('unix_socket = "s"\nproxy = "http://h"', "not both"),
        ('sign = "signing"', "FILE.py:FUNCTION"),
        ('credentials = { command = ["false"] }', "ended with status 1"),
        ('credentials = { command = ["echo", "token"], refresh = 0 }', "over 0"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "aiharness.toml").write_text(f'[endpoint]\nurl = "http://127.0.0.1:9"\n{line}\n')
    run = run_gate(tmp_path)
    assert run.status == 4
    assert reason in run.err
    assert "Traceback" not in run.err
