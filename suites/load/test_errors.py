"""Answers under load: what is declared a success is one."""

from __future__ import annotations

from harness.load.run_load import judge_errors, load
from harness.run.gate_run import GateRun
from harness.suite import Session, Verdict, check


@check("no answer under load is silently wrong", grounds=("load",), requests=0)
def test_intact(ai_client: Session, ai_run: GateRun) -> Verdict:
    return judge_errors(load(ai_client, ai_run))
