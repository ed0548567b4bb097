"""What a proof counts as shown, and how it names what is not."""

from __future__ import annotations

import pytest

from harness.core.fault import load_fault
from harness.core.mutation import COMMON_MUTATIONS, FETCHED_ADDRESS, LOST_NAME, Mutation, list_candidates, mutate
from harness.core.plan import PlannedCheck
from harness.core.proof import (
    GateProof,
    MutationTrial,
    is_provable,
    judge_proof,
    make_row,
    make_row_without_trials,
    plan_proof,
)
from harness.core.verdict import Level, Status, Verdict, make_error, make_inconclusive
from harness.suite import list_checks

CHECK = PlannedCheck("ai-suite/smoke/test_a.py::test_b", "smoke", Level.BLOCKER, "it holds", requests=3)
FAIL, PASS = Verdict(Status.FAIL, "it broke"), Verdict(Status.PASS, "it holds")
CUT, SWAP = mutate("truncate_stream", events=3), mutate("swap_answers")


@pytest.mark.parametrize(
    ("verdict", "struck", "shows"),
    [
        (FAIL, True, True),
        (FAIL, False, False),  # it fails by itself
        (PASS, True, False),
        (make_inconclusive("undecided"), True, False),
        (make_error("broken"), True, False),
        (None, True, False),
    ],
)
def test_only_a_failure_that_the_mutation_met_shows_anything(
    verdict: Verdict | None, struck: bool, shows: bool
) -> None:
    assert MutationTrial(CUT, verdict, struck).shows is shows


def test_what_is_judged_before_contact_is_shown_by_an_error() -> None:
    assert MutationTrial(mutate(LOST_NAME), make_error("no address"), True, Status.ERROR).shows


def test_a_row_names_the_mutation_or_each_outcome() -> None:
    shown = make_row(CHECK, [MutationTrial(SWAP, PASS, True), MutationTrial(CUT, FAIL, True)])
    assert (shown.shown, shown.mutation, shown.reason) == (True, "truncate_stream (events 3)", "it broke")
    unshown = make_row(CHECK, [MutationTrial(SWAP, PASS, True), MutationTrial(CUT, FAIL, False)])
    assert unshown.reason == (
        "no mutation made it fail (swap_answers: PASS; "
        "truncate_stream (events 3): FAIL, and none of its requests was struck)"
    )


def test_a_check_that_fails_as_it_is_needs_no_mutation() -> None:
    row = make_row_without_trials(CHECK, [PASS, FAIL])
    assert row is not None
    assert (row.shown, row.mutation, row.reason) == (True, "none: it fails as it is", "it broke")


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        ([], "it was not run"),
        ([PASS, make_error("broken")], "it was ERROR without a mutation: broken"),
    ],
)
def test_a_check_that_decided_nothing_is_named_as_such(verdicts: list[Verdict], reason: str) -> None:
    row = make_row_without_trials(CHECK, verdicts)
    assert row is not None
    assert (row.shown, row.reason) == (False, reason)


@pytest.mark.parametrize("verdict", [PASS, make_inconclusive("undecided")], ids=["pass", "inconclusive"])
def test_what_passed_or_found_nothing_to_judge_is_asked_under_mutations(verdict: Verdict) -> None:
    assert make_row_without_trials(CHECK, [verdict]) is None


def test_what_was_undecided_is_shown_by_its_own_mutation_or_says_so() -> None:
    undecided = make_inconclusive("no cache is seen")
    assert make_row(CHECK, [MutationTrial(CUT, FAIL, True)], undecided).shown
    for trials, end in (([MutationTrial(CUT, undecided, True)], "no mutation made it fail"), ([], "it was not asked")):
        reason = make_row(CHECK, trials, undecided).reason
        assert reason.startswith(f"it was INCONCLUSIVE without a mutation: no cache is seen; {end}")


COMMON_BREAK_THEM = [
    "smoke/test_answer.py::test_valid",
    "smoke/test_answer.py::test_expected",
    "smoke/test_answer.py::test_latency",
    "smoke/test_health.py::test_live",
    "smoke/test_health.py::test_ready",
    "smoke/test_health.py::test_model_ready",
    "smoke/test_health.py::test_predicts",
    "integration/test_categories.py::test_announced_values",
    "integration/test_echo.py::test_prompt_covered",
    "integration/test_long_prompts.py::test_facts",
    "integration/test_parameters.py::test_output_limit",
    "integration/test_parameters.py::test_logprobs",
    "integration/test_structured.py::test_cut",
    "integration/test_written_text.py::test_reasoning_promised",
    "validation/test_golden.py::test_golden",
    "validation/test_worst_slice.py::test_trivial_baseline",
    "adversarial/test_security.py::test_disguised_keys",
    "adversarial/test_stored_answers.py::test_stored_answers",
]
"""Contract checks that name no mutation: those that every check is tried under break their promise, too."""


def test_every_new_check_names_what_breaks_its_promise() -> None:
    unnamed = []
    for suite in ("smoke", "integration", "validation", "adversarial"):
        for declared in list_checks(suite):
            spec = declared.spec
            is_contract = not (spec.per or spec.compares or spec.find_share) and spec.level is not Level.INFO
            if is_contract and not spec.broken_by:
                unnamed.append(declared.id.removeprefix("ai-suite/"))
    assert unnamed == COMMON_BREAK_THEM, "a new check declares broken_by"


def test_the_verdict_is_pass_only_where_every_check_was_shown() -> None:
    shown, unshown = (
        make_row(CHECK, [MutationTrial(CUT, FAIL, True)]),
        make_row(CHECK, [MutationTrial(CUT, PASS, True)]),
    )
    assert judge_proof(GateProof((shown,))).status is Status.PASS
    verdict = judge_proof(GateProof((shown, unshown)))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason.startswith("1 of 2 checks shown able to fail here; not shown: test_a.py::test_b")
    assert judge_proof(GateProof(())).status is Status.INCONCLUSIVE


def test_estimates_loads_and_what_is_not_offered_are_no_part_of_it() -> None:
    others = [
        PlannedCheck("ai-suite/smoke/x", "smoke", Level.BLOCKER, "x", kind="estimate"),
        PlannedCheck("ai-suite/load/x", "load", Level.BLOCKER, "x"),
        PlannedCheck("ai-suite/smoke/y", "smoke", Level.BLOCKER, "y", not_applicable="no streaming"),
        PlannedCheck("ai-run/unprovoked_failures", "smoke", Level.INFO, "z"),
    ]
    assert not any(map(is_provable, others))
    assert plan_proof("smoke", [CHECK, *others]).requests == 3


def test_own_mutations_come_first_and_none_twice() -> None:
    candidates = list_candidates((COMMON_MUTATIONS[2], CUT))
    assert candidates[:3] == (COMMON_MUTATIONS[2], CUT, COMMON_MUTATIONS[0])
    assert len(candidates) == len(COMMON_MUTATIONS) + 1


@pytest.mark.parametrize("suite", ["smoke", "integration", "validation", "adversarial"])
def test_every_mutation_that_a_check_names_can_be_made(suite: str) -> None:
    named: set[Mutation] = {*COMMON_MUTATIONS}
    for declared in list_checks(suite):
        named.update(declared.spec.broken_by)
    for mutation in named:
        if not mutation.changes_target and mutation.fault != FETCHED_ADDRESS:
            load_fault(mutation.fault).parse(dict(mutation.attributes))
