"""The worst of several statuses decides."""

from __future__ import annotations

from harness.core.verdict import Status, find_worst_status


def test_the_worst_of_several_statuses() -> None:
    assert find_worst_status([]) is Status.INCONCLUSIVE
    assert find_worst_status([Status.PASS, Status.SKIPPED]) is Status.PASS
    order = [Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.PASS]
    for index, status in enumerate(order):
        assert find_worst_status(order[index:]) is status
