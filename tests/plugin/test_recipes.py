"""The examples of CONTRIBUTING's recipes for an attack and a suite work with exactly the files that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import run_gate
from tests.plugin.test_outside_packages import CONFIG, configure

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLE = re.compile(r"`((?:harness|suites)/[\w/]+\.py)`:\n\n((?:    .*\n|\n)+)")
OBJECTIVE = '[brevity]\nanswers = 50\n[[objective]]\nsuite = "brevity"\nmetric = "long_rate"\nlimit = "<= 10%"\n'


def read_examples(heading: str) -> dict[str, str]:
    """The files of one recipe, by their path."""
    recipe = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {path: re.sub(r"^    ", "", code, flags=re.MULTILINE) for path, code in EXAMPLE.findall(recipe)}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment in which an installed package offers both examples."""
    info = tmp_path / "site" / "recipes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recipes\nVersion: 1.0\n")
    points = "[harness.attacks]\ncorner = recipes.attacks.corner\n[harness.suites]\nbrevity = recipes.brevity\n"
    (info / "entry_points.txt").write_text(points)
    for path, code in (read_examples("Add an attack") | read_examples("Add a suite")).items():
        file = tmp_path / "site" / "recipes" / Path(path).relative_to(Path(path).parts[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return {"PYTHONPATH": str(tmp_path / "site")}


def test_the_recipes_name_all_their_files() -> None:
    assert read_examples("Add an attack").keys() == {"harness/attacks/corner.py"}
    assert read_examples("Add a suite").keys() == {"suites/brevity/__init__.py", "suites/brevity/test_length.py"}


def test_an_attack_and_a_suite_made_by_the_recipes_are_run(
    tmp_path: Path, reference: str, environment: dict[str, str]
) -> None:
    configure(tmp_path)
    text = CONFIG.replace('attacks = ["square", "nudge"]', 'attacks = ["corner"]').replace('"plainer"', '"plain_json"')
    text = re.sub(r"\[freshness\].*?(?=\[load\])", "", text, flags=re.DOTALL)
    text = re.sub(r'\[\[objective\]\]\nsuite = "freshness".*?(?=\[\[)', "", text, flags=re.DOTALL)
    (tmp_path / "aiharness.toml").write_text(text.replace('scenario = "brisk"\n', "") + OBJECTIVE)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", env=environment, suite="brevity,adversarial")
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.check("brevity/test_length.py::test_short[long_rate]")["verdict"] == "PASS"
    assert outcome.check("test_attacks.py::test_attack[corner-robust_accuracy]")["verdict"] == "PASS"
    assert outcome.gate is not None
    assert not [check for check in outcome.gate["checks"] if "test_square" in check["id"]], "it is not chosen"
    assert any("attack 'square' is not chosen" in reason for reason in outcome.gate["plan"]["not_judged"])
