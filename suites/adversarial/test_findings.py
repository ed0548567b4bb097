"""The findings of earlier runs, each sent again without a search: does the service still get it wrong?"""

from __future__ import annotations

from harness.core.stored_finding import StoredFinding
from harness.robustness.attacked_input import REPLAYS
from harness.robustness.finding_replay import replay_stored_finding
from harness.suite import Session, Verdict, check, mutate


@check(
    "a finding of an earlier run is mended",
    level="warn",
    per="finding",
    grounds=("data", "adversarial", "findings"),
    needs=("tensors",),
    requests=3 * REPLAYS,
    broken_by=(mutate("other_answer"),),
)
def test_finding(ai_client: Session, finding: StoredFinding) -> Verdict:
    return replay_stored_finding(ai_client, finding)
