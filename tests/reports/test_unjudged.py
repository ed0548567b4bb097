"""What was not judged: one group for each reason, with lines that the configuration accepts."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from harness.config.file import read_file
from harness.core.settings import GROUNDS, Promises
from harness.core.suite_policy import explain_ground, list_sections

unjudged = importlib.import_module("harness.reports._unjudged")
NOT_CONFIGURABLE = {"direct", "http", "no_upload", "named", "baseline", "saved_run", "second_endpoint"}
"""Grounds that the endpoint or an option gives, not the file."""


@pytest.mark.parametrize("ground", [*GROUNDS, *list_sections()])
def test_every_ground_has_lines_that_the_file_accepts(ground: str, tmp_path: Path) -> None:
    (group,) = unjudged.group_unjudged([f"a check: {explain_ground(ground)}"])
    assert group.titles == ("a check",)
    if ground in NOT_CONFIGURABLE:
        assert group.lines == ""
        return
    if ground in ("property", "torch"):
        assert group.lines == f"pip install 'aiharness[{ground}]'"
        return
    assert "…" not in group.lines
    path = tmp_path / "aiharness.toml"
    path.write_text(f"{group.lines}\n")
    assert tomllib.loads(path.read_text())
    read_file(str(path), [])


def test_promises_are_one_group() -> None:
    names = [field.name for field in fields(Promises)]
    sentences = [f"check {name}: {GROUNDS[name]}" for name in names] + ["other: no credentials are configured"]
    promises, other = unjudged.group_unjudged(sentences)
    assert len(promises.titles) == len(names)
    assert promises.lines.splitlines()[0] == "[promises]"
    assert set(tomllib.loads(promises.lines)["promises"]) == set(names)
    assert other.titles == ("other",)


def test_checks_are_gathered_by_what_would_judge_them_most_first() -> None:
    sentences = ["a: [promises] tools is not set", "b: no model version is configured ([endpoint] version)"]
    sentences += [f"c {k}: no prompts are configured ([evaluation] file)" for k in range(3)]
    sentences += ["d: nothing is given to compare with (--ai-baseline)", "e: no right answer ([endpoint] expect)", "f"]
    gathered = unjudged.gather_sections(unjudged.group_unjudged(sentences))
    assert [section for section, _ in gathered] == [
        "[evaluation]",
        "[endpoint]",
        "[promises]",
        "--ai-baseline",
        "other",
    ]
    assert [len(groups) for _, groups in gathered] == [1, 2, 1, 1, 1]
    assert gathered[0][1][0].lines == '[evaluation]\nfile = "prompts.jsonl"'


def test_lines_that_two_reasons_name_are_written_once() -> None:
    sentence = "a: no prompts are configured ([evaluation] file); no prompt has tools ([evaluation] file)"
    (group,) = unjudged.group_unjudged([sentence])
    assert group.lines == '[evaluation]\nfile = "prompts.jsonl"'


@pytest.mark.parametrize(
    ("sentence", "metric"),
    [
        ("smoke: no [[objective]] is configured for latency or ttft", "latency p95"),
        ("validation: no [[objective]] is configured for accuracy", "accuracy"),
        ("load: no [[objective]] is configured for error_rate", "error_rate"),
    ],
)
def test_an_objective_is_written_for_its_suite(sentence: str, metric: str, tmp_path: Path) -> None:
    (group,) = unjudged.group_unjudged([sentence])
    (objective,) = tomllib.loads(group.lines)["objective"]
    assert (objective["suite"], objective["metric"]) == (sentence.partition(":")[0], metric)
    path = tmp_path / "aiharness.toml"
    path.write_text(group.lines)
    read_file(str(path), [])


def test_text_of_no_known_form_is_listed_and_advises_nothing() -> None:
    groups = unjudged.group_unjudged(["words", "a: b\x1b[31m", "x: 'c' is not chosen ([adversarial] attacks)"])
    assert [group.titles for group in groups] == [("words",), ("a",), ("x",)]
    assert [group.lines for group in groups] == ["", "", '[adversarial]\nattacks = ["square", "rays"]']
    assert "\x1b" not in groups[1].why
