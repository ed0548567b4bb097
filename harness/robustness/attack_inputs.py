"""The measurement of one attack on the data: draw the inputs, attack them, and keep what is left of them.

Tested in tests/robustness/test_attack_driver.py.
"""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.attack import Attack, AttackKind, Criterion, Task, find_kind
from harness.core.attack_settings import LIMITS, AttackSettings
from harness.core.dataset import Dataset
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost
from harness.core.registry import load_plugin
from harness.core.threat import Distance, Norm, TextDistance, Threat
from harness.io.user_function import load_function
from harness.robustness.attack_driver import Watch, ignore_rows
from harness.robustness.attack_result import AttackedInputs
from harness.robustness.attacked_input import REPLAYS, AttackedInput, RowBudget
from harness.robustness.campaign import ASKED_TWICE, SURROGATE_ROWS, Campaign, KeepFinding
from harness.robustness.findings import MOST_SHOWN, SHRINKING
from harness.robustness.query_ledger import Append, QueryLedger, ignore_line
from harness.robustness.row_forms import RowForm, find_form, make_columns
from harness.run.gate_run import GateRun
from harness.run.oracle import Oracle
from harness.run.rate_judging import skip_repeated_rows
from harness.run.session import Session


def attack_inputs(
    session: Session,
    attack: Attack,
    watch: Watch = ignore_rows,
    append: Append = ignore_line,
    keep: KeepFinding = ignore_line,
) -> AttackedInputs:
    """Attack the inputs that the settings ask for; `watch` as for `attack_all`.

    Raises `HarnessError` where the service was not reached, `UsageError` where the configuration asks for what the
    service does not give.
    """
    settings = session.settings.attack
    data = session.settings.data.dataset if session.settings.data else None
    assert settings is not None
    assert data is not None
    kind, form = find_kind(attack), find_form(data)
    problem = form if isinstance(form, str) else _explain_unattackable(data, attack)
    if problem:
        return AttackedInputs(unattackable=problem)
    assert isinstance(form, RowForm)
    targets = _draw_targets(data, form, settings, kind, session.settings.seed)
    for target in targets:
        if not target.task.distance.admits(target.task.row, target.task.row):
            bounds = f"[{settings.low:g}, {settings.high:g}], or is none that [adversarial] fits calls real"
            return AttackedInputs(unattackable=f"input {target.number} of {data.name} lies outside {bounds}")
    oracle = Oracle(session, form.decode, _count_rows(settings, kind, len(targets)) / 2)
    ledger = QueryLedger(oracle, append, _describe_head(session, attack, settings, data))
    if settings.resume:
        ledger.read(Path(settings.resume) / name_ledger(attack.name))
    return Campaign(session, attack, ledger, targets, form).run(watch, keep)


def name_ledger(attack: str) -> str:
    """The file of the rows that an attack asked, in the run directory."""
    return f"adversarial/{attack}.queries.jsonl"


def _describe_head(session: Session, attack: Attack, settings: AttackSettings, data: Dataset) -> dict[str, Any]:
    """What the answers and the rows of an attack depend on."""
    endpoint = session.endpoint
    own = {LIMITS[norm]: settings.get_limit(norm) for norm in Norm}
    own |= {name: getattr(settings, name) for name in ("low", "high", "budget", "inputs", "rows")}
    return {
        "attack": attack.name,
        "endpoint": f"{endpoint.url} {endpoint.protocol} {endpoint.model or ''}".strip(),
        "data": data.digest,
        "seed": session.settings.seed,
        "settings": own,
    }


def _explain_unattackable(data: Dataset, attack: Attack) -> str:
    if data.labels is None:
        return f"{data.name} holds no labelled rows"
    takes, is_text = find_kind(attack).takes, isinstance(data.inputs[0], str)
    if is_text != (takes == "text"):
        return f"{attack.name} changes {takes}, and {data.name} holds none"
    if any(isinstance(label, float | list | dict) for label in data.labels):
        return f"{data.name} holds no classes as labels: robust accuracy needs whole numbers or text"
    return ""


def _draw_targets(
    data: Dataset, form: RowForm, settings: AttackSettings, kind: AttackKind, seed: int
) -> list[AttackedInput]:
    assert data.labels is not None
    distance = make_threat(data, form, settings, kind)
    order = np.random.default_rng(seed).permutation(len(data.inputs)).tolist()
    budget = RowBudget(settings.budget, settings.rows)
    words = {word: tuple(others) for word, others in settings.words.items()}
    targets = []
    for number in islice(skip_repeated_rows(data, order), settings.inputs):
        row = form.encode(data.inputs[number])
        side = math.isqrt(len(row))
        shape = data.shape or ((side, side) if side * side == len(row) else (1, len(row)))
        task = Task(row, distance, shape, settings.budget, (seed, number), words=words)
        targets.append(AttackedInput(number, task, Criterion(data.labels[number]), budget))
    return targets


def make_threat(data: Dataset, form: RowForm, settings: AttackSettings, kind: AttackKind) -> Threat:
    """What the settings allow an attack of this kind to send. The limit of its norm must be configured."""
    limit = settings.get_limit(kind.norm)
    assert limit is not None
    if kind.takes == "text":
        return TextDistance(limit)
    fits = load_function(settings.fits, "[adversarial] fits") if settings.fits else None
    columns = make_columns(settings, data, form)
    return Distance(limit, settings.low, settings.high, kind.norm, columns, fits)


def _count_rows(settings: AttackSettings, kind: AttackKind, inputs: int) -> int:
    """The rows of all searches, at most: twice, where another attack takes over from masked scores."""
    rows = inputs * settings.budget
    if settings.rows is not None:
        rows = min(settings.rows, rows)
    twice = min(inputs, ASKED_TWICE) if kind.reads == "scores" else 0
    return inputs + twice + rows * kind.searches


def compute_attack_cost(scope: Scope) -> Cost:
    """Each row alone; what is sent again when it fails, half as much besides for noise; replays; smaller findings."""
    settings, data = scope.settings.attack, scope.settings.data
    if settings is None or data is None or data.dataset is None:
        return Cost()
    inputs = min(settings.inputs, len(data.dataset.inputs))
    kind = find_kind(load_plugin("attacks", scope.case).ATTACK)
    rows = _count_rows(settings, kind, inputs) + MOST_SHOWN * SHRINKING
    if kind.prepares:
        rows += min(SURROGATE_ROWS, len(data.dataset.inputs))
    replays = (inputs * kind.searches + MOST_SHOWN) * REPLAYS
    return Cost(2 * rows + rows // 2 + replays + 1)


def _describe_cost(scope: Scope) -> str:
    settings, data = scope.settings.attack, scope.settings.data
    if settings is None or data is None or data.dataset is None:
        return ""
    inputs = min(settings.inputs, len(data.dataset.inputs))
    return f"{inputs} inputs, {settings.budget} rows each at most, in batches where the service takes them"


def _make(scope: Scope, session: Session, run: GateRun) -> AttackedInputs:
    attack: Attack = load_plugin("attacks", scope.case).ATTACK
    write, name = run.run_dir.append, f"{scope.suite}/{scope.case}.findings.jsonl"
    return attack_inputs(
        session,
        attack,
        run.progress.count_rows,
        lambda line: write(name_ledger(scope.case), line),
        lambda finding: write(name, finding),
    )


ATTACKED_INPUTS = Measurement(
    AttackedInputs, compute_attack_cost, lambda scope: f"{scope.suite}/{scope.case}", _make, note=_describe_cost
)
"""One attack, the scope's case, on the labelled data."""
