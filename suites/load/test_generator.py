"""Whether the load was the one asked for: without that, nothing else here says anything."""

from __future__ import annotations

from harness.load.run_load import judge_generator, load
from harness.run.gate_run import GateRun
from harness.suite import Session, Verdict, check


@check("the load generator kept up", grounds=("load",), requests=0)
def test_kept_up(ai_client: Session, ai_run: GateRun) -> Verdict:
    return judge_generator(load(ai_client, ai_run))
