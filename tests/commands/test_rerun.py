"""One check of a run again from another folder, and two runs compared, with a service that breaks and is mended."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.commands.demo import CONFIG, write_digits
from harness.commands.rerun import choose_check, make_arguments
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import UsageError
from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import Level
from harness.io.rundir import RunDir, read_record
from harness.plugin.rerun_record import write_record
from harness.run.planning import build_plan
from harness.suite import list_checks
from tests.programs import run_module

OWN_TEST = """
import pytest

@pytest.mark.ai_suite("smoke", level="warn")
@pytest.mark.parametrize("case", ["a::b c"])
def test_mine(ai_predict, case):
    ai_predict([[2.0]])
"""


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
    return run_module("harness", *arguments, cwd=folder, timeout=240)


def test_a_broken_service_is_mended(tmp_path: Path, service: Service) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    config = project / "aiharness.toml"
    config.write_text(
        f'[endpoint]\nurl = "http://127.0.0.1:{service.server_port}"\nprotocol = "plain_json"\nsample = [[1.0]]\n'
        "[endpoint.template]\nanswer = '$.prediction'\n"
    )
    (project / "test_mine.py").write_text(OWN_TEST)
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
    assert "1 of 1 check judged: 1 PASS" in again.stdout
    again = run(elsewhere, "rerun", str(project / "broken"), "test_mine[a::b c]")
    assert again.returncode == 0, again.stdout
    assert "1 of 1 check judged: 1 PASS" in again.stdout
    config.write_text("[endpoint]\nurl = 'http://127.0.0.1:9'\n")
    again = run(elsewhere, "rerun", str(project / "broken"), "test_predicts")
    assert again.returncode == 0, again.stdout
    assert "aiharness.toml was changed since" in again.stdout
    compared = run(elsewhere, "compare", str(project / "broken"), str(project / "broken"), "--json")
    assert compared.returncode == 20, "a run compared with itself proves nothing"
    assert {check["change"] for check in json.loads(compared.stdout)["checks"]} == {"unchanged"}
    mended = str(again.stdout).partition("report: ")[2].partition("/report.html")[0]
    compared = run(elsewhere, "compare", mended, str(project / "broken"))
    assert "FAIL: a blocker fails newly: a real prediction fails" in compared.stdout
    assert re.search(r"\b1 newly failing, \d+ only in NEW", compared.stdout)
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
        ("b.py::tow[a::b]", r"no check of that run ends in 'b.py::tow\[a::b\]'"),
        ("test_nope", "its 3 checks are in plan.json of the run's folder"),
        ("", "no check of that run ends in ''"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_check(plan, wanted)


def test_a_record_keeps_what_a_check_is_judged_by(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text('[endpoint]\nurl = "http://127.0.0.1:9"\n')
    options = Options(suites=("smoke",), baseline="yesterday", accept_first=True, seed=3, max_time=9.5)
    settings = resolve_settings(options, {}, [tmp_path])
    run_dir = RunDir.create(tmp_path / "run")
    write_record(run_dir, settings, options, tmp_path)
    (tmp_path / "run" / "plan.json").touch()
    record = read_record(run_dir.path)
    arguments = make_arguments(run_dir.path, record, PlannedCheck("ai-suite/x", "smoke", Level.BLOCKER, ""))
    assert f"--ai-baseline={Path.cwd() / 'yesterday'}" in arguments
    own = PlannedCheck("test_mine.py::test_x", "smoke", Level.BLOCKER, "", kind="user")
    assert make_arguments(run_dir.path, record, own)[-1] == str(tmp_path / "test_mine.py")
    comparison = PlannedCheck("ai-baseline/smoke/latency-p95", "smoke", Level.BLOCKER, "", kind="comparison")
    assert make_arguments(run_dir.path, record, comparison)[-1] == "--ai-only-packaged"
    assert {"--ai-accept-first", "--ai-seed=3", "--ai-max-time=9.5", "--ai-only-packaged"} <= {*arguments}


def test_the_file_of_experiments_is_that_of_the_run(tmp_path: Path) -> None:
    """Also where it has the name of the configuration, and where it was changed or removed since."""
    (tmp_path / "aiharness.toml").write_text('[endpoint]\nurl = "http://127.0.0.1:9"\n')
    (tmp_path / "more").mkdir()
    file = tmp_path / "more" / "aiharness.toml"
    fault = '[[fault]]\nkind = "slowloris"\nduration = 7\n'
    file.write_text(f'{fault}[data]\nfile = "rows.csv"\n')
    (tmp_path / "more" / "rows.csv").write_text("label,a\n1,2\n")
    options = Options(suites=("chaos", "validation"), experiments=str(file))
    settings = resolve_settings(options, {}, [tmp_path])
    run_dir = RunDir.create(tmp_path / "run")
    write_record(run_dir, settings, options, tmp_path)
    check = PlannedCheck("ai-suite/x", "chaos", Level.BLOCKER, "")

    def read_again() -> tuple[Path, float]:
        arguments = make_arguments(run_dir.path, read_record(run_dir.path), check)
        chosen = {option: value for option, _, value in (argument.partition("=") for argument in arguments)}
        experiments = chosen["--ai-experiments"]
        again = resolve_settings(
            Options(suites=("chaos", "validation"), config=chosen["--ai-config"], experiments=experiments),
            {},
            [tmp_path],
        )
        assert again.data is not None
        return Path(experiments), again.experiments[0].duration

    assert read_again() == (file, 7.0)
    file.write_text(file.read_text().replace("= 7", "= 9"))
    copy = run_dir.path / "experiments" / "aiharness.toml"
    assert read_again() == (copy, 7.0)
    file.unlink()
    assert read_again() == (copy, 7.0)


def test_every_kind_of_check_is_planned_alone(tmp_path: Path) -> None:
    """Each check of the demo's configuration, a comparison and an own test: with its suite and its load."""
    write_digits(tmp_path / "digits.csv")
    text = CONFIG.read_text("utf-8").replace("@URL@", "http://127.0.0.1:9").replace("@PROXY@", "http://127.0.0.1:9")
    (tmp_path / "aiharness.toml").write_text(text)
    options = Options(suites=("all",), baseline="none", accept_first=True)
    settings = resolve_settings(options, {"AIHARNESS_DEMO_KEY": "secret-of-the-demo"}, [tmp_path])
    whole = build_plan(settings, [check for suite in settings.suites for check in list_checks(suite)])
    own = PlannedCheck("tests/test_mine.py::test_mine", "smoke", Level.BLOCKER, "mine", kind="user")
    assert whole.select(own.id).add_checks([own]).suites == ("smoke",)
    kinds = {check.suite: check for check in whole.checks}
    assert {"smoke", "integration", "validation", "adversarial", "load", "chaos"} <= kinds.keys()
    for check in whole.checks:
        alone = whole.select(check.id)
        assert check.suite in alone.suites
        assert {*check.measures} <= {measurement.id for measurement in alone.measurements}
        assert all(row.level is Level.BLOCKER for row in alone.checks)
        compared = 1 if check.kind == "comparison" else 0
        assert len(alone.checks) == 1 + compared, check.id
