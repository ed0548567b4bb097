"""Each defect that shows under load is named by its verdict, and a healthy service under the same load is not failed.

A sample of `python -m benchmarks.load_detection`, which makes all of them and 20 healthy loads.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks._detection import CheckRow, RunOutcome, build_load_configuration, run_load_trial
from benchmarks.load_detection import HEALTHY, find_alarms, is_caught
from detection.catalogue import load_switch, switch_names
from detection.switch import CHAT, PLAIN, Defect
from harness.core.load import DID_NOT_KEEP_UP
from tests.catalogues import sample_cases

_TRIALS = 3
"""Only a load that this machine was too busy to send is tried again."""
LOADED = [name for name in switch_names(Defect) if load_switch(Defect, name).load]


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_cases(LOADED, "unfair_queue"))
def test_a_load_defect_is_named(name: str) -> None:
    defect = load_switch(Defect, name)
    assert defect.load is not None
    for _ in range(_TRIALS):
        outcome = run_load_trial(name, defect.protocols[0], defect.load, (name,), defect.promises)
        undecided = [row.id for row in outcome.rows if row.verdict == "INCONCLUSIVE"]
        if not any("test_kept_up" in id_ for id_ in undecided):
            break
    assert is_caught(defect, outcome), (outcome.rows, outcome.trouble)


@pytest.mark.slow
@pytest.mark.parametrize("number", sample_cases(range(len(HEALTHY)), 3))
def test_a_healthy_load_raises_no_alarm(number: int) -> None:
    name, protocol, trial = HEALTHY[number]
    trial = replace(trial, settings={**trial.settings, "duration": 6})
    outcome = run_load_trial(name, protocol, trial, (), {"deterministic": True})
    assert not outcome.trouble
    assert find_alarms(outcome) == []


def test_every_load_defect_has_a_load_and_words() -> None:
    assert len(LOADED) >= 9
    for name in LOADED:
        defect = load_switch(Defect, name)
        assert defect.load is not None
        assert defect.caught_by.startswith("ai-suite/load/")
        assert defect.load.words
        assert "[load]" in build_load_configuration(defect.protocols[0], defect.load, defect.promises)


def test_only_the_named_words_of_the_named_check_count() -> None:
    defect = load_switch(Defect, "unfair_queue")
    row = CheckRow(defect.caught_by, "warn", "FAIL", "the queue is unfair: 5 of 90")
    assert is_caught(defect, RunOutcome("x", PLAIN, 0, 1.0, 9, (row,)))
    for other in (replace(row, reason="it is slow"), replace(row, verdict="INCONCLUSIVE"), replace(row, id="other")):
        assert not is_caught(defect, RunOutcome("x", PLAIN, 0, 1.0, 9, (other,)))


def test_what_a_busy_machine_leaves_open_is_no_alarm() -> None:
    late = CheckRow("ai-suite/load/test_objectives.py::test_objective[x]", "blocker", "INCONCLUSIVE", DID_NOT_KEEP_UP)
    assert find_alarms(RunOutcome("x", CHAT, 20, 1.0, 9, (late,))) == []
    for alarm in (replace(late, reason="a cache answers repeats"), replace(late, verdict="FAIL")):
        assert find_alarms(RunOutcome("x", CHAT, 20, 1.0, 9, (alarm,))) == [alarm]
