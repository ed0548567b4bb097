"""An outside package adds a suite, an attack, a protocol, a fault, a report format and a scenario; a broken one harms
nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.reference.digits import make_dataset
from tests.conftest import run_gate

POLICY = """
from dataclasses import dataclass

from harness import Metric, Objective, Scope, Section, SuitePolicy


@dataclass(frozen=True)
class Freshness:
    asks: int = 60

    def find_problem(self):
        return ("asks", "must be at least 1") if self.asks < 1 else None


def count_samples(scope: Scope, objective: Objective) -> int:
    section = scope.settings.find_section(Freshness)
    return section.asks if section else 0


POLICY = SuitePolicy(
    order=70, metrics=(Metric("stale_rate"),), samples=count_samples, hint="more [freshness] asks",
    section=Section(Freshness, missing="no freshness is configured ([freshness] asks)"),
)
"""
CHECKS = """
from dataclasses import dataclass

from harness import Cost, Measurement, Verdict, check, judge_independent_samples

from . import Freshness


@dataclass(frozen=True)
class Answers:
    asked: int
    stale: int


def ask_all(scope, session, run):
    asks = scope.settings.find_section(Freshness).asks
    exchanges = session.ask_many([session.sample()] * asks, concurrency=4)
    return Answers(len(exchanges), sum(not exchange.ok for exchange in exchanges))


ANSWERS = Measurement(
    Answers, lambda scope: Cost(scope.settings.find_section(Freshness).asks), lambda scope: f"{scope.suite}/answers",
    ask_all,
)


@check("answers are fresh", per="objective", grounds=("freshness",), measures=(ANSWERS,))
def test_fresh(ai_measure, ai_planned, objective) -> Verdict:
    answers = ai_measure(ANSWERS)
    return judge_independent_samples(answers.stale, answers.asked, objective, ai_planned, what="answers were stale")


@check("every answer is counted", grounds=("freshness",), measures=(ANSWERS,))
def test_counted(ai_measure) -> Verdict:
    from harness import Case, judge_contract

    return judge_contract([Case("answers")], f"{ai_measure(ANSWERS).asked} answers were counted")
"""
PACKAGE = {
    "freshness/__init__.py": POLICY,
    "freshness/test_freshness.py": CHECKS,
    "nudge.py": """
from harness import Search, Task


class Nudge:
    name, title = "nudge", "moves every number up"

    def search(self, task: Task) -> Search:
        low, high = task.distance.low, task.distance.high
        yield [[min(high, max(low, value + task.distance.eps)) for value in task.row]]


ATTACK = Nudge()
""",
    "plainer.py": """
from harness.protocols.tensor.plain_json import PlainJSON


class Plainer(PlainJSON):
    name, title = "plainer", "plain JSON under another name"


ADAPTER = Plainer()
""",
    "hiccup.py": """
from dataclasses import dataclass
from typing import Annotated

from harness import Close, FaultKind, FaultParameters, Parameter, Stage


@dataclass(frozen=True, slots=True)
class Hiccup(FaultParameters):
    every: Annotated[int, Parameter("bytes between two hiccups", unit="bytes", low=1, high=1000)] = 10


class HiccupStage(Stage[Hiccup]):
    def push(self, data, arrived, now):
        if not isinstance(data, Close):
            self.context.record_effect(len(data))
        return [(data, arrived)]


FAULT = FaultKind(name="hiccup", title="hiccups", example=Hiccup(), stage=HiccupStage, needs_own_proxy=True)
""",
    "as_lines.py": """
from harness import Report

SUFFIX = ".lines"


def render(report: Report) -> str:
    return "".join(f"{check.verdict} {check.id}\\n" for check in report.checks)
