"""The ledger: what is written, and an attack that was cut off goes on without asking a row twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.attacks import hop_skip_jump, rays, square
from harness.core.attack import Attack
from harness.core.attack_settings import AttackSettings
from harness.core.errors import HarnessError, UsageError
from harness.robustness.attack_inputs import attack_inputs, name_ledger
from harness.robustness.attack_result import AttackedInputs
from harness.robustness.query_ledger import compute_row_digest
from harness.run.session import Session
from tests.services import Digits, asking, digits, serving, settings

N, BUDGET = 4, 25


def make_settings(url: str, **more: Any) -> Any:
    given = settings(url, digits(N), eps=1.5, budget=BUDGET)
    attack = AttackSettings(1.5, 0.0, 16.0, BUDGET, N, eps_l2=4.0, **more)
    return type(given)(given.endpoint, given.suites, seed=given.seed, data=given.data, sections={"adversarial": attack})


def attack(session: Session, attack: Attack, folder: Path) -> AttackedInputs:
    path = folder / name_ledger(attack.name)
    path.parent.mkdir(parents=True, exist_ok=True)

    def append(line: Any) -> None:
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    return attack_inputs(session, attack, append=append)


class Dying(Digits):
    """Answers so many requests; at the next one the run is cut off."""

    def __init__(self, requests: int) -> None:
        super().__init__()
        self.left = requests

    def cut_off(self, done: int, left: int) -> None:
        if len(self.requests) >= self.left:
            raise HarnessError("cut off")


def count_rows(service: Digits) -> Counter[str]:
    return Counter(compute_row_digest(row) for rows in service.requests for row in np.atleast_2d(rows))


@pytest.mark.parametrize("module", [square, rays, hop_skip_jump], ids=["square", "rays", "hop_skip_jump"])
def test_what_was_cut_off_goes_on_with_the_same_end_and_no_row_twice(module: Any, tmp_path: Path) -> None:
    whole, first, second = Digits(), Dying(8), Digits()
    with serving(whole) as url, asking(make_settings(url), tmp_path) as session:
        expected = attack(session, module.ATTACK, tmp_path / "whole")
    asked = whole
    with serving(lambda path, body: asked(path, body)) as url:
        asked = first
        with asking(make_settings(url), tmp_path) as session, pytest.raises(HarnessError, match="cut off"):
            attack_with_watch(session, module.ATTACK, tmp_path / "first", first.cut_off)
        asked = second
        with asking(make_settings(url, resume=str(tmp_path / "first")), tmp_path) as session:
            resumed = attack(session, module.ATTACK, tmp_path / "second")
    assert resumed.outcomes == expected.outcomes
    assert resumed.rows["recalled"] > 0
    assert count_rows(first) + count_rows(second) == count_rows(whole), "a row was asked twice, or not at all"


def attack_with_watch(session: Session, attack: Attack, folder: Path, watch: Any) -> None:
    path = folder / name_ledger(attack.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        attack_inputs(session, attack, watch, lambda line: print(json.dumps(line), file=file))


def test_a_line_that_a_kill_has_torn_is_left_out(tmp_path: Path) -> None:
    service = Digits()
    with serving(service) as url:
        with asking(make_settings(url), tmp_path) as session:
            expected = attack(session, rays.ATTACK, tmp_path / "a")
        path = tmp_path / "a" / name_ledger("rays")
        lines = path.read_text().splitlines()
        path.write_text("\n".join(lines[:10]) + "\n" + lines[10][: len(lines[10]) // 2])
        with asking(make_settings(url, resume=str(tmp_path / "a")), tmp_path) as session:
            assert attack(session, rays.ATTACK, tmp_path / "b").outcomes == expected.outcomes


def test_every_answered_row_is_in_it_and_nothing_else(tmp_path: Path) -> None:
    service = Digits()
    with serving(service) as url, asking(make_settings(url), tmp_path) as session:
        result = attack(session, square.ATTACK, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / name_ledger("square")).read_text().splitlines()]
    assert lines[0]["head"]["attack"] == "square"
    rows = Counter({line["purpose"]: 0 for line in lines[1:]})
    for line in lines[1:]:
        rows[line["purpose"]] += len(line["rows"])
    assert rows == Counter(result.rows)
    assert len(service.requests[0][0]) == 64
    assert all(set(line) <= {"purpose", "rows"} for line in lines[1:])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}\n", "was recorded with"),
        (b'{"head": {"attack": "rays", "seed": 99}}\n', "was recorded with"),
        (None, "cannot be read"),
        (b"\xff\n", "was recorded with"),
    ],
)
def test_a_ledger_of_another_attack_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "old" / name_ledger("rays")
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)
    refused = pytest.raises(UsageError, match=words)
    resume = str(tmp_path / "old")
    with serving(Digits()) as url, asking(make_settings(url, resume=resume), tmp_path) as session, refused:
        attack(session, rays.ATTACK, tmp_path / "new")
