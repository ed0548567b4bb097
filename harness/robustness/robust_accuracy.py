"""Robust accuracy: the measurement of one attack on the labelled data, and the verdict of an objective on it.

Tested in tests/robustness/test_attack_driver.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import numpy as np

from harness.checks.answers.label_forms import read_generously
from harness.checks.common import TOO_MANY_REQUESTS, find_harness_error
from harness.core.answer_class import describe_refusal, is_refusal
from harness.core.attack import Attack, Criterion, Distance, Finding, Task
from harness.core.attack_settings import AttackSettings
from harness.core.dataset import Dataset
from harness.core.errors import HarnessError
from harness.core.measurement import Measurement, Scope
from harness.core.objective import Objective
from harness.core.plan import Cost, PlannedCheck
from harness.core.registry import load_plugin
from harness.core.verdict import Counterexample, Slice, Status, Verdict, make_inconclusive
from harness.robustness.attack_driver import REPLAYS, AttackedInput, Watch, attack_all, ignore_rows
from harness.run.gate_run import GateRun
from harness.run.oracle import Oracle
from harness.run.rate_judging import judge_independent_samples, make_slice, skip_repeated_rows
from harness.run.session import Session

_MOST_EXAMPLES = 5
"""Confirmed findings that are shown."""
_STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Rows an input at which the curve is drawn."""


@dataclass(frozen=True, slots=True)
class AttackedInputs:
    """What an attack left of its inputs: the content of `adversarial/ATTACK.json`.

    `states` has each input's state at the end and the rows sent for it; `flaky` counts inputs with a finding that was
    not repeated, `declined` those lost to a 429, `unmoved` those held though no row changed their scores. `masked` says
    why the scores hide what a row changes, `rows` how many were sent for which purpose. `unattackable` says why no
    input could be attacked; `mismatch` why no label was ever answered, in which case the most generous reading calls
    `readable` inputs right.
    """

    states: tuple[tuple[str, int], ...] = ()
    flaky: int = 0
    declined: int = 0
    unmoved: int = 0
    masked: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Counterexample, ...] = ()
    unattackable: str = ""
    mismatch: str = ""
    readable: int = 0


def attack_inputs(session: Session, attack: Attack, watch: Watch = ignore_rows) -> AttackedInputs:
    """Attack the inputs that the settings ask for; `watch` as for `attack_all`.

    Raises `HarnessError` where the service was not reached.
    """
    settings = session.settings.attack
    data = session.settings.data.dataset if session.settings.data else None
    assert settings is not None
    assert data is not None
    if problem := _explain_unattackable(data):
        return AttackedInputs(unattackable=problem)
    targets = _draw_targets(data, settings, session.settings.seed)
    distance = targets[0].task.distance
    for target in targets:
        if not distance.allows(target.task.row, target.task.row):
            bounds = f"[{distance.low:g}, {distance.high:g}]"
            return AttackedInputs(unattackable=f"input {target.number} of {data.name} lies outside {bounds}")
    oracle = Oracle(session)
    attack_all(oracle, attack, targets, watch)
    lost = [target.lost for target in targets if target.lost is not None]
    if unreached := find_harness_error(*lost):
        raise HarnessError(unreached.reason)
    if len(lost) == len(targets) and all(exchange.ok for exchange in lost):
        example = session.show("an answer with neither a label nor scores for each row", lost[0])
        return AttackedInputs(unattackable=example.summary, examples=(example,))
    if len(lost) == len(targets) and all(map(is_refusal, lost)):
        refusal = f"every row was refused, none was answered ({describe_refusal(lost[0])})"
        return AttackedInputs(unattackable=refusal, examples=(session.show(refusal, lost[0]),))
    labels, answers = [str(target.criterion.label) for target in targets], [target.first_label for target in targets]
    reading = read_generously(labels, answers)
    masked = "" if oracle.score_count else "only labels are answered"
    return AttackedInputs(
        states=tuple((target.state, target.queries) for target in targets),
        flaky=sum(target.flaky is not None for target in targets),
        declined=sum(exchange.status == TOO_MANY_REQUESTS for exchange in lost),
        unmoved=sum(target.state == "robust" and not target.moved for target in targets),
        masked="the scores are rounded" if oracle.has_coarse_scores else masked,
        rows=dict(oracle.rows),
        examples=_show_findings(session, targets),
        mismatch=reading.reason if reading else "",
        readable=len(reading.right) if reading else 0,
    )


def _explain_unattackable(data: Dataset) -> str:
    if data.labels is None or not all(isinstance(row, list | tuple) for row in data.inputs):
        return f"{data.name} holds no labelled rows of numbers alone: attacks change numbers, and no other fields"
    if any(isinstance(label, float | list | dict) for label in data.labels):
        return f"{data.name} holds no classes as labels: robust accuracy needs whole numbers or text"
    return ""