""",
    "brisk.py": '''
from harness import ArrivalUser


class Brisk(ArrivalUser):
    """Sends the configured sample."""
''',
    "broken.py": "import a_module_that_is_not_installed\n",
}
ENTRY_POINTS = """
[harness.suites]
freshness = theirs.freshness
[harness.attacks]
nudge = theirs.nudge
[harness.protocols]
plainer = theirs.plainer
[harness.faults]
hiccup = theirs.hiccup
[harness.reports]
lines = theirs.as_lines
[harness.scenarios]
brisk = theirs.brisk
"""
BROKEN = "".join(
    f"[harness.{kind}]\nbroken = theirs.broken\n"
    for kind in ("suites", "attacks", "protocols", "faults", "reports", "scenarios")
)
CONFIG = """
[endpoint]
protocol = "plainer"
[data]
file = "digits.csv"
shape = [8, 8]
[adversarial]
eps = 0.5
high = 16.0
budget = 3
inputs = 20
attacks = ["square", "nudge"]
[freshness]
asks = 60
[load]
scenario = "brisk"
rate = 30
duration = 2
warm_up = 0.5
[[objective]]
suite = "freshness"
metric = "stale_rate"
limit = "<= 10%"
[[objective]]
suite = "adversarial"
metric = "robust_accuracy"
limit = ">= 0.5"
margin = 0.2
"""


def install(folder: Path, entry_points: str) -> dict[str, str]:
    """Make an installed package `theirs` of that folder; the environment in which it is one."""
    site = folder / "site"
    for name, content in PACKAGE.items():
        path = site / "theirs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (site / "theirs" / "__init__.py").write_text("")
    info = site / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return {"PYTHONPATH": str(site)}


def configure(folder: Path) -> None:
    rows, labels = make_dataset(7, 40)
    lines = [",".join(["label", *(f"p{i}" for i in range(64))])]
    lines += [",".join(f"{value:g}" for value in (label, *row)) for row, label in zip(rows, labels, strict=True)]
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    (folder / "aiharness.toml").write_text(CONFIG)


def aiharness(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *arguments]
    merged = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=merged, capture_output=True, text=True, timeout=60, check=False)


def test_a_package_adds_one_of_each(tmp_path: Path, reference: str) -> None:
    environment = install(tmp_path, ENTRY_POINTS)
    configure(tmp_path)
    outcome = run_gate(
        tmp_path, f"--ai-endpoint={reference}", "--ai-report=lines", env=environment,
        suite="freshness,adversarial,load",
    )  # fmt: skip
    assert outcome.status in (0, 20), outcome.out + outcome.err  # a load of a busy machine decides nothing
    verdicts = {check["id"].removeprefix("ai-suite/"): check["verdict"] for check in outcome.gate["checks"]}  # type: ignore[index]
    assert verdicts["freshness/test_freshness.py::test_fresh[stale_rate]"] == "PASS"
    assert verdicts["freshness/test_freshness.py::test_counted"] == "PASS"
    assert verdicts["adversarial/test_square.py::test_square[robust_accuracy]"] == "PASS"
    assert verdicts["adversarial/test_attacks.py::test_attack[nudge-robust_accuracy]"] == "PASS"
    assert verdicts["load/test_generator.py::test_kept_up"] in ("PASS", "INCONCLUSIVE")
    assert outcome.gate is not None
    assert outcome.gate["target"]["protocol"] == "plainer"
    plan: dict[str, Any] = json.loads((outcome.run_dir / "plan.json").read_text())
    measured = {measurement["id"]: measurement["requests"] for measurement in plan["measurements"]}
    assert measured.keys() == {"freshness/answers", "adversarial/square", "adversarial/nudge", "load/brisk"}
    assert measured["freshness/answers"] == 60
    assert all((outcome.run_dir / f"{id_}.json").exists() for id_ in measured)
    assert "PASS ai-suite/freshness/test_freshness.py::test_counted\n" in (outcome.run_dir / "report.lines").read_text()


def test_the_suite_owns_its_section_and_its_hints(tmp_path: Path) -> None:
    environment = install(tmp_path, ENTRY_POINTS)
    configure(tmp_path)
    text = (tmp_path / "aiharness.toml").read_text()
    refusals = {
        ("asks = 60", "asks = 5"): "or more [freshness] asks",
        ("asks = 60", "asks = 0"): "freshness.asks: must be at least 1",
        ("asks = 60", "aks = 60"): "unknown key 'aks'; known: asks. Did you mean 'asks'?",
        ('metric = "stale_rate"', 'metric = "latency"'): "in suite 'freshness', which can judge stale_rate",
        ('"square", "nudge"', '"square", "nudgy"'): "words. Did you mean 'nudge'?",
    }
    for (old, new), message in refusals.items():
        (tmp_path / "aiharness.toml").write_text(text.replace(old, new, 1))
        outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:1", env=environment, suite="freshness")
        assert (outcome.status, message in outcome.err) == (4, True), outcome.err
    (tmp_path / "aiharness.toml").write_text(text.replace("[freshness]\nasks = 60\n", ""))
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:1", "--ai-dry-run", env=environment, suite="freshness")
    assert "no freshness is configured ([freshness] asks)" in outcome.out


FAULT = """
[links.front]
api = "http://127.0.0.1:1"
[[fault]]
link = "front"
kind = "hiccup"
attributes = { every = EVERY }
"""


def test_a_fault_of_a_package_is_planned_and_its_parameters_are_checked(tmp_path: Path) -> None:
    environment = install(tmp_path, ENTRY_POINTS)
    (tmp_path / "aiharness.toml").write_text(FAULT.replace("EVERY", "20"))
    options = ("--ai-endpoint=http://127.0.0.1:1", "--ai-dry-run")
    planned = run_gate(tmp_path, *options, env=environment, suite="chaos")
    assert "ai-suite/chaos/test_faults.py::test_intact[hiccup-on-front]" in planned.out, planned.err
    (tmp_path / "aiharness.toml").write_text(FAULT.replace("EVERY", "0"))
    refused = run_gate(tmp_path, *options, env=environment, suite="chaos")
    assert "attribute every must be a whole number from 1 to 1,000 bytes, not 0" in refused.err


LIST_ALL = "from harness.commands.main import main\nfor kind in KINDS: main(['list', kind])".replace(
    "KINDS", str(["suites", "attacks", "protocols", "faults", "reports", "scenarios"])
)


def test_broken_packages_are_listed_as_the_others(tmp_path: Path) -> None:
    environment = {**os.environ, **install(tmp_path, BROKEN)}
    listed = subprocess.run(
        [sys.executable, "-c", LIST_ALL], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines().count("broken") == 5
    assert str(tmp_path / "site" / "theirs" / "broken.py") in listed.stdout, "a scenario is listed by its path"


def test_a_run_without_the_broken_package_goes_on(tmp_path: Path, reference: str) -> None:
    environment = install(tmp_path, BROKEN)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_valid", env=environment)
    assert outcome.check("test_valid")["verdict"] == "PASS", outcome.out + outcome.err
    assert "left out of the detection: protocol 'broken' of theirs.broken cannot be imported" in outcome.out
    wanted = run_gate(tmp_path, f"--ai-endpoint={reference}", env=environment, suite="broken", run="wanted")
    assert wanted.status == 4
    assert "suite 'broken' of theirs.broken cannot be imported: ModuleNotFoundError" in wanted.err
    checks = aiharness(tmp_path, environment, "list", "checks")
    assert checks.returncode == 0
    assert "ai-suite/chaos/test_faults.py::test_intact" in checks.stdout
    assert "left out: suite 'broken'" in checks.stderr
