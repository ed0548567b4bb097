"""Robust accuracy: the verdict of an objective on what one attack, or all of them together, left of the inputs.

Tested in tests/robustness/test_robust_accuracy.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from harness.checks.common import TOO_MANY_REQUESTS
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Slice, Status, Verdict, make_inconclusive
from harness.robustness.attack_result import (
    AttackedInputs,
    describe_success,
    draw_distance_curve,
    draw_query_curve,
    unite,
)
from harness.robustness.attacked_input import REPLAYS
from harness.run.rate_judging import judge_independent_samples, make_slice

_FEWEST, _SHARE = 3, 0.05
"""Inputs, and their share, that an attack from labels breaks beyond one from scores before the scores are suspected."""


def judge_robust_accuracy(inputs: AttackedInputs, objective: Objective, check: PlannedCheck) -> Verdict:
    """Robust accuracy under an attack: the share of inputs classified right at first and through the whole budget.

    Not robust are inputs wrong at first, and those with a confirmed finding. An input to which the service gave no
    valid answer is neither: no FAIL rests on it, and no PASS. The verdict is not PASS where it would rest on inputs
    whose margin no row ever changed, whose findings did not repeat, or on scores that hide what a row changes.
    """
    if inputs.unattackable:
        return make_inconclusive(inputs.unattackable, counterexamples=inputs.examples)
    n, count = len(inputs.outcomes), inputs.count()
    unknown = count["lost"] + count["unfinished"]
    broken = n - count["robust"]
    judge = partial(judge_independent_samples, n=n, objective=objective, check=check, what="inputs were not robust")
    if inputs.mismatch and judge(broken - inputs.readable, declined=unknown).status is not Status.FAIL:
        return make_inconclusive(inputs.mismatch, n=0, counterexamples=inputs.examples)
    verdict = judge(
        broken, declined=unknown, unknown=_explain_unknown(inputs), examples=inputs.examples, notes=_list_notes(inputs)
    )
    verdict = replace(verdict, slices=_draw_slices(inputs, objective.alpha), reason=_name_attack(verdict, inputs))
    verdict = verdict.with_notes(*describe_success(inputs, objective.alpha))
    unproven, why = _find_unproven(inputs)
    if verdict.status is Status.PASS and judge(broken + unproven).status is not Status.PASS:
        reason = f"{broken} of {n} inputs were not robust; that {unproven} held proves nothing: {why}"
        return replace(verdict, status=Status.INCONCLUSIVE, reason=reason)
    return verdict


def judge_all_attacks(results: Sequence[AttackedInputs], objective: Objective, check: PlannedCheck) -> Verdict:
    """Robust accuracy under all attacks together: an input is robust if none of them broke it."""
    for result in results:
        if result.unattackable or result.mismatch:
            return make_inconclusive(result.unattackable or result.mismatch, counterexamples=result.examples)
    verdict = judge_robust_accuracy(unite(results), objective, check)
    return verdict.with_notes(*_compare_kinds(results))


def _compare_kinds(results: Sequence[AttackedInputs]) -> list[str]:
    """What labels break more inputs than scores do, within the same limit: then the scores mislead."""
    notes = []
    for scores in (result for result in results if "from scores" in result.attack):
        for labels in (result for result in results if result.limit == scores.limit and result is not scores):
            more = labels.count()["confirmed"] - scores.count()["confirmed"]
            if "from labels" in labels.attack and more >= max(_FEWEST, _SHARE * len(labels.outcomes)):
                notes.append(
                    f"score-masking: {labels.attack} broke {more} inputs more than {scores.attack}, within the same "
                    "limit: the scores hide what a row changes"
                )
    return notes


def _find_unproven(inputs: AttackedInputs) -> tuple[int, str]:
    """Inputs that held although it proves nothing, and why."""
    count = inputs.count()
    if inputs.masked:
        return count["robust"], inputs.masked
    flaky = sum(outcome.flaky and outcome.state == "robust" for outcome in inputs.outcomes)
    if flaky > inputs.unmoved:
        return flaky, "the service contradicts itself: their findings did not repeat"
    return inputs.unmoved, "no row changed their scores or their label (a plateau)"


def _explain_unknown(inputs: AttackedInputs) -> str:
    count = inputs.count()
    if count["unfinished"] > count["lost"]:
        return f"{count['unfinished']} searches did not end within [adversarial] rows"
    what = f"got no valid answer ({inputs.lost})"
    if f" {TOO_MANY_REQUESTS} " in inputs.lost:
        what = "were declined with 429"
    return f"{count['lost']} inputs {what}, which does not show whether they are robust"


def _name_attack(verdict: Verdict, inputs: AttackedInputs) -> str:
    """The reason with what was tried: a PASS claims no more."""
    return f"{verdict.reason} (tried: {inputs.attack} within {inputs.limit})"


def _list_notes(inputs: AttackedInputs) -> tuple[str, ...]:
    count = inputs.count()
    flaky = sum(outcome.flaky for outcome in inputs.outcomes)
    notes = [
        f"{count['wrong']} inputs wrong before the attack, {count['confirmed']} with a finding confirmed by {REPLAYS} "
        f"replays, {flaky} with a flaky one (not counted), {count['lost']} with a "
        "row that got no valid answer (neither robust nor not)",
        "rows sent: " + ", ".join(f"{rows} {purpose}" for purpose, rows in inputs.rows.items()),
        *inputs.notes,
    ]
    if inputs.masked:
        notes.append(f"score-masking possible: {inputs.masked}; an attack of another kind may find more")
    if flaky:
        notes.append(f"non-determinism: {flaky} inputs were answered wrongly once and not when asked again")
    return tuple(notes)


def _draw_slices(inputs: AttackedInputs, alpha: float) -> tuple[Slice, ...]:
    """Accuracy under each named change, or robust accuracy over the rows sent, and over the distance."""
    if not inputs.named:
        return (*draw_query_curve(inputs.outcomes, alpha), *draw_distance_curve(inputs.outcomes, alpha))
    return tuple(make_slice(name, broken, n, alpha) for name, broken, n in inputs.named if n)