def _draw_targets(data: Dataset, settings: AttackSettings, seed: int) -> list[AttackedInput]:
    assert data.labels is not None
    distance = Distance(settings.eps, settings.low, settings.high)
    order = np.random.default_rng(seed).permutation(len(data.inputs)).tolist()
    targets = []
    for number in islice(skip_repeated_rows(data, order), settings.inputs):
        row, side = data.inputs[number], math.isqrt(len(data.inputs[number]))
        shape = data.shape or ((side, side) if side * side == len(row) else (1, len(row)))
        task = Task(row, distance, shape, settings.budget, (seed, number))
        targets.append(AttackedInput(number, task, Criterion(data.labels[number]), settings.budget))
    return targets


def _show_findings(session: Session, targets: Sequence[AttackedInput]) -> tuple[Counterexample, ...]:
    """The confirmed findings that took fewest rows, then a flaky finding, then a row without an answer."""
    confirmed = sorted((target for target in targets if target.finding), key=lambda target: target.queries)
    findings = [(target, target.finding) for target in confirmed[:_MOST_EXAMPLES]]
    findings += [(target, target.flaky) for target in targets if target.flaky][:1]
    examples = [_show_finding(session, target, finding) for target, finding in findings if finding]
    for target in [target for target in targets if target.lost][:1]:
        assert target.lost is not None
        summary = f"input {target.number}: no valid answer, twice ({target.lost.outcome})"
        examples.append(session.show(summary, target.lost))
    return tuple(examples)


def _show_finding(session: Session, target: AttackedInput, finding: Finding) -> Counterexample:
    state = "confirmed" if finding.confirmed else "flaky"
    summary = f"{state}: input {target.number} (label {target.criterion.label}) was answered {finding.answered} after "
    summary += f"{finding.queries} rows, at a distance of {finding.distance:g}"
    example = session.show(summary, finding.exchange)
    more = {"input": target.number, "original": list(target.task.row), "distance": finding.distance}
    return replace(example, request={**(example.request or {}), **more}, seed=session.settings.seed)


def _compute_cost(scope: Scope) -> Cost:
    """Every row alone, and once more if it fails; one row to see whether a silent batch was too large; replays."""
    settings, data = scope.settings.attack, scope.settings.data
    if settings is None or data is None or data.dataset is None:
        return Cost()
    inputs = min(settings.inputs, len(data.dataset.inputs))
    return Cost(inputs * (2 * (1 + settings.budget) + REPLAYS) + 1)


def _make(scope: Scope, session: Session, run: GateRun) -> AttackedInputs:
    return attack_inputs(session, load_plugin("attacks", scope.case).ATTACK, run.progress.count_rows)


ATTACKED_INPUTS = Measurement(AttackedInputs, _compute_cost, lambda scope: f"{scope.suite}/{scope.case}", _make)
"""One attack, the scope's case, on the labelled data."""


def judge_robust_accuracy(inputs: AttackedInputs, objective: Objective, check: PlannedCheck) -> Verdict:
    """Robust accuracy under an attack: the share of inputs classified right at first and through the whole budget.

    Not robust are inputs wrong at first, those with a confirmed finding, and those with a row to which the service
    gave no valid answer twice (DESIGN 6.1: a service that was reached answers for every failure). The verdict is not
    PASS where it would rest on inputs whose margin no row ever changed, or on rounded scores.
    """
    if inputs.unattackable:
        return make_inconclusive(inputs.unattackable, counterexamples=inputs.examples)
    n = len(inputs.states)
    count = Counter(state for state, _ in inputs.states)
    notes = [
        f"{count['wrong']} inputs wrong before the attack, {count['confirmed']} with a finding confirmed by {REPLAYS} "
        f"replays, {inputs.flaky} with a flaky one (not counted), {count['lost']} with a "
        "row that got no valid answer twice (counted against the service)",
        "rows sent: " + ", ".join(f"{rows} {purpose}" for purpose, rows in inputs.rows.items()),
    ]
    unproven, why = inputs.unmoved, "no row changed their scores"
    if inputs.masked:
        unproven, why = count["robust"], inputs.masked
        notes.append(f"score-masking possible: {inputs.masked}; an attack of another kind may find more")
    judge = partial(judge_independent_samples, n=n, objective=objective, check=check, what="inputs were not robust")
    broken = n - count["robust"]
    if inputs.mismatch and judge(broken - inputs.readable, declined=inputs.declined).status is not Status.FAIL:
        return make_inconclusive(inputs.mismatch, n=0, counterexamples=inputs.examples)
    verdict = judge(broken, declined=inputs.declined, examples=inputs.examples, notes=tuple(notes))
    verdict = replace(verdict, slices=_draw_curve(inputs.states, objective.alpha))
    if verdict.status is Status.PASS and judge(broken + unproven).status is not Status.PASS:
        reason = f"{broken} of {n} inputs were not robust; that {unproven} held proves nothing: {why}"
        return replace(verdict, status=Status.INCONCLUSIVE, reason=reason)
    return verdict


def _draw_curve(states: Sequence[tuple[str, int]], alpha: float) -> tuple[Slice, ...]:
    """Robust accuracy after so many rows an input; the last row of the longest search is always on it."""
    longest = max(queries for _, queries in states)
    slices = []
    for rows in sorted({*(step for step in _STEPS if step < longest), longest}):
        broken = sum(state != "robust" and queries <= rows for state, queries in states)
        slices.append(make_slice(f"after {rows} rows", broken, len(states), alpha))
    return tuple(slices)
