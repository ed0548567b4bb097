"""Answers under load: what is declared a success is one."""

from __future__ import annotations

from harness.load.judging import judge_errors
from harness.load.run_load import LOAD
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("no answer under load is silently wrong", grounds=("load",), measures=(LOAD,))
def test_intact(ai_measure: Measurements) -> Verdict:
    return judge_errors(ai_measure(LOAD))
