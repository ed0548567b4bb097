"""An adversary over a disturbed service: same seed, same findings, whatever is lost on the way."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.attacks import rays, square
from harness.core.attack import Attack
from harness.core.stored_finding import StoredFinding
from harness.robustness.attack_inputs import attack_inputs
from harness.robustness.attack_result import AttackedInputs
from tests.chaos.proxy.conftest import Served, end_child, spawn
from tests.services import Answered, Digits, QuietServer, asking, digits, make_handler, serving_handler, settings

N, BUDGET = 6, 30
Answer = Callable[[str, Any], Answered]


def attack(answer: Answer, attack: Attack, folder: Path) -> tuple[AttackedInputs, list[StoredFinding]]:
    with serving_handler(make_handler(answer), QuietServer) as url:
        return attack_url(url, attack, folder)


def attack_url(url: str, attack: Attack, folder: Path) -> tuple[AttackedInputs, list[StoredFinding]]:
    findings: list[StoredFinding] = []
    with asking(settings(url, digits(N), eps=1.5, budget=BUDGET), folder) as session:
        return attack_inputs(session, attack, keep=findings.append), findings


def disturb(answer: Answer, share: float, outcome: Callable[[int], Answered], seed: int = 5) -> Answer:
    """The service with this share of its requests ended otherwise; which ones is drawn, in the order of arrival."""
    generator, lock, struck = random.Random(seed), threading.Lock(), iter(range(10**9))

    def answer_or_disturb(path: str, body: Any) -> Answered:
        with lock:
            strikes = generator.random() < share
            number = next(struck) if strikes else 0
        return outcome(number) if strikes else answer(path, body)

    return answer_or_disturb


def drop(_: int) -> Answered:
    raise ConnectionResetError("dropped")


def mix(number: int) -> Answered:
    return drop(number) if number % 3 == 0 else ((503, 500)[number % 2], {"error": "injected"})


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[AttackedInputs, list[StoredFinding]]]:
    folder = tmp_path_factory.mktemp("calm")
    return {module.ATTACK.name: attack(Digits(), module.ATTACK, folder) for module in (square, rays)}


@pytest.mark.parametrize("attacker", [square.ATTACK, rays.ATTACK], ids=["square", "rays"])
@pytest.mark.parametrize("outcome", [mix, lambda _: (429, {"error": "slow down"})], ids=["5xx and drops", "429"])
def test_same_seed_same_findings_under_faults(
    attacker: Attack, outcome: Callable[[int], Answered], calm: Any, tmp_path: Path
) -> None:
    share = 0.05 if outcome(1)[0] == 429 else 0.15
    result, findings = attack(disturb(Digits(), share, outcome), attacker, tmp_path)
    expected, expected_findings = calm[attacker.name]
    assert result.outcomes == expected.outcomes
    assert findings == expected_findings
    assert result.rows["query"] == expected.rows["query"], "a row that was sent again is not counted twice"


def test_a_service_that_fails_for_some_rows_alone_loses_those_inputs_and_no_other(calm: Any, tmp_path: Path) -> None:
    service = Digits()
    first = digits(N).inputs[5]

    def fail_near_first(path: str, body: Any) -> Answered:
        rows = body["instances"] if isinstance(body, dict) else []
        near = [row for row in rows if max(abs(a - b) for a, b in zip(row, first, strict=True)) < 2]
        return (500, {"error": "no"}) if near else service(path, body)

    result, _ = attack(fail_near_first, square.ATTACK, tmp_path)
    assert [outcome.number for outcome in result.outcomes if outcome.state == "lost"] == [5]
    expected = [outcome for outcome in calm["square"][0].outcomes if outcome.number != 5]
    assert [outcome for outcome in result.outcomes if outcome.number != 5] == expected


@contextmanager
def proxy_service(url: str, **toxic: Any) -> Iterator[str]:
    child, api = spawn()
    try:
        with httpx.Client(base_url=api) as http:
            link = Served(api, False, http).proxy(url.removeprefix("http://"))
            link.toxic(name="f", seed=3, **toxic)
            yield f"http://{link.listen}"
            assert link.counts("f")["affected"] > 0, "the fault never struck"
    finally:
        end_child(child)


@pytest.mark.parametrize(
    "toxic",
    [
        {"kind": "answer_status", "stream": "downstream", "toxicity": 0.15},
        {"kind": "latency", "stream": "downstream", "latency": 3},
    ],
    ids=["503", "latency"],
)
def test_same_findings_through_the_fault_proxy(toxic: dict[str, Any], calm: Any, tmp_path: Path) -> None:
    with serving_handler(make_handler(Digits()), QuietServer) as url, proxy_service(url, **toxic) as front:
        result, findings = attack_url(front, square.ATTACK, tmp_path)
    assert result.outcomes == calm["square"][0].outcomes
    assert findings == calm["square"][1]
