"""`aiharness gate`: where the URL stands, what is left out, waivers."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.commands.gate import name_endpoint
from harness.core.errors import UsageError
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.programs import run_module
from tests.services import serving

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([URL, "-q"], [f"--ai-endpoint={URL}", "-q"]),
        (["-x", URL], ["-x", f"--ai-endpoint={URL}"]),
        (["--ai-endpoint", URL], ["--ai-endpoint", URL]),
        ([f"--ai-endpoint={URL}", "tests"], [f"--ai-endpoint={URL}", "tests"]),
        (["--ai-baseline", URL], ["--ai-baseline", URL]),
        (["--ai-seed=3", "grpc://host:8001"], ["--ai-seed=3", "--ai-endpoint=grpc://host:8001"]),
    ],
)
def test_a_url_that_stands_alone_is_the_endpoint(words: list[str], named: list[str]) -> None:
    assert name_endpoint(words) == named


@pytest.mark.parametrize("words", [[URL, URL], [URL, f"--ai-endpoint={URL}"], ["--ai-endpoint", URL, URL]])
def test_two_endpoints_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="the endpoint is given more than once"):
        name_endpoint(words)


@pytest.mark.parametrize("word", ["127.0.0.1:8000", "localhost:8000/v1", "model.example:443", "//h", "http:/h", "::1"])
def test_a_url_that_is_written_wrongly_is_an_endpoint_and_no_file(word: str) -> None:
    assert name_endpoint([word]) == [f"--ai-endpoint={word}"]
    assert name_endpoint(["-k", "a:1", "tests/test_x.py::test_y"]) == ["-k", "a:1", "tests/test_x.py::test_y"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gate", "--suit=smoke"], "unknown option --suit. Did you mean --suite?"),
        (["gate", "--ai-endpont=http://127.0.0.1:9"], "Did you mean --ai-endpoint"),
        (["gate", "--nosuch"], "unknown option --nosuch: aiharness gate --help lists its own"),
        (["gate", "--colo=no"], "Did you mean --color?"),
        (["prove", "--suit=smoke"], "Did you mean --suite?"),
        (["compare", "--form=json", "a", "b"], "Did you mean '--format'?"),
    ],
)
def test_an_option_that_nobody_knows_is_refused_by_name(tmp_path: Path, words: list[str], message: str) -> None:
    done = run_module("harness", *words, cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert message in done.stderr
    assert "pytest.main()" not in done.stderr


@pytest.mark.parametrize("command", ["gate", "prove"])
def test_the_help_names_the_url_and_the_exit_statuses(command: str) -> None:
    text = " ".join(run_module("harness", command, "--help").stdout.split())
    assert f"aiharness {command} [URL]" in text
    assert "pytest --help lists them" in text
    assert "20 INCONCLUSIVE, 21 ERROR" in text


def test_a_misspelt_suite_of_the_file_is_named_whatever_runs(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(f'[endpoint]\nurl = "{URL}"\n[run]\nsuites = ["smoke", "integraton"]\n')
    done = run_module("harness", "gate", "--suite=smoke", "--ai-dry-run", cwd=tmp_path)
    assert done.returncode == 4, done.stdout
    assert "Did you mean 'integration'" in done.stderr


def test_the_gate_runs_on_the_url_alone(tmp_path: Path) -> None:
    with serving(lambda path, body: (200, {"predictions": [1]})) as url:
        options = ("--suite=smoke", "--ai-protocol=plain_json", "--ai-dry-run")
        done = run_module("harness", "gate", url, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert url in done.stdout


def run_gate(folder: Path, url: str, *options: str) -> dict[str, Any]:
    shutil.rmtree(folder / "run", ignore_errors=True)
    done = run_module("harness", "gate", url, "--ai-run-dir=run", *options, cwd=folder)
    report = json.loads((folder / "run" / "gate.json").read_text())
    assert done.returncode == report["run"]["exit_status"], done.stdout
    return {**report, "screen": done.stdout}


@pytest.mark.slow(15)
def test_where_smoke_fails_the_other_suites_are_left_out_and_waivers_let_it_pass(tmp_path: Path) -> None:
    with ReferenceProcess(ServiceSettings(defects=("missing_terminator",))) as server:
        url = server.url
        stopped = run_gate(tmp_path, url, "--suite=smoke,integration")
        rows = [row for row in stopped["checks"] if row["level"] == "blocker"]
        refuted = {row["id"] for row in rows if row["verdict"] == "FAIL"}
        assert stopped["run"]["verdict"] == "FAIL"
        assert {row["suite"] for row in rows if row["id"] in refuted} == {"smoke"}
        left_out = [row["reason"] for row in rows if row["suite"] == "integration" and row["missing"]]
        assert len(left_out) > 20
        assert all("left out, since a blocker of smoke failed" in reason for reason in left_out)
        expired = '[[waiver]]\ncheck = "smoke/x"\nreason = "r"\nowner = "team-a"\nexpires = "2020-01-01"\n'
        tables = [expired, *(expired.replace("smoke/x", id_).replace("2020", "2999") for id_ in sorted(refuted))]
        (tmp_path / "aiharness.toml").write_text("\n".join(tables))
        waived = run_gate(tmp_path, url, "--suite=smoke")
    assert waived["run"]["verdict"] == "PASS"
    assert {row["verdict"] for row in waived["checks"] if row["id"] in refuted} == {"FAIL"}
    states = [waiver["state"] for waiver in waived["waivers"]]
    assert states == ["ignored: it expired on 2020-01-01", *(["waives FAIL"] * len(refuted))]
    screen = " ".join(waived["screen"].split())
    assert "waiver of smoke/x (team-a, until 2020-01-01): ignored: it expired on 2020-01-01" in screen
    assert re.search(r"PASS with \d+ warnings?, 1 waiver", screen)
    assert "waiver" in (tmp_path / "run" / "report.html").read_text()
