"""The gate: its truth table, and that nothing makes it PASS without ground."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from harness.core.gate import Exit, Policy, decide
from harness.core.plan import Plan, PlannedCheck, count_statistical_blockers
from harness.core.verdict import (
    Case,
    Counterexample,
    Level,
    Status,
    Verdict,
    judge_contract,
    make_error,
    make_inconclusive,
    make_skipped,
)

GOOD = Verdict(Status.PASS, "holds", n=1)
BAD = Verdict(Status.FAIL, "refuted", n=1)


def plan(*levels: Level, kind: str = "contract") -> Plan:
    checks = tuple(PlannedCheck(f"c{i}", "smoke", level, f"check {i}", kind=kind) for i, level in enumerate(levels))
    return Plan(("smoke",), checks)


def verdicts(*given: Verdict | None) -> dict[str, Verdict]:
    return {f"c{i}": verdict for i, verdict in enumerate(given) if verdict is not None}


VERDICTS = {
    "pass": GOOD,
    "fail": BAD,
    "error": make_error("broke"),
    "inconclusive": make_inconclusive("?"),
    "missing": None,
}
RANK = ("fail", "error", "inconclusive", "missing", "pass")
EXPECTED = {
    "fail": (Status.FAIL, Exit.FAIL),
    "error": (Status.ERROR, Exit.ERROR),
    "inconclusive": (Status.INCONCLUSIVE, Exit.INCONCLUSIVE),
    "missing": (Status.INCONCLUSIVE, Exit.INCONCLUSIVE),
    "pass": (Status.PASS, Exit.PASS),
}


@pytest.mark.parametrize("pair", list(itertools.product(VERDICTS, repeat=2)), ids="-".join)
def test_truth_table_of_two_blockers(pair: tuple[str, str]) -> None:
    decision = decide(plan(Level.BLOCKER, Level.BLOCKER), verdicts(*(VERDICTS[name] for name in pair)))
    worst = min(pair, key=RANK.index)
    assert (decision.verdict, decision.exit_status) == EXPECTED[worst]
    assert decision.partial is ("missing" in pair)


@pytest.mark.parametrize("level", [Level.WARN, Level.INFO])
@pytest.mark.parametrize("name", ["fail", "error", "inconclusive"])
def test_only_blockers_decide(level: Level, name: str) -> None:
    decision = decide(plan(Level.BLOCKER, level), verdicts(GOOD, VERDICTS[name]))
    assert decision.verdict is Status.PASS


def test_the_reason_of_an_open_gate_never_reads_as_the_claim_that_is_not_decided() -> None:
    missing = decide(plan(Level.BLOCKER, Level.BLOCKER), {})
    assert missing.reason == 'smoke: the check "check 0" did not run (and 1 more)'
    open_check = decide(plan(Level.BLOCKER), verdicts(make_inconclusive("no answer came")))
    assert open_check.reason == 'smoke: the check "check 0" is not decided: no answer came'


def test_a_missing_warning_still_makes_the_run_partial() -> None:
    decision = decide(plan(Level.BLOCKER, Level.WARN), verdicts(GOOD, None))
    assert decision.verdict is Status.INCONCLUSIVE
    assert decision.partial


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Status.PASS, "zero samples", n=0),
        Verdict(Status.PASS, "no count", n=None),
        Verdict(Status.PASS, "NaN", n=9, estimate=math.nan),
        Verdict(Status.PASS, "infinite", n=9, estimate=math.inf),
        make_skipped("not declared in the plan"),
    ],
    ids=lambda v: v.reason,
)
def test_a_pass_without_ground_is_inconclusive(verdict: Verdict) -> None:
    decision = decide(plan(Level.BLOCKER, Level.BLOCKER), verdicts(GOOD, verdict))
    assert decision.verdict is Status.INCONCLUSIVE


def test_fewer_samples_than_can_pass_is_inconclusive() -> None:
    one = replace(plan(Level.BLOCKER).checks[0], min_n=59)
    assert decide(Plan(("smoke",), (one,)), {"c0": Verdict(Status.PASS, "", n=58)}).verdict is Status.INCONCLUSIVE
    assert decide(Plan(("smoke",), (one,)), {"c0": Verdict(Status.PASS, "", n=59)}).verdict is Status.PASS


def test_a_suite_without_a_judged_blocker_cannot_pass() -> None:
    assert decide(plan(Level.WARN), verdicts(GOOD)).verdict is Status.INCONCLUSIVE
    assert decide(Plan(("smoke",), ()), {}).verdict is Status.INCONCLUSIVE
    assert decide(Plan((), ()), {}).verdict is Status.INCONCLUSIVE
    two = Plan(("smoke", "load"), plan(Level.BLOCKER).checks)
    assert decide(two, verdicts(GOOD)).verdict is Status.INCONCLUSIVE


def test_declared_skips_are_not_evidence() -> None:
    only = replace(plan(Level.BLOCKER).checks[0], not_applicable="no streaming")
    decision = decide(Plan(("smoke",), (only,)), {})
    assert decision.checks[0].verdict.status is Status.SKIPPED
    assert decision.verdict is Status.INCONCLUSIVE


def test_verdicts_that_were_not_planned_count_for_nothing() -> None:
    assert decide(plan(Level.BLOCKER), {"elsewhere": GOOD}).verdict is Status.INCONCLUSIVE


def test_allow_partial_lets_missing_checks_through_aloud_and_nothing_else() -> None:
    policy = Policy(allow_partial=True)
    decision = decide(plan(Level.BLOCKER, Level.BLOCKER), verdicts(GOOD, None), policy)
    assert decision.verdict is Status.PASS
    assert decision.partial
    assert "c1" in decision.loosened[0]
    assert decide(plan(Level.BLOCKER, Level.BLOCKER), verdicts(GOOD, BAD), policy).verdict is Status.FAIL
    assert decide(plan(Level.BLOCKER), verdicts(None), policy).verdict is Status.INCONCLUSIVE
    assert decide(plan(Level.BLOCKER), verdicts(make_inconclusive("?")), policy).verdict is Status.INCONCLUSIVE


@pytest.mark.parametrize(("choice", "status"), [("pass", 0), ("fail", 1)])
def test_inconclusive_option_names_what_it_lets_through(choice: str, status: int) -> None:
    decision = decide(plan(Level.BLOCKER), verdicts(make_inconclusive("?")), Policy(inconclusive=choice))
    assert decision.verdict is Status.INCONCLUSIVE
    assert decision.exit_status == status
    assert "c0" in decision.loosened[0]
    assert decide(plan(Level.BLOCKER), verdicts(BAD), Policy(inconclusive="pass")).exit_status == 1
    assert decide(plan(Level.BLOCKER), verdicts(make_error("x")), Policy(inconclusive="pass")).exit_status == 21


def test_statistical_blockers_are_known_from_the_plan() -> None:
    estimates = plan(Level.BLOCKER, Level.BLOCKER, Level.WARN, kind="estimate").checks
    assert count_statistical_blockers(estimates) == 2
    assert count_statistical_blockers(plan(Level.BLOCKER).checks) == 1
    assert count_statistical_blockers([replace(estimates[0], not_applicable="x"), estimates[1]]) == 1


def test_plan_hash_binds_everything() -> None:
    base = plan(Level.BLOCKER)
    assert base.hash == plan(Level.BLOCKER).hash
    changed = [
        replace(base, suites=("load",)),
        replace(base, not_judged=("x",)),
        replace(base, policy=(("seed", "1"),)),
        base.add_checks([PlannedCheck("mine", "smoke", Level.BLOCKER, "mine", kind="user")]),
        *(
            replace(base, checks=(replace(base.checks[0], **{name: value}),))  # type: ignore[arg-type]
            for name, value in {"id": "x", "level": Level.WARN, "budget": 0.1, "cap": 9, "alpha": 0.1}.items()
        ),
    ]
    assert len({base.hash, *(p.hash for p in changed)}) == len(changed) + 1
    assert base.add_checks(base.checks) == base


def case(name: str, *, broken: bool = False, unjudged: str = "") -> Case:
    return Case(name, Counterexample(f"{name} is broken") if broken else None, unjudged)


def test_contract_verdicts() -> None:
    good = judge_contract([case("a"), case("b")], "both hold")
    assert good.status is Status.PASS
    assert good.n == 2
    assert good.excluded_rate == pytest.approx(1 - 0.05**0.5)
    assert judge_contract([case("a"), case("b", broken=True)], "").status is Status.FAIL
    assert judge_contract([case("a"), case("b", unjudged="silent")], "").status is Status.INCONCLUSIVE
    assert judge_contract([case("a", broken=True), case("b", unjudged="x")], "").status is Status.FAIL
    assert judge_contract([], "").status is Status.INCONCLUSIVE
    assert judge_contract([case("a")], "", planned=2).status is Status.INCONCLUSIVE
    repeats = judge_contract([case("a"), case("a"), case("a")], "", distinct=1)
    assert repeats.n == 1, "repeats are not samples (verdicts.md, trap 3)"
    assert judge_contract([case(str(i)) for i in range(299)], "").excluded_rate == pytest.approx(0.01, abs=1e-4)
    assert judge_contract([case(str(i)) for i in range(2995)], "").excluded_rate == pytest.approx(0.001, abs=1e-6)
