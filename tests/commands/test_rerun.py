"""One check of a run again from another folder, and two runs compared, with a service that breaks and is mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.commands.rerun import choose_check
from harness.core.errors import UsageError
from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import Level


class Service(ThreadingHTTPServer):
    """Answers every POST with 1, or with an error while it is broken."""

    is_broken = False


class Handler(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *parts: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        self._answer(404, b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.is_broken:
            self._answer(422, b'{"detail":[{"type":"missing","loc":["body","features"],"msg":"Field required"}]}')
        else:
            self._answer(200, b'{"prediction": 1}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *arguments]
    env = {**os.environ, "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=240)


def test_a_broken_service_is_mended(tmp_path: Path, service: Service) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    config = project / "aiharness.toml"
    config.write_text(
        f'[endpoint]\nurl = "http://127.0.0.1:{service.server_port}"\nprotocol = "plain_json"\nsample = [[1.0]]\n'
        "[endpoint.template]\nanswer = '$.prediction'\n"
    )
    service.is_broken = True
    broken = run(project, "gate", "--suite=smoke", "--ai-run-dir=broken")
    assert broken.returncode == 1
    assert "asks for features in the body" in broken.stdout
    assert broken.stdout.count("$ curl") == 1  # four checks, one cause
    assert f"$ aiharness rerun {project / 'broken'} ai-suite/smoke/test_" in broken.stdout
    again = run(elsewhere, "rerun", str(project / "broken"), "test_predicts")
    assert again.returncode == 1, again.stdout
    service.is_broken = False
    again = run(elsewhere, "rerun", str(project / "broken"), "ai-suite/smoke/test_health.py::test_predicts")
    assert again.returncode == 0, again.stdout
    assert "1 of 1 planned checks judged: 1 PASS" in again.stdout
    config.write_text("[endpoint]\nurl = 'http://127.0.0.1:9'\n")
    again = run(elsewhere, "rerun", str(project / "broken"), "test_predicts")
    assert again.returncode == 0, again.stdout
    assert "the configuration was changed since" in again.stdout
    compared = run(elsewhere, "compare", str(project / "broken"), str(project / "broken"), "--json")
    assert compared.returncode == 0
    assert {check["change"] for check in json.loads(compared.stdout)["checks"]} == {"unchanged"}
    assert run(elsewhere, "compare", "nowhere", str(project / "broken")).returncode == 4


def test_a_check_is_named_by_its_id_or_by_a_unique_end() -> None:
    plan = Plan(
        ("smoke",),
        tuple(
            PlannedCheck(id_, "smoke", Level.BLOCKER, "") for id_ in ("a.py::test_one", "b.py::test_one", "b.py::two")
        ),
    )
    assert choose_check(plan, "two").id == "b.py::two"
    assert choose_check(plan, "b.py::test_one").id == "b.py::test_one"
    for wanted, message in (
        ("test_one", "2 checks of that run end in"),
        ("tow", "Did you mean 'two'"),
        ("", "unknown"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_check(plan, wanted)
