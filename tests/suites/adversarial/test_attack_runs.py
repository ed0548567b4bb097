"""Attacks from run to run, as users see them: union, corpus, baseline, one finding by its id, and Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from harness.robustness.query_ledger import compute_row_digest
from tests.chaos.proxy.conftest import Served, end_child, spawn
from tests.conftest import GateOutcome, run_gate
from tests.services import Answered, Digits, digits, serving

INPUTS = 12
CONFIG = """
[endpoint]
url = "{url}"
protocol = "plain_json"
{endpoint}
[data]
file = "digits.csv"
shape = [8, 8]
[adversarial]
eps = 2.5
high = 16.0
budget = 40
inputs = 12
attacks = ["square", "rays"]
{more}
[[objective]]
suite = "adversarial"
metric = "robust_accuracy"
limit = ">= 0.5"
"""
SQUARE = "test_square.py::test_square[robust_accuracy]"
RAYS = "test_attacks.py::test_attack[rays-robust_accuracy]"
UNION = "test_union.py::test_union[robust_accuracy]"


class Slow(Digits):
    """The digits model, which keeps each request for so many seconds."""

    seconds = 0.0

    def __call__(self, path: str, body: Any) -> Answered:
        time.sleep(self.seconds)
        return super().__call__(path, body)


def write_files(folder: Path, url: str, more: str = "", endpoint: str = "") -> None:
    folder.mkdir(exist_ok=True)
    data = digits(INPUTS)
    lines = [",".join(["label", *(f"p{place}" for place in range(64))])]
    for row, label in zip(data.inputs, data.labels or (), strict=True):
        lines.append(",".join(f"{value:g}" for value in (label, *row)))
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    (folder / "aiharness.toml").write_text(CONFIG.format(url=url, more=more, endpoint=endpoint))


def attack(folder: Path, url: str, *options: str, more: str = "", endpoint: str = "") -> GateOutcome:
    write_files(folder, url, more, endpoint)
    chosen = options or ("-k", "test_square or test_attack or test_union or test_finding or test_no_new")
    return run_gate(folder, *chosen, "--ai-allow-partial", suite="adversarial")


def read_results(run_dir: Path) -> dict[str, dict[str, Any]]:
    return {name: json.loads((run_dir / f"adversarial/{name}.json").read_text()) for name in ("square", "rays")}


def list_broken(result: dict[str, Any]) -> set[int]:
    return {outcome["number"] for outcome in result["outcomes"] if outcome["state"] in ("confirmed", "wrong")}


@pytest.fixture(scope="module")
def service() -> Slow:
    return Slow()


@pytest.fixture(scope="module")
def url(service: Slow) -> Iterator[str]:
    with serving(service) as address:
        yield address


@pytest.fixture(scope="module")
def first(url: str, tmp_path_factory: pytest.TempPathFactory) -> GateOutcome:
    return attack(tmp_path_factory.mktemp("first"), url)


@pytest.fixture(scope="module")
def corpus(first: GateOutcome) -> Path:
    """The findings of the first run in one file, as the page says."""
    path = first.run_dir / "corpus.jsonl"
    parts = [(first.run_dir / f"adversarial/{name}.findings.jsonl").read_text() for name in ("square", "rays")]
    path.write_text("".join(parts))
    return path


@pytest.mark.slow
def test_the_union_holds_what_no_attack_breaks(first: GateOutcome) -> None:
    broken = [list_broken(result) for result in read_results(first.run_dir).values()]
    assert all(broken)
    union = first.check(UNION)
    assert union["n"] == INPUTS
    assert round((1 - union["estimate"]) * INPUTS) == len(broken[0] | broken[1])
    assert "Square attack (L-infinity, from scores) and RayS (L-infinity, from labels)" in union["reason"]
    assert union["verdict"] == "FAIL", first.out


@pytest.mark.slow
def test_what_is_known_comes_before_any_search_and_nothing_is_new(
    first: GateOutcome, corpus: Path, service: Slow, url: str, tmp_path: Path
) -> None:
    service.requests.clear()
    more = f'corpus = "{corpus}"'
    write_files(tmp_path, url, more)
    outcome = attack(tmp_path, url, "--ai-baseline", str(first.run_dir), "-k", "not canary", more=more)
    before, now = read_results(first.run_dir), read_results(outcome.run_dir)
    known = [json.loads(line) for line in corpus.read_text().splitlines()]
    for name, result in now.items():
        assert list_broken(result) >= list_broken(before[name])
        purposes = [json.loads(line)["purpose"] for line in read_ledger(outcome, name)[1:]]
        assert purposes[:3] == ["clean", "known", "replay"]
        assert result["rows"]["known"] == len(known)
        verdict = outcome.check(f"test_baseline.py::test_no_new_vulnerability[{name}]")
        assert verdict["verdict"] != "FAIL"
        assert "mended" in verdict["reason"]
    for line in known:
        row = outcome.check(f"test_findings.py::test_finding[{line['attack']}-{line['input']}]")
        assert (row["verdict"], row["level"]) == ("FAIL", "warn")


def read_ledger(outcome: GateOutcome, name: str) -> list[str]:
    return (outcome.run_dir / f"adversarial/{name}.queries.jsonl").read_text().splitlines()


def test_one_finding_is_sent_by_its_id_without_a_search(corpus: Path, service: Slow, url: str, tmp_path: Path) -> None:
    line = json.loads(corpus.read_text().splitlines()[0])
    check = f"ai-suite/adversarial/test_findings.py::test_finding[{line['attack']}-{line['input']}]"
    service.requests.clear()
    outcome = attack(tmp_path, url, check, more=f'corpus = "{corpus}"')
    assert outcome.check(check)["verdict"] == "FAIL", outcome.out
    digest = compute_row_digest(line["row"])
    sent = [compute_row_digest(row) for rows in service.requests for row in np.atleast_2d(rows)]
    assert sent.count(digest) == 3
    assert len(sent) <= 3 + 2, "more than the finding and the prediction before the run"
    assert not (outcome.run_dir / "adversarial").exists()


@pytest.mark.slow
def test_a_run_that_ctrl_c_has_ended_goes_on(first: GateOutcome, service: Slow, url: str, tmp_path: Path) -> None:
    write_files(tmp_path, url)
    command = [sys.executable, "-m", "pytest", "--ai-suite=adversarial", "--ai-run-dir=cut", "-k", "rays"]
    ledger = tmp_path / "cut/adversarial/rays.queries.jsonl"
    service.seconds = 0.05
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        ends = time.monotonic() + 120
        while time.monotonic() < ends and child.poll() is None:
            if ledger.exists() and len(ledger.read_bytes().splitlines()) >= 8:
                break
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        out = child.communicate(timeout=60)[0].decode()
    service.seconds = 0.0
    assert child.returncode == 2, out
    assert json.loads((tmp_path / "cut/gate.json").read_text())["run"]["verdict"] != "PASS"
    service.requests.clear()
    outcome = attack(tmp_path, url, "-k", "rays", more=f'resume = "{tmp_path / "cut"}"')
    expected = read_results(first.run_dir)["rays"]
    result = json.loads((outcome.run_dir / "adversarial/rays.json").read_text())
    assert result["outcomes"] == expected["outcomes"]
    assert result["rows"]["recalled"] >= 8
    counted, whole = Counter(result["rows"]), Counter(expected["rows"])
    assert counted.total() == whole.total()


@pytest.mark.slow
def test_the_suite_through_a_failing_link_ends_with_the_same_findings(
    first: GateOutcome, url: str, tmp_path: Path
) -> None:
    child, api = spawn()
    try:
        with httpx.Client(base_url=api) as http:
            link = Served(api, False, http).proxy(url.removeprefix("http://"))
            link.toxic(name="f", seed=3, kind="answer_status", stream="downstream", toxicity=0.1)
            outcome = attack(tmp_path, f"http://{link.listen}")
            assert link.counts("f")["affected"] > 0, "the fault never struck"
    finally:
        end_child(child)
    for name, result in read_results(outcome.run_dir).items():
        assert result["outcomes"] == read_results(first.run_dir)[name]["outcomes"]
        file = f"adversarial/{name}.findings.jsonl"
        assert (outcome.run_dir / file).read_text() == (first.run_dir / file).read_text()
    for check in (SQUARE, RAYS, UNION):
        assert outcome.check(check)["verdict"] == first.check(check)["verdict"]


def test_probabilities_that_the_service_does_not_give_are_a_mistake_of_the_template(url: str, tmp_path: Path) -> None:
    template = '[endpoint.template]\nprobabilities = "$.scores"'
    outcome = attack(tmp_path, url, "-k", "test_square", endpoint=template)
    row = outcome.check(SQUARE)
    assert row["verdict"] == "ERROR"
    assert "[endpoint.template] probabilities = '$.scores': no answer holds them" in row["reason"]
    assert outcome.status in (4, 21)
