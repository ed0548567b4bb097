"""Pytest's own lines count the same checks as the gate: what is collected is planned, what passed is PASS."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import run_gate


@pytest.mark.slow(seconds=8)
@pytest.mark.parametrize("processes", ["0", "2"])
def test_pytest_counts_what_the_gate_counts(tmp_path: Path, reference: str, processes: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-n", processes)
    assert outcome.gate is not None, outcome.out + outcome.err
    counts: dict[str, int] = {}
    for check in outcome.gate["checks"]:
        is_warning = check["level"] != "blocker" and check["verdict"] in ("FAIL", "ERROR")
        name = "warned" if is_warning else check["verdict"]
        counts[name] = counts.get(name, 0) + 1
    last = next(line for line in reversed(outcome.out.splitlines()) if re.search(r"\d+ passed", line))
    words = {"PASS": "passed", "FAIL": "failed", "SKIPPED": "skipped", "INCONCLUSIVE": "inconclusive"}
    for name, number in counts.items():
        assert f"{number} {words.get(name, name)}" in last, (counts, last)
    asked = [check for check in outcome.gate["checks"] if not check["id"].startswith("ai-run/")]
    assert len(asked) < len(outcome.gate["checks"])
    collected = re.search(r"collected (\d+) items|\[(\d+) items\]", outcome.out)
    assert collected is not None, outcome.out
    assert int(collected[1] or collected[2]) == len(asked)
    judged = sum(check["verdict"] in ("PASS", "FAIL") for check in outcome.gate["checks"])
    assert outcome.gate["plan"]["judged"] == judged
    assert f"{judged} of {len(outcome.gate['checks']) - counts.get('SKIPPED', 0)} checks judged" in outcome.out
