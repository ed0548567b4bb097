"""`pytest --ai-suite=adversarial` as a user runs it, on the reference deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reference.digits import make_dataset
from tests.conftest import GateOutcome, run_gate

CONFIG = """
[endpoint]
protocol = "{protocol}"
model = "{model}"
[data]
file = "digits.csv"
shape = [8, 8]
[adversarial]
eps = {eps}
low = 0.0
high = 16.0
budget = 60
inputs = 60
[[objective]]
suite = "adversarial"
metric = "robust_accuracy"
limit = "{limit}"
"""
SQUARE = "ai-suite/adversarial/test_square.py::test_square[robust_accuracy]"
CANARY = "ai-suite/adversarial/test_canary.py::test_cross_request"


def run(folder: Path, url: str, *, protocol: str = "v2", eps: float = 0.5, limit: str = ">= 0.5") -> GateOutcome:
    rows, labels = make_dataset(7, 80)
    lines = [",".join(["label", *(f"p{i}" for i in range(64))])]
    lines += [",".join(f"{value:g}" for value in (label, *row)) for row, label in zip(rows, labels, strict=True)]
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    model = "tiny-chat" if protocol == "openai_chat" else "digits"
    config = CONFIG.format(protocol=protocol, model=model, eps=eps, limit=limit)
    (folder / "aiharness.toml").write_text(config)
    return run_gate(folder, f"--ai-endpoint={url}", suite="adversarial")


@pytest.mark.slow
def test_the_reference_passes_against_small_changes(tmp_path: Path, reference: str) -> None:
    outcome = run(tmp_path, reference)
    assert outcome.status == 0, outcome.out + outcome.err
    row = outcome.check(SQUARE)
    assert row["verdict"] == "PASS"
    assert row["metric"] == "robust accuracy"
    assert row["n"] == 60
    names = [part["name"] for part in row["slices"]]
    assert names[:8] == [f"after {rows} rows" for rows in (0, 1, 2, 5, 10, 20, 50, 60)]
    assert outcome.check(CANARY)["verdict"] == "SKIPPED"


def test_it_fails_against_large_ones_with_a_curl_line_that_shows_it(tmp_path: Path, reference: str) -> None:
    outcome = run(tmp_path, reference, protocol="plain_json", eps=3.0, limit=">= 0.8")
    assert outcome.status == 1, outcome.out + outcome.err
    row = outcome.check(SQUARE)
    assert row["verdict"] == "FAIL"
    example = row["counterexamples"][0]
    assert example["summary"].startswith("confirmed: input ")
    assert example["curl"].startswith("curl ")
    assert example["pytest"] == SQUARE
    assert len(example["request"]["original"]) == 64
    assert example["seed"] is not None


def test_a_chat_service_is_asked_for_canaries_alone(tmp_path: Path, reference: str) -> None:
    outcome = run(tmp_path, reference, protocol="openai_chat")
    assert outcome.check(CANARY)["verdict"] == "PASS"
    assert outcome.check("test_own_prompt")["verdict"] == "INCONCLUSIVE"  # this model reads no system prompt
    assert outcome.check(SQUARE)["verdict"] == "SKIPPED"
    assert outcome.status == 0, outcome.out + outcome.err
