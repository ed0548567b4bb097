"""The recipes of CONTRIBUTING.md work with exactly the files that they name, and so do they in an outside package."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.reference.digits import make_dataset
from tests.chaos.proxy.conftest import end_child, free_port, spawn
from tests.conftest import GateOutcome, run_gate
from tests.programs import Forker, run_module
from tests.recipes import Recipe, read_recipes
from tests.run.saved import GOOD, make_plan, save_and_report
from tests.services import serving

ROOT = Path(__file__).parents[1]
RECIPES = read_recipes()
_NOT_COPIED = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info")
_MAPPED = ("suites", "scenarios", "reports")
"""Folders at the root that are packages of `harness`."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of this repository; `path` is the folder from which its programs import `harness`."""

    root: Path
    path: Path
    forker: Forker

    def run(self, module: str, *arguments: str, status: int = 0, folder: Path | None = None) -> str:
        """The output of `python -m MODULE ARGUMENTS`, run at the root or in a folder."""
        done = run_module(module, *arguments, cwd=folder or self.root, timeout=120, forker=self.forker)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def list_plugins(self, kind: str) -> list[str]:
        """What `aiharness list KIND` prints."""
        return self.run("harness", "list", kind).splitlines()

    def run_tests(self, *arguments: str) -> int:
        """Run tests of the copy, which must pass; the number of them."""
        text = self.run("pytest", "-q", "-p", "no:cacheprovider", *arguments)
        passed = re.search(r"(\d+) passed", text)
        assert passed is not None, text
        return int(passed[1])

    def run_gate(self, folder: Path, *arguments: str, suite: str) -> GateOutcome:
        """Run a suite in a user's folder."""
        return run_gate(folder, *arguments, suite=suite, forker=self.forker)

    def read_files(self) -> dict[str, bytes]:
        """The content of every source file by its path."""
        paths = [path.relative_to(self.root) for path in self.root.rglob("*")]
        shown = [path for path in paths if not any(part == "__pycache__" or part[0] == "." for part in path.parts)]
        return {path.as_posix(): (self.root / path).read_bytes() for path in shown if (self.root / path).is_file()}

    @contextlib.contextmanager
    def follow(self, *titles: str) -> Iterator[None]:
        """Follow these recipes, and undo them; exactly the files that they name are written."""
        before, recipes = self.read_files(), [RECIPES[title] for title in titles]
        try:
            for recipe in recipes:
                for name, text in recipe.files.items():
                    assert name not in before, f"{name} is there already: the recipe needs another example"
                    (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                    (self.root / name).write_text(text, "utf-8")
            for command in {command for recipe in recipes for command in recipe.commands}:
                self.run_command(command)
            after = self.read_files()
            changed = {name for name in after if after[name] != before.get(name)}
            assert changed == set().union(*(recipe.paths for recipe in recipes))
            yield
        finally:
            for name in self.read_files().keys() - before.keys():
                (self.root / name).unlink()
            for name, content in before.items():
                if (self.root / name).read_bytes() != content:
                    (self.root / name).write_bytes(content)

    def run_command(self, command: str) -> None:
        """Run a command of a recipe: `make generate`, or a command of ours with its output written to a file."""
        if command == "make generate":
            self.run("docs.generate")
            return
        command, _, file = command.partition(" > ")
        (self.root / file).write_text(self.run("harness", *command.split()[1:]), "utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy. On `PYTHONPATH`, `path` comes before the checkout of an editable install."""
    root = tmp_path_factory.mktemp("copy") / "aiharness"
    shutil.copytree(ROOT, root, ignore=_NOT_COPIED, symlinks=True)
    path = tmp_path_factory.mktemp("path")
    (path / "harness").mkdir()
    for source in [*(root / "harness").iterdir(), *(root / name for name in _MAPPED)]:
        (path / "harness" / source.name).symlink_to(source)
    (path / "detection").symlink_to(root / "detection")
    forker = Forker(path)
    yield Checkout(root, path, forker)
    forker.stop()


def write_config(folder: Path, text: str) -> None:
    (folder / "aiharness.toml").write_text(text, "utf-8")


def answer_as_acme(path: str, body: Any) -> tuple[int, Any]:
    """Acme's scoring service of the recipe."""
    if path == "/about" and body is None:
        return 200, {"service": "acme-score", "version": "3", "columns": 4}
    if path != "/score" or body is None:
        return 404, {"error": "no such path"}
    rows = body.get("rows") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 4 for row in rows):
        return 400, {"error": "rows must be rows of 4 numbers"}
    return 200, {"scores": [sum(row) / 4 for row in rows]}


def test_a_protocol(checkout: Checkout, tmp_path: Path) -> None:
    with checkout.follow("a protocol"), serving(answer_as_acme) as url:
        assert "acme_score" in checkout.list_plugins("protocols")
        assert checkout.run_tests("tests/protocols/test_conformance.py", "-k", "acme_score") >= 12
        assert "acme_score" in checkout.run("harness", "detect", url)
        outcome = checkout.run_gate(tmp_path, f"--ai-endpoint={url}", suite="smoke")
    assert outcome.status == 0, outcome.out
    assert outcome.gate is not None
    assert outcome.gate["target"]["protocol"] == "acme_score"
    assert outcome.verdicts()["test_answer.py::test_valid"] == "PASS"


def test_a_check(checkout: Checkout, tmp_path: Path, reference: str) -> None:
    id_ = "ai-suite/smoke/test_caching.py::test_not_shared"
    with checkout.follow("a check"):
        assert any(id_ in line for line in checkout.list_plugins("checks"))
        tests = ("tests/checks/http/test_caching.py", "tests/suites/test_catalogue.py", "tests/test_check_ids.py")
        assert checkout.run_tests(*tests, "-k", "not sends_more") >= 9
        outcome = checkout.run_gate(tmp_path, f"--ai-endpoint={reference}", suite="smoke")
    assert outcome.status == 0, outcome.out
    assert outcome.check(id_)["verdict"] == "PASS"


@pytest.mark.slow
def test_a_fault(checkout: Checkout, tmp_path: Path, reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(checkout.path))
    monkeypatch.chdir(tmp_path)
    listen = f"127.0.0.1:{free_port()}"
    with checkout.follow("a fault"):
        assert "lose_start" in checkout.list_plugins("faults")
        tests = ("tests/faults/test_fault_conformance.py", "tests/chaos/proxy/test_every_fault.py")
        assert checkout.run_tests(*tests, "-k", "lose_start") >= 14
        child, api = spawn()
        try:
            write_config(tmp_path, CHAOS.format(listen=listen, api=api, upstream=reference.removeprefix("http://")))
            outcome = checkout.run_gate(tmp_path, suite="chaos")
        finally:
            assert end_child(child) == 0
    assert outcome.gate is not None, outcome.out + outcome.err
    assert len(outcome.gate["faults"]) == 1, outcome.out
    (fault,) = outcome.gate["faults"]
    assert (fault["kind"], fault["confirmed"]) == ("lose_start", "counter")
    assert fault["affected"] > 0
    assert outcome.check("test_intact[lose_start-on-front]")["verdict"] == "PASS"


CHAOS = """[endpoint]
url = "http://{listen}"
protocol = "plain_json"
[links.front]
api = "{api}"
listen = "{listen}"
upstream = "{upstream}"
[[fault]]
link = "front"
kind = "lose_start"
attributes = {{ bytes = 20 }}
duration = 1
[chaos]
rate = 20
baseline = 1
recovery = 3
"""


@pytest.mark.catalogue  # the outside package below is used in the same ways
def test_an_attack(checkout: Checkout, tmp_path: Path, reference: str) -> None:
    write_digits(tmp_path / "digits.csv")
    write_config(tmp_path, ADVERSARIAL.format(url=reference))
    with checkout.follow("an attack"):
        assert "corners" in checkout.list_plugins("attacks")
        assert checkout.run_tests("tests/attacks/test_attacks_conformance.py", "-k", "corners") == 2
        outcome = checkout.run_gate(tmp_path, suite="adversarial")
    row = outcome.check("test_attack[corners-robust_accuracy]")
    assert (row["verdict"], row["n"]) == ("PASS", 60), outcome.out
    assert outcome.gate is not None
    assert not [check["id"] for check in outcome.gate["checks"] if "test_square" in check["id"]]


def test_a_probe(checkout: Checkout, tmp_path: Path, reference: str) -> None:
    with checkout.follow("a probe"):
        assert "signature" in checkout.list_plugins("probes")
        assert checkout.run_tests("tests/probes/test_probes_conformance.py", "-k", "signature") >= 5
        chosen = ("--ai-protocol=openai_chat", "-k", "test_signature")
        outcome = checkout.run_gate(tmp_path, f"--ai-endpoint={reference}", *chosen, suite="adversarial")
    row = outcome.check("test_probes.py::test_signature")
    assert row["verdict"] in ("PASS", "INCONCLUSIVE"), outcome.out
    assert "OWASP LLM01:2025 prompt injection" in row["clauses"]


ADVERSARIAL = """[endpoint]
url = "{url}"
protocol = "v2"
model = "digits"
[data]
file = "digits.csv"
[adversarial]
attacks = ["corners"]
eps = 0.5
high = 16
budget = 5
inputs = 60
[[objective]]
suite = "adversarial"
metric = "robust_accuracy"
limit = ">= 0.5"
"""


def write_digits(path: Path) -> None:
    """Labelled pictures for the reference's model, as a CSV file."""
    rows, labels = make_dataset(7, 80)
    lines = [",".join(["label", *(f"p{i}" for i in range(64))])]
    lines += [",".join(f"{value:g}" for value in (label, *row)) for row, label in zip(rows, labels, strict=True)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


@pytest.mark.catalogue  # the outside package below is used in the same ways
def test_a_suite(checkout: Checkout) -> None:
    with checkout.follow("a suite"):
        assert "brevity" in checkout.list_plugins("suites")
        tests = ("tests/suites/brevity/test_length.py", "tests/suites/test_catalogue.py", "tests/test_check_ids.py")
        assert checkout.run_tests(*tests, "-k", "brevity or check_ids") >= 4


def test_a_scenario(checkout: Checkout, tmp_path: Path, reference: str) -> None:
    write_config(tmp_path, LOAD.format(url=reference))
    with checkout.follow("a scenario"):
        assert any(line.endswith("poisson.py") for line in checkout.list_plugins("scenarios"))
        outcome = checkout.run_gate(tmp_path, suite="load")
    assert outcome.gate is not None, outcome.out + outcome.err
    result = json.loads((outcome.run_dir / "load" / "poisson.json").read_text("utf-8"))
    assert result["finished"]
    assert (result["completed"], result["failed"]) == (60, 0)
    assert len(set(result["blocks"]["latency"]["n"])) > 3, "arrivals with equal gaps are as many in every block of time"


@pytest.mark.catalogue  # the outside package below is used in the same ways
def test_a_workload(checkout: Checkout) -> None:
    with checkout.follow("a workload"):
        assert "counting" in checkout.list_plugins("workloads")
        assert checkout.run_tests("tests/load/workload/test_counting.py") >= 1


LOAD = """[endpoint]
url = "{url}"
protocol = "plain_json"
[load]
scenario = "poisson"
rate = 40
duration = 1.5
warm_up = 0
"""


@pytest.mark.catalogue  # the outside package below is used in the same ways
def test_a_report_format(checkout: Checkout, tmp_path: Path) -> None:
    save_and_report(tmp_path, make_plan(2), ("c0", GOOD), ("c1", GOOD))
    with checkout.follow("a report format"):
        assert "csv" in checkout.list_plugins("reports")
        assert checkout.run_tests("tests/reports/test_reports_conformance.py", "-k", "csv or suffixes") >= 11
        text = checkout.run("harness", "report", str(tmp_path / "run"), "--format=csv", status=20)
    head, run, *checks = text.splitlines()
    assert head == "verdict,level,check,title,reason"
    assert run.startswith("INCONCLUSIVE,gate,,,the run ended before its decision was written")
    assert checks == ["PASS,blocker,c0,check 0,holds", "PASS,blocker,c1,check 1,holds"]


@pytest.mark.slow
def test_a_seeded_defect(checkout: Checkout) -> None:
    with checkout.follow("a seeded defect"):
        titles = checkout.run("harness.reference", "--defect=list")
        assert "server_version_shown" in titles
        tests = ("tests/detection/test_switch.py", "tests/detection/test_detection.py")
        assert checkout.run_tests(*tests, "-k", "server_version_shown or describe") >= 3


@pytest.mark.environment
@pytest.mark.slow(seconds=20)
def test_all_of_them_keep_the_rules_of_the_house(checkout: Checkout) -> None:
    paths = [name for recipe in RECIPES.values() for name in recipe.files]
    if (ROOT / ".mypy_cache").is_dir():  # left by `make check`; without it everything is read anew
        shutil.copytree(ROOT / ".mypy_cache", checkout.root / ".mypy_cache")
    with checkout.follow(*RECIPES):
        for arguments in (["ruff", "format", "--check", "--no-cache"], ["ruff", "check", "--no-cache"], ["mypy"]):
            command = [sys.executable, "-m", *arguments, *paths]
            done = subprocess.run(command, cwd=checkout.root, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, done.stdout
        tests = ("tests/test_layout.py", "tests/test_architecture.py", "tests/test_check_ids.py", "tests/test_docs.py")
        assert checkout.run_tests(*tests, "-k", "not readmes_own") >= 30


PLUGINS: Mapping[str, tuple[str, str]] = {
    "a protocol": ("protocols", "acme_score"),
    "a fault": ("faults", "lose_start"),
    "an attack": ("attacks", "corners"),
    "a suite": ("suites", "brevity"),
    "a scenario": ("scenarios", "poisson"),
    "a workload": ("workloads", "counting"),
    "a report format": ("reports", "csv"),
}
"""The kind and the name of each recipe's plug-in."""
BREVITY = """[endpoint]
protocol = "acme_score"
[[objective]]
suite = "brevity"
metric = "long_rate"
limit = "<= 10%"
"""
CONFORMANCE = {"faults": "fault", "reports": "reports", "attacks": "attacks"}


def write_package(folder: Path, recipes: Mapping[str, Recipe]) -> None:
    """A distribution that offers the plug-ins by entry points, as pip would install it."""
    metadata, package = folder / "acme_plugins-1.0.dist-info", folder / "acme_plugins"
    metadata.mkdir()
    package.mkdir()
    (package / "__init__.py").touch()
    lines = []
    for title, (kind, name) in PLUGINS.items():
        for path, text in recipes[title].files.items():
            if not path.startswith("tests/"):
                file = package / path.removeprefix("suites/") if kind == "suites" else package / f"{name}.py"
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, "utf-8")
        lines += [f"[harness.{kind}]", f"{name} = acme_plugins.{name}"]
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_plugins\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")


def test_an_outside_package_offers_the_same_files(checkout: Checkout, tmp_path: Path) -> None:
    write_config(tmp_path, BREVITY)
    write_package(checkout.path, RECIPES)
    try:
        for kind, name in PLUGINS.values():
            names = [Path(line).stem for line in checkout.list_plugins(kind)]
            assert name in names
        tests = [f"tests/{room}/test_{kind}_conformance.py" for room, kind in CONFORMANCE.items()]
        assert checkout.run_tests(*tests, "-k", "lose_start or csv or corners") >= 22
        with serving(answer_as_acme) as url:
            outcome = checkout.run_gate(tmp_path, f"--ai-endpoint={url}", "--ai-report=csv", suite="brevity")
        assert outcome.status == 0, outcome.out + outcome.err
        assert "brevity/test_length.py::test_short[long_rate]" in (outcome.run_dir / "report.csv").read_text("utf-8")
    finally:
        shutil.rmtree(checkout.path / "acme_plugins")
        shutil.rmtree(checkout.path / "acme_plugins-1.0.dist-info")


@pytest.mark.parametrize("title", RECIPES)
def test_examples_import_public_names_only(title: str) -> None:
    for path, text in RECIPES[title].files.items():
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0 or path.startswith("suites/"), "an outside package has no siblings here"
                names += [part for part in (node.module or "").split(".") if part != "__future__"]
            assert not [name for name in names if name.startswith("_")]
