"""A proof in every format that people and CI read: how many checks were shown, and which were not, and why."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.core.proof import PROOF_ID, GateProof, ProofRow, judge_proof
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level

if TYPE_CHECKING:
    from tests.reports.conftest import Render

WHY = "no mutation made it fail (unfinished_stream: PASS)"
PROOF = GateProof(
    (
        ProofRow("ai-suite/smoke/test_health.py::test_live", "it is live", True, "answer_status (status 500)", "500"),
        ProofRow("ai-suite/smoke/test_stream.py::test_terminator", "a stream ends", False, reason=WHY),
        ProofRow("ai-suite/smoke/test_answer.py::test_expected", "it is right", False, reason="it was not run"),
    ),
    trials=4,
    requests=17,
    seconds=2.5,
    left_out=("load",),
)


def prove_sample(sample: Report) -> Report:
    verdict = judge_proof(PROOF)
    where = (PROOF_ID, "smoke", Level.BLOCKER)
    row = CheckRow(*where, "all are shown", "contract", verdict.status, verdict.reason, n=verdict.n)
    return replace(sample, checks=(*sample.checks, row), proof=PROOF)


@pytest.mark.parametrize("name", ["terminal", "html", "markdown", "junit", "ctrf", "allure"])
def test_what_was_shown_and_what_was_not_stands_in_the_report(name: str, sample: Report, render: Render) -> None:
    text = html.unescape(render(name, prove_sample(sample)).replace("\\", ""))
    flat = re.sub(r"\s+", " ", text)
    assert "1 of 3 checks shown able to fail here" in flat
    for check in ("test_terminator", "test_expected"):
        assert f"not shown: smoke/test_{'stream' if 'term' in check else 'answer'}.py::{check}" in flat.lower()
    assert WHY.partition(" (")[0] in flat
    assert f"aiharness rerun {sample.run.id} {PROOF_ID}" not in flat, "it judges the whole run, which rerun refuses"


def test_a_terminal_names_what_is_no_part_of_a_proof(sample: Report, render: Render) -> None:
    assert "checks of load are no part of it" in re.sub(r"\s+", " ", render("terminal", prove_sample(sample)))
