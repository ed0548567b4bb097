"""A proof over real deployments: what it shows, what it names, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from tests.conftest import GateOutcome, run_gate
from tests.io.grpcmodel import model as grpc_model
from tests.io.grpcserver import serve_calls
from tests.io.test_grpc_gate import CONFIG as GRPC_CONFIG
from tests.suites.smoke.test_https import serve_over_tls

OWN_TESTS = """
import pytest

@pytest.mark.ai_suite("smoke")
def test_asserts_nothing(ai_client):
    ai_client.ask()

@pytest.mark.ai_suite("smoke")
def test_says_something(ai_chat):
    assert ai_chat("Say hello.", max_tokens=8).text
"""

WEAKENED = """
from harness.checks.generation import stream
from harness.core.verdict import Case, judge_contract

stream.judge_terminator = lambda exchange, show: judge_contract([Case("any")], "all is well")
"""


def prove(folder: Path, url: str, *options: str, **how: Any) -> tuple[GateOutcome, dict[str, dict[str, Any]]]:
    outcome = run_gate(folder, f"--ai-endpoint={url}", "--ai-prove", *options, timeout=590, **how)
    assert (outcome.run_dir / "proof.json").exists(), outcome.out + outcome.err
    proof = json.loads((outcome.run_dir / "proof.json").read_text())
    return outcome, {row["check"].rpartition("::")[2]: row for row in proof["rows"]}


@pytest.mark.slow
def test_checks_that_cannot_fail_are_named_and_the_others_of_smoke_are_shown(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_own.py").write_text(OWN_TESTS)
    (tmp_path / "conftest.py").write_text(WEAKENED)
    outcome, rows = prove(tmp_path, reference, "--ai-protocol=openai_chat")
    unshown = [name for name, row in rows.items() if not row["shown"]]
    assert unshown == ["test_terminator", "test_asserts_nothing"], outcome.out
    assert outcome.status == 20
    assert outcome.check("ai-run/proof")["verdict"] == "INCONCLUSIVE"
    assert f"{len(rows) - 2} of {len(rows)} checks shown able to fail here" in outcome.out
    assert "not shown: test_own.py::test_asserts_nothing" in outcome.out
    assert rows["test_role"]["mutation"] == "drop_events"
    assert rows["test_terminator"]["tried"][0] == "unfinished_stream"
    assert rows["test_reachable"]["mutation"] == "refused_connection"
    assert outcome.gate is not None
    assert outcome.gate["proof"]["rows"] == list(rows.values())
    assert outcome.check("test_terminator")["verdict"] == "PASS", "a verdict under a mutation is no verdict of the run"


@pytest.mark.slow
def test_an_https_endpoint_is_proved_through_a_link_that_speaks_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, ca.issue_cert("localhost", "127.0.0.1")) as url:
        (tmp_path / "aiharness.toml").write_text('[endpoint]\ntls = { ca_file = "ca.pem" }\n')
        outcome, rows = prove(tmp_path, url, "--ai-protocol=v2", "--ai-model=digits", "--ai-only-packaged")
    assert rows["test_certificate"]["mutation"] == "untrusted_certificate"
    assert all(row["shown"] for row in rows.values()), outcome.out
    assert outcome.status == 0


def test_old_versions_of_tls_are_shown_to_be_seen(tmp_path: Path) -> None:
    ca = trustme.CA()
    with serve_over_tls(tmp_path, ca, ca.issue_cert("localhost", "127.0.0.1")) as url:
        (tmp_path / "aiharness.toml").write_text('[endpoint]\ntls = { ca_file = "ca.pem" }\n')
        options = ("--ai-protocol=v2", "--ai-model=digits", "--ai-only-packaged", "-k", "tls_floor")
        outcome, rows = prove(tmp_path, url, *options, suite="adversarial")
    assert rows["test_tls_floor"]["mutation"] == "old_tls", outcome.out


GRPC_SHOWN = {
    "test_model_name": "wrong_model",
    "test_model_ready": "answer_status (status 500)",
    "test_refused": "accept_refused (answered 4*)",
    "test_one_kind": "wrong_tensor (form texts, skip 1)",
    "test_own_answers": "swap_answers (wait 50)",
}


@pytest.mark.parametrize(
    "is_secure", [pytest.param(False, marks=[pytest.mark.catalogue, pytest.mark.slow]), True], ids=["plain", "tls"]
)
def test_grpc_is_proved_by_changed_messages(tmp_path: Path, is_secure: bool) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    pair = ca.issue_cert("localhost")
    credentials = grpc.ssl_server_credentials(
        [(pair.private_key_pem.bytes(), b"".join(pem.bytes() for pem in pair.cert_chain_pems))]
    )
    (tmp_path / "aiharness.toml").write_text(GRPC_CONFIG + ('tls = { ca_file = "ca.pem" }\n' if is_secure else ""))
    with serve_calls(grpc_model, credentials if is_secure else None) as port:
        url = f"https://localhost:{port}" if is_secure else f"http://127.0.0.1:{port}"
        suite = "smoke" if is_secure else "smoke,integration"
        outcome, rows = prove(tmp_path, url, "--ai-only-packaged", suite=suite)
    assert not [row for row in rows.values() if not row["shown"]], outcome.out
    assert outcome.status == 0
    shown = {name: row["mutation"] for name, row in rows.items()}
    assert shown.items() >= {name: GRPC_SHOWN[name] for name in GRPC_SHOWN if name in rows}.items()
    assert ("test_certificate" in rows) is is_secure


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_proof_says_so_and_how_far_it_came(tmp_path: Path, reference: str, number: int) -> None:
    words = (sys.executable, "-m", "harness", "prove", reference, "--suite=smoke", "--ai-protocol=openai_chat")
    with open(tmp_path / "out", "w+") as out:
        child = subprocess.Popen(
            [*words, "--ai-run-dir=run", "--ai-only-packaged"], cwd=tmp_path, stdout=out, stderr=out
        )
        try:
            while "asked again" not in (text := (tmp_path / "out").read_text()) and child.poll() is None:
                time.sleep(0.05)
            child.send_signal(number)
            assert child.wait(60) == 2, text
        finally:
            child.kill()
    gate = json.loads((tmp_path / "run" / "gate.json").read_text())
    assert (gate["run"]["exit_status"], gate["run"]["partial"]) == (2, True)
    assert "the run ended before" in gate["proof"]["rows"][-1]["reason"]


def test_a_proof_is_of_one_process(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9", "--ai-prove", "-n2")
    assert outcome.status == 4
    assert "--ai-prove runs in one process" in outcome.err
