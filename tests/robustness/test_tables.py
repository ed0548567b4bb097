"""Tables under attack: rows of named fields with texts, constraints of columns, and as few changes as possible."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from harness.attacks import pointwise
from harness.core.attack import Criterion, Prediction, Task, find_kind
from harness.core.attack_settings import AttackSettings
from harness.core.dataset import Dataset
from harness.core.registry import list_plugins, load_plugin
from harness.core.threat import Column, Distance, Norm
from harness.robustness.attack_driver import ask_clean_rows, attack_all
from harness.robustness.attack_inputs import attack_inputs
from harness.robustness.attack_result import AttackedInputs
from harness.robustness.attacked_input import AttackedInput, RowBudget
from harness.robustness.query_ledger import QueryLedger
from tests.services import Answered, asking, serving, settings

JOBS = ("baker", "cook", "driver")


def grant(row: dict[str, Any]) -> int:
    """A loan: by income, age and job; the number of children never matters."""
    return int(row["income"] / 1000 + row["age"] / 10 + 2 * JOBS.index(row["job"]) > 9)


def make_people(n: int = 40) -> Dataset:
    random = np.random.default_rng(0)
    rows = []
    for _ in range(n):
        person = {"age": int(random.integers(20, 60)), "children": int(random.integers(0, 4))}
        rows.append({**person, "income": float(random.integers(1000, 6000)), "job": str(random.choice(JOBS))})
    return Dataset("people", tuple(rows), tuple(grant(row) for row in rows), digest="people")


class Loans:
    """A service of such rows; `rows` has all that were sent."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def __call__(self, path: str, body: Any) -> Answered:
        if not isinstance(body, dict):
            return 404, {}
        self.rows += body["instances"]
        return 200, {"predictions": [grant(row) for row in body["instances"]]}


def run(folder: Path, attack: Any = pointwise.ATTACK, **more: Any) -> tuple[AttackedInputs, Loans]:
    service, data = Loans(), make_people()
    with serving(service) as url:
        given_settings = settings(url, data)
        own = AttackSettings(0.1, 0.0, 10_000.0, 100, 20, features=4, **more)
        endpoint = replace(given_settings.endpoint, sample=[data.inputs[0]])
        given_settings = replace(given_settings, endpoint=endpoint, sections={"adversarial": own})
        with asking(given_settings, folder) as session:
            return attack_inputs(session, attack), service


def test_people_are_attacked_by_their_fields_and_what_changed_is_told(tmp_path: Path) -> None:
    result, service = run(tmp_path)
    assert not result.unattackable
    assert result.count()["confirmed"] > 10
    assert all(row.keys() == {"age", "children", "income", "job"} for row in service.rows)
    assert all(row["job"] in JOBS for row in service.rows)
    assert any(" -> " in example.summary for example in result.examples)
    distances = [outcome.distance for outcome in result.outcomes if outcome.distance]
    assert np.median(distances) <= 2


def test_what_columns_do_not_allow_is_never_sent(tmp_path: Path) -> None:
    columns = {
        "age": Column(immutable=True),
        "children": Column(integer=True, low=0, high=9, direction="up"),
        "income": Column(low=1000, high=5000, cost=2),
        "job": Column(categories=["baker", "cook"]),
    }
    _, service = run(tmp_path, columns=columns)
    data = make_people()
    jobs, ages = {row["job"] for row in data.inputs}, {row["age"] for row in data.inputs}
    assert jobs == set(JOBS)
    originals = [tuple(row.items()) for row in data.inputs]
    changed = [row for row in service.rows if tuple(row.items()) not in originals]
    assert changed
    for row in changed:
        assert row["age"] in ages
        assert float(row["children"]).is_integer()
        near = [one for one in data.inputs if one["age"] == row["age"] and one["children"] <= row["children"]]
        assert any(1000 <= row["income"] <= 5000 or row["income"] == one["income"] for one in near)
        assert any(row["job"] in (one["job"], "baker", "cook") for one in near)


def test_a_relation_between_columns_is_the_users_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_rules_of_loans.py").write_text(
        "def is_real(before, after):\n    return after[1] <= 2 or after[2] >= 3000\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result, service = run(tmp_path, fits="own_rules_of_loans:is_real")
    outside = [row for row in service.rows if not (row["children"] <= 2 or row["income"] >= 3000)]
    assert not outside or "calls real" in result.unattackable


COLUMNS = st.lists(
    st.sampled_from(
        [
            Column(),
            Column(immutable=True),
            Column(integer=True),
            Column(direction="up"),
            Column(direction="down", integer=True),
            Column(low=2.0, high=4.0),
            Column(categories=[0.0, 3.0, 6.0]),
        ]
    ),
    min_size=4,
    max_size=4,
)
KINDS = {name: find_kind(load_plugin("attacks", name).ATTACK) for name in list_plugins("attacks")}
NUMBERS = [name for name, kind in KINDS.items() if kind.takes == "numbers" and not kind.prepares]


class _Asked:
    """An oracle that keeps what it is asked, and answers with a label by the sum of a row."""

    def __init__(self) -> None:
        self.sent: list[list[float]] = []
        self.rows: Any = Counter()

    def ask(self, rows: Any, purpose: str) -> list[Any]:
        self.sent += [list(map(float, row)) for row in rows]
        return [(Prediction(int(sum(row) > 12.4), (0.4, 0.6)), None) for row in rows]

    def replay(self, rows: Any) -> list[Any]:
        return self.ask(rows, "replay")


@pytest.mark.parametrize("name", NUMBERS)
@given(columns=COLUMNS, seed=st.integers(0, 2**20))
@effort(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_that_any_attack_sends_keeps_the_constraints(name: str, columns: list[Column], seed: int) -> None:
    attack = load_plugin("attacks", name).ATTACK
    kind = find_kind(attack)
    distance = Distance(
        3.0 if kind.norm in (Norm.L0, Norm.SEVERITY) else 1.5,
        0.0,
        6.0,
        kind.norm,
        tuple(columns),
        lambda before, after: after[0] + after[1] <= 9.0,
    )
    oracle = _Asked()
    targets = []
    for number, row in enumerate([(3.0, 3.0, 3.0, 3.0), (3.0, 3.0, 3.0, 4.0)]):
        task = Task(row, distance, (2, 2), 25, (seed, number))
        targets.append(AttackedInput(number, task, Criterion(int(sum(row) > 12.4)), RowBudget(25)))
    ledger = QueryLedger(oracle)  # type: ignore[arg-type]
    clean = ask_clean_rows(ledger, targets)
    attack_all(ledger, attack, targets, clean)
    originals = [list(target.task.row) for target in targets]
    assert all(any(distance.admits(original, row) for original in originals) for row in oracle.sent)
    assert all(row[0] + row[1] <= 9.0 for row in oracle.sent)
    assert all(target.queries <= 25 for target in targets)
