"""The configured accuracies, over all the data or a slice of them."""

from __future__ import annotations

import pytest

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.run.accuracy import Asked, judge_accuracy
from harness.suite import Session, Verdict, check


@pytest.fixture(scope="module")
def shared() -> list[Asked]:
    """What the first objective of this process asked, for those after it."""
    return []


@check("accuracy", per="objective", grounds=("data",), tokens=16)
def test_accuracy(ai_client: Session, ai_planned: PlannedCheck, shared: list[Asked], objective: Objective) -> Verdict:
    data = ai_client.settings.data
    assert data is not None
    assert data.dataset is not None
    if not shared:
        shared.append(Asked(ai_client, data.dataset))
    return judge_accuracy(ai_client, shared[0], objective, ai_planned)
