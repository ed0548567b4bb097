"""Waivers: which checks they make warnings of, and what is said of those that have no effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from harness.core.gate import decide
from harness.core.plan import Plan, PlannedCheck
from harness.core.verdict import Level, Status, Verdict
from harness.core.waiver import Waiver, describe_waivers, is_used, judge_waivers, waive_checks

IDS = ("ai-suite/smoke/test_a.py::test_b[x]", "ai-suite/smoke/test_a.py::test_b[y]", "tests/t.py::test_c")
PLAN = Plan(("smoke",), tuple(PlannedCheck(id_, "smoke", Level.BLOCKER, id_) for id_ in IDS))
TODAY = date(2026, 6, 1)


def waive(check: str, expires: date = TODAY) -> Waiver:
    return Waiver(check, "known since May", "team-a", expires)


def list_waived(*waivers: Waiver) -> list[str]:
    return [check.id for check in waive_checks(PLAN, waivers, TODAY).checks if check.level is Level.WARN]


@pytest.mark.parametrize(
    ("wanted", "waived"),
    [
        (IDS[0], IDS[:1]),
        ("smoke/test_a.py::test_b[y]", IDS[1:2]),
        ("smoke/test_a.py::test_b", IDS[:2]),
        ("tests/t.py::test_c", IDS[2:]),
        ("smoke/test_a.py", ()),
        ("test_b[x]", ()),
        ("smoke/*", ()),
        ("", ()),
    ],
)
def test_a_waiver_names_a_check_or_all_cases_of_a_test(wanted: str, waived: tuple[str, ...]) -> None:
    assert list_waived(waive(wanted)) == list(waived)


def test_it_counts_through_its_last_day_and_changes_the_hash() -> None:
    assert list_waived(waive(IDS[2], date(2026, 5, 31))) == []
    assert list_waived(waive(IDS[2], date(2026, 6, 2))) == [IDS[2]]
    assert waive_checks(PLAN, [waive(IDS[2])], TODAY).hash != PLAN.hash
    assert waive_checks(PLAN, [waive(IDS[2], date(2026, 5, 31))], TODAY).hash == PLAN.hash


def decide_with(waivers: list[Waiver], status: Status) -> Status:
    verdicts = {id_: Verdict(Status.PASS, "holds", n=5) for id_ in IDS}
    verdicts[IDS[2]] = Verdict(status, "so", n=5)
    return decide(waive_checks(PLAN, waivers, TODAY), verdicts).verdict


def test_a_waived_failure_does_not_block_and_an_expired_waiver_does_nothing() -> None:
    assert decide_with([waive(IDS[2])], Status.FAIL) is Status.PASS
    assert decide_with([waive(IDS[2], date(2026, 1, 1))], Status.FAIL) is Status.FAIL
    assert decide_with([waive(IDS[0])], Status.FAIL) is Status.FAIL


def test_waivers_cannot_make_a_run_pass_that_judged_nothing() -> None:
    everything = waive_checks(PLAN, [waive(IDS[2]), waive("smoke/test_a.py::test_b")], TODAY)
    holds = {id_: Verdict(Status.PASS, "holds", n=5) for id_ in IDS}
    assert decide(everything, holds).verdict is Status.INCONCLUSIVE
    waived = waive_checks(PLAN, [waive(IDS[2])], TODAY)
    unrun = {id_: verdict for id_, verdict in holds.items() if id_ != IDS[2]}
    assert decide(waived, unrun).verdict is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("waiver", "state", "used"),
    [
        (waive(IDS[2]), "waives FAIL", True),
        (waive("smoke/test_a.py::test_b"), "waives INCONCLUSIVE", True),
        (waive(IDS[2], date(2026, 5, 31)), "ignored: it expired on 2026-05-31", False),
        (waive("smoke/test_a.py::test_gone"), "without effect: it names no planned check", False),
        (waive(IDS[0]), "without effect: nothing that it names is open; remove it", False),
    ],
)
def test_what_each_does_is_said(waiver: Waiver, state: str, used: bool) -> None:
    verdicts = dict(zip(IDS, (Status.PASS, Status.INCONCLUSIVE, Status.FAIL), strict=True))
    (judged,) = judge_waivers(describe_waivers([waiver], TODAY), verdicts)
    assert judged["state"] == state
    assert is_used(judged) is used
    assert (judged["owner"], judged["reason"]) == ("team-a", "known since May")


def test_a_waiver_keeps_what_is_no_blocker() -> None:
    info = replace(PLAN, checks=(replace(PLAN.checks[2], level=Level.INFO),))
    assert waive_checks(info, [waive(IDS[2])], TODAY) == info
