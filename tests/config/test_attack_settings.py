"""`[adversarial]`: each attack needs its limit, and columns must not contradict themselves."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.attack_settings import AttackSettings
from harness.core.errors import ConfigError
from harness.core.stored_finding import StoredFinding
from harness.core.threat import Column
from harness.run.planning import build_plan
from harness.suite import list_checks


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        (AttackSettings(), "attacks", "attack 'square' needs eps"),
        (AttackSettings(0.1, attacks=("pointwise",)), "attacks", "needs features (L0"),
        (AttackSettings(0.1, attacks=("square", "hop_skip_jump")), "attacks", "needs eps_l2 (L2"),
        (AttackSettings(0.1, attacks=()), "attacks", "names no attack"),
        (AttackSettings(0.1, attacks=("squar",)), "attacks", "Did you mean 'square'"),
        (AttackSettings(0.1, attacks=("rays", "rays")), "attacks", "twice"),
        (AttackSettings(0.1, severity=6), "severity", "must be 1 to 5"),
        (AttackSettings(0.1, low=1.0, high=1.0), "high", "must be over low"),
        (AttackSettings(0.1, columns={"age": Column(low=2, high=1)}), "columns.age.high", "must be over low"),
    ],
)
def test_what_no_attack_can_do_is_refused(settings: AttackSettings, key: str, words: str) -> None:
    problem = settings.find_problem()
    assert problem
    assert problem[0] == key
    assert words in problem[1]


def test_sound_settings_have_no_problem() -> None:
    all_limits = AttackSettings(0.1, eps_l2=1.0, features=3, attacks=("square", "square_l2", "pointwise"))
    assert all_limits.find_problem() is None


def test_files_are_found_beside_the_configuration() -> None:
    located = AttackSettings(0.1, corpus="a", resume="b").locate(lambda name: f"folder/{name}")
    assert (located.corpus, located.resume) == ("folder/a", "folder/b")


CONFIG = """[endpoint]
protocol = "plain_json"
[data]
file = "rows.csv"
[adversarial]
attacks = ["pointwise"]
features = 2
{more}
"""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('corpus = "none.jsonl"', "adversarial.corpus: "),
        ("[adversarial.columns]\na = { immutable = 3 }", "adversarial.columns.a.immutable"),
        ("[adversarial.columns]\na = { inmutable = true }", "Did you mean 'immutable'"),
        ("[adversarial.columns]\na = { low = 2, high = 1 }", "adversarial.columns.a.high: must be over low"),
        ("eps_l2 = 0", "must be over 0"),
    ],
)
def test_a_mistake_is_named_with_its_key(more: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("label,a,b\n0,0.1,0.2\n1,0.3,0.4\n")
    path = tmp_path / "aiharness.toml"
    path.write_text(CONFIG.format(more=more))
    with pytest.raises(ConfigError) as refused:
        resolve_settings(
            Options(suites=("adversarial",), endpoint="http://127.0.0.1:1", config=str(path)), {}, [tmp_path]
        )
    assert words in str(refused.value)


def test_each_finding_of_a_corpus_is_a_planned_check(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("label,a,b\n0,0.1,0.2\n1,0.3,0.4\n")
    finding = StoredFinding("pointwise", 1, "digest", [0.0, 0.4], "1", "0")
    (tmp_path / "corpus.jsonl").write_bytes(msgspec.json.encode(finding))
    path = tmp_path / "aiharness.toml"
    path.write_text(CONFIG.format(more='corpus = "corpus.jsonl"'))
    options = Options(suites=("adversarial",), endpoint="http://127.0.0.1:1", config=str(path))
    plan = build_plan(resolve_settings(options, {}, [tmp_path]), list(list_checks("adversarial")))
    ids = [check.id for check in plan.checks]
    assert "ai-suite/adversarial/test_findings.py::test_finding[pointwise-1]" in ids
