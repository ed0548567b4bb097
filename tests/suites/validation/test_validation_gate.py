"""`pytest --ai-suite=validation` as a user runs it, on the reference deployment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.reference.digits import make_dataset, train
from tests.conftest import GateOutcome, run_gate

CONFIG = """
[endpoint]
protocol = "{protocol}"
model = "{model}"
[data]
{data}
{objectives}
"""
OBJECTIVE = '[[objective]]\nsuite = "validation"\nmetric = "accuracy"\nlimit = "{limit}"\n'
ALL = "test_accuracy.py::test_accuracy[accuracy]"
GOLDEN = "test_golden.py::test_golden"


def run(
    folder: Path, url: str, *, limits: tuple[str, ...] = (">= 0.9",), protocol: str = "v2", flip: int = 0
) -> GateOutcome:
    rows, labels = make_dataset(7, 300)
    header = ["label", "half", *(f"p{i}" for i in range(64))]
    lines = [",".join(header)]
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        shown = (int(label) + 1) % 10 if index < flip else int(label)
        lines.append(",".join([str(shown), "low" if label < 5 else "high", *(f"{value:g}" for value in row)]))
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    objectives = "".join(OBJECTIVE.format(limit=limit) for limit in limits[:1])
    objectives += "".join(OBJECTIVE.format(limit=limit) + 'slice = "low"\n' for limit in limits[1:])
    data = 'file = "digits.csv"\ngroup = "half"'
    config = CONFIG.format(protocol=protocol, model="digits", data=data, objectives=objectives)
    (folder / "aiharness.toml").write_text(config)
    return run_gate(folder, f"--ai-endpoint={url}", suite="validation")


@pytest.mark.parametrize("protocol", ["v2", "plain_json"])
def test_the_reference_is_accurate_over_all_rows_and_a_slice_and_no_row_is_asked_twice(
    tmp_path: Path, reference: str, protocol: str
) -> None:
    outcome = run(tmp_path, reference, limits=(">= 0.9", ">= 0.85"), protocol=protocol)
    assert outcome.status == 0, outcome.out + outcome.err
    row = outcome.check(ALL)
    assert (row["verdict"], row["n"]) == ("PASS", 300)
    wrong = train(0).predict_proba(make_dataset(7, 300)[0]).argmax(axis=1) != make_dataset(7, 300)[1]
    assert row["estimate"] == pytest.approx(1 - wrong.mean())
    assert {part["name"]: part["n"] for part in row["slices"]} == {"high": 150, "low": 150}
    assert outcome.check("test_accuracy[accuracy-low]")["n"] == 150
    of_stability = 56 + 40 + 37
    assert (outcome.run_dir / ".requests").stat().st_size < of_stability + 20, "10 batches and the preflight"


def test_wrong_labels_fail_it_and_the_first_wrong_row_is_shown(tmp_path: Path, reference: str) -> None:
    outcome = run(tmp_path, reference, flip=100)
    assert outcome.status == 1, outcome.out + outcome.err
    row = outcome.check(ALL)
    assert row["verdict"] == "FAIL"
    assert "is answered" in row["counterexamples"][0]["summary"]
    assert row["counterexamples"][0]["curl"]


@pytest.mark.parametrize(("by", "verdict"), [(0.0, "PASS"), (1e-3, "FAIL")])
def test_golden_outputs(tmp_path: Path, reference: str, by: float, verdict: str) -> None:
    rows, _ = make_dataset(9, 5)
    scores = train(0).predict_proba(rows)
    scores[3, 4] += by
    lines = [json.dumps({"input": r.tolist(), "label": s.tolist()}) for r, s in zip(rows, scores, strict=True)]
    (tmp_path / "golden.jsonl").write_text("\n".join(lines) + "\n")
    data = 'golden = "golden.jsonl"\ntolerance = 1e-6'
    config = CONFIG.format(protocol="v2", model="digits", data=data, objectives="")
    (tmp_path / "aiharness.toml").write_text(config)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="validation")
    row = outcome.check(GOLDEN)
    assert row["verdict"] == verdict, outcome.out
    if by:
        assert "golden 3" in row["reason"]
        assert "[4] is" in row["reason"]
        assert f"{scores[3, 4]:.6g}"[:6] in row["reason"]


def test_text_data_are_asked_as_prompts(tmp_path: Path, reference: str) -> None:
    words = [f"w{i:03d}" for i in np.random.default_rng(0).permutation(160)]
    lines = ["prompt,label", *(f"Repeat after me: {word},{word}" for word in words)]
    (tmp_path / "said.csv").write_text("\n".join(lines) + "\n")
    data, objective = 'file = "said.csv"', OBJECTIVE.format(limit=">= 0.95")
    config = CONFIG.format(protocol="openai_chat", model="tiny-chat", data=data, objectives=objective)
    (tmp_path / "aiharness.toml").write_text(config)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="validation")
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.check(ALL)["estimate"] == 1.0
