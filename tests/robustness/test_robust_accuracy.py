"""Verdicts on what attacks left: what counts, what does not, and all attacks together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.verdict import Status
from harness.robustness.attack_result import AttackedInputs, InputOutcome, describe_success, draw_distance_curve, unite
from harness.robustness.robust_accuracy import judge_all_attacks, judge_robust_accuracy
from tests.services import objective

SQUARE, RAYS = "Square attack (L-infinity, from scores)", "RayS (L-infinity, from labels)"


def make(states: dict[str, int], attack: str = SQUARE, limit: str = "eps 1", **more: object) -> AttackedInputs:
    """So many inputs in each state, numbered in their order."""
    outcomes = []
    for state, count in states.items():
        distance = 0.5 if state == "confirmed" else None
        outcomes += [InputOutcome(0, state, 10, distance, distance) for _ in range(count)]
    numbered = tuple(replace(outcome, number=number) for number, outcome in enumerate(outcomes))
    return AttackedInputs(attack, limit, "digest", numbered, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({"robust": 90, "confirmed": 10}, "PASS"),
        ({"robust": 20, "confirmed": 80}, "FAIL"),
        ({"robust": 20, "wrong": 80}, "FAIL"),
        ({"robust": 50, "confirmed": 50}, "INCONCLUSIVE"),
        ({"robust": 20, "lost": 80}, "INCONCLUSIVE"),
        ({"robust": 20, "unfinished": 80}, "INCONCLUSIVE"),
        ({"robust": 90, "lost": 10}, "PASS"),
        ({"robust": 15, "confirmed": 75, "lost": 10}, "FAIL"),
    ],
)
def test_findings_alone_make_a_fail_and_robust_inputs_alone_a_pass(states: dict[str, int], status: str) -> None:
    verdict = judge_robust_accuracy(make(states, lost="HTTP 500"), *objective(">= 0.5"))
    assert verdict.status == status, verdict.reason
    assert "tried: Square attack (L-infinity, from scores) within eps 1" in verdict.reason


def test_what_is_not_known_is_named() -> None:
    lost = judge_robust_accuracy(make({"robust": 40, "lost": 60}, lost="HTTP 500"), *objective())
    assert "60 inputs got no valid answer (HTTP 500), which does not show whether they are robust" in lost.reason
    cut = judge_robust_accuracy(make({"robust": 40, "unfinished": 60}), *objective())
    assert "60 searches did not end within [adversarial] rows" in cut.reason


def test_no_pass_rests_on_a_plateau_a_mask_or_contradictions() -> None:
    robust = make({"robust": 100})
    flaky = replace(robust, outcomes=tuple(replace(outcome, flaky=True) for outcome in robust.outcomes))
    for inputs, why in (
        (replace(robust, unmoved=100), "no row changed their scores"),
        (replace(robust, masked="only labels are answered"), "only labels are answered"),
        (flaky, "contradicts itself"),
    ):
        verdict = judge_robust_accuracy(inputs, *objective())
        assert verdict.status is Status.INCONCLUSIVE
        assert why in verdict.reason


def test_success_medians_and_their_bounds_are_told() -> None:
    lines = describe_success(make({"robust": 80, "confirmed": 20}), 0.05)
    assert lines[0].startswith(f"{SQUARE}: success on 20 of 100 attacked inputs (13.7% to 27.7%")
    assert lines[1:] == [
        "median rows until success: 10 (10 to 10), over 20 inputs",
        "median distance of the findings: 0.5 (0.5 to 0.5), over 20 inputs",
        "median distance of the nearest wrong row, within the limit or not: 0.5 (0.5 to 0.5), over 20 inputs",
    ]
    assert "too few for bounds" in describe_success(make({"robust": 9, "confirmed": 1}), 0.05)[1]


def test_an_input_is_broken_if_one_attack_breaks_it_and_lost_if_none_does_and_one_loses_it() -> None:
    one = make({"robust": 3, "confirmed": 1})
    other = make({"confirmed": 1, "lost": 1, "robust": 2}, RAYS)
    states = [outcome.state for outcome in unite([one, other]).outcomes]
    assert states == ["confirmed", "lost", "robust", "confirmed"]


def test_all_together_fail_where_each_alone_does_not() -> None:
    one = make({"confirmed": 40, "robust": 60})
    other = make({"robust": 60, "confirmed": 40}, RAYS)
    alone = [judge_robust_accuracy(inputs, *objective(">= 0.5")).status for inputs in (one, other)]
    assert Status.FAIL not in alone
    together = judge_all_attacks([one, other], *objective(">= 0.5"))
    assert together.status is Status.FAIL
    assert f"{SQUARE} and {RAYS} within eps 1" in together.reason


@pytest.mark.parametrize(("more", "noted"), [(2, False), (5, True)])
def test_labels_that_beat_scores_are_noted(more: int, noted: bool) -> None:
    scores = make({"confirmed": 10, "robust": 90})
    labels = make({"confirmed": 10 + more, "robust": 90 - more}, RAYS)
    notes = judge_all_attacks([scores, labels], *objective()).notes
    assert any("the scores hide what a row changes" in note for note in notes) is noted
    other_limit = judge_all_attacks([scores, replace(labels, limit="features 3")], *objective()).notes
    assert not any("the scores hide" in note for note in other_limit)


def test_named_changes_are_slices() -> None:
    inputs = make({"robust": 50, "confirmed": 50}, named=(("blur 1", 5, 100), ("blur 2", 50, 100), ("fog 9", 0, 0)))
    slices = judge_robust_accuracy(inputs, *objective()).slices
    assert [(part.name, part.estimate) for part in slices] == [("blur 1", 0.95), ("blur 2", 0.5)]


def test_what_proves_nothing_for_any_attack_proves_nothing_together() -> None:
    unmoved = [make({"robust": 100}, unmoved=100), make({"robust": 100}, RAYS, unmoved=100)]
    verdict = judge_all_attacks(unmoved, *objective())
    assert verdict.status is Status.INCONCLUSIVE
    assert "a plateau" in verdict.reason
    masked = [make({"robust": 100}, masked="only labels are answered") for _ in range(2)]
    assert judge_all_attacks(masked, *objective()).status is Status.INCONCLUSIVE
    assert judge_all_attacks([*masked, make({"robust": 100}, RAYS)], *objective()).status is Status.PASS


def test_accuracy_falls_with_the_distance_to_that_of_the_verdict() -> None:
    states = [InputOutcome(0, "wrong"), *(InputOutcome(i, "confirmed", 3, i / 100) for i in range(1, 5))]
    outcomes = [*states, *(InputOutcome(i, "robust", 20) for i in range(5, 10))]
    slices = draw_distance_curve(outcomes, 0.05)
    reaches = [float(part.name.removeprefix("within ")) for part in slices]
    for reach, part in zip(reaches, slices, strict=True):
        robust = sum(one.state == "robust" or (one.distance or 0) > reach for one in outcomes)
        assert part.estimate == pytest.approx(robust / 10)
    assert (reaches[0], reaches[-1]) == (0, 0.04)
    assert slices[-1].estimate == 0.5
    assert draw_distance_curve(outcomes[5:], 0.05) == ()
