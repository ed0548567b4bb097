"""One service behind a balancer: a replica of another version is named; what merely looks odd passes."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.core.settings import Promises
from harness.core.verdict import Status, Verdict
from tests.suites.integration.manners import Answer, Sent, run_check

suite = import_module("harness.suites.integration.test_repeat")
SAMPLE = [[0.25, 0.5, 0.75, 1.0]]
Model = Callable[[float], Sent]
"""The answer to the sum of a row."""


def judge(answer: Answer, folder: Path, protocol: str = "plain_json", sample: Any = SAMPLE) -> Verdict:
    promises = Promises(deterministic=True)
    verdict: Verdict = run_check(
        answer, suite.test_one_version, folder, protocol=protocol, sample=sample, promises=promises
    )
    return verdict


def current(total: float) -> Sent:
    return 200, {"x-model-version": "2"}, {"probabilities": [[total / 9, 1 - total / 9]]}


def older(total: float) -> Sent:
    return 200, {"x-model-version": "1"}, {"probabilities": [[total / 8, 1 - total / 8]]}


def balance(choose: Callable[[], bool], stray: Model, usual: Model = current) -> Answer:
    """A service of which some requests are answered by another model."""
    lock = threading.Lock()

    def answer(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        with lock:
            model = stray if choose() else usual
        return model(sum(body["instances"][0]))

    return answer


def balance_each_input(choose: Callable[[], bool], stray: Model) -> Answer:
    """As `balance`, where each input has most of its answers from the current model, in whatever order they come."""
    lock, asked, strays = threading.Lock(), Counter[float](), Counter[float]()

    def answer(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        total = sum(body["instances"][0])
        with lock:
            asked[total] += 1
            is_stray = choose() and 2 * (strays[total] + 1) < asked[total]
            strays[total] += is_stray
        return (stray if is_stray else current)(total)

    return answer


def in_turn(every: int = 5) -> Callable[[], bool]:
    numbers = count(1)
    return lambda: next(numbers) % every == 0


def by_connection(every: int = 5) -> Callable[[], bool]:
    """Each connection has a thread of the server's, and stays with one replica."""
    numbers, own = count(1), threading.local()

    def choose() -> bool:
        own.number = getattr(own, "number", None) or next(numbers)
        return bool(own.number % every == 0)

    return choose


def by_chance(share: float) -> Callable[[], bool]:
    generator = random.Random(4)
    return lambda: generator.random() < share


@pytest.mark.parametrize("choose", [in_turn(), by_connection(), by_chance(0.2)], ids=["turn", "connection", "chance"])
def test_a_stale_replica_fails_and_is_named(tmp_path: Path, choose: Callable[[], bool]) -> None:
    verdict = judge(balance_each_input(choose, older), tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "of 40 answers are not the usual one to their request, as if of another version" in verdict.reason
    assert "(x-model-version is '1' in them, and '2' in the others)" in verdict.reason
    assert "one request has 2 answers" in verdict.reason
    assert verdict.counterexamples[0].curl


def test_an_input_whose_answers_are_tied_names_no_usual_version(tmp_path: Path) -> None:
    """Of eight answers to the first input four are stale: the other inputs show which version is usual."""
    turns: dict[float, int] = {}
    lock = threading.Lock()

    def answer(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        total = sum(body["instances"][0])
        with lock:
            turn = turns[total] = turns.get(total, 0) + 1
            is_tied = total == next(iter(turns))
        stale = turn % 2 == 1 if is_tied else turn == 3
        return (older if stale else current)(total)

    verdict = judge(answer, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "(x-model-version is '1' in them, and '2' in the others)" in verdict.reason


def answer_rounded(total: float) -> Sent:
    return 200, {}, {"probabilities": [[round(total / 9, 2), round(1 - total / 9, 2)]]}


def same_from(version: str) -> Model:
    return lambda total: (200, {"x-model-version": version}, {"probabilities": [[total / 9, 1 - total / 9]]})


def field_from(version: int) -> Model:
    return lambda total: (200, {}, {"probabilities": [[total / 9, 1 - total / 9]], "model_version": version})


def broken(total: float) -> Sent:
    return 500, {}, {"error": "cannot load the model"}


@pytest.mark.parametrize(
    ("stray", "usual", "words"),
    [
        (answer_rounded, current, "not the usual one"),
        (
            same_from("1"),
            current,
            "answers come from 2 versions of the service: x-model-version is '2' in 32, '1' in 8",
        ),
        (field_from(1), field_from(2), "model_version is '2' in 32, '1' in 8"),
        (
            broken,
            current,
            "8 of 40 requests fail, and the same ones are answered at other times: HTTP 500",
        ),
    ],
    ids=["precision", "header", "field", "errors"],
)
def test_other_kinds_of_a_stale_replica(tmp_path: Path, stray: Model, usual: Model, words: str) -> None:
    verdict = judge(balance(in_turn(), stray, usual), tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert words in verdict.reason


def test_a_service_that_does_not_repeat_itself_is_not_called_two_versions(tmp_path: Path) -> None:
    numbers = count(1)
    verdict = judge(lambda path, headers, body: (200, {}, {"probabilities": [[next(numbers), 0.5]]}), tmp_path)
    assert verdict.status is Status.FAIL
    assert "the service does not repeat itself: 35 of 40 answers differ" in verdict.reason
    assert "version" not in verdict.reason


def busy(total: float) -> Sent:
    return 503, {}, {"error": "busy"}


def number_answers(numbers: count[int]) -> Model:
    """Each answer states a number of its own under a name that sounds like a version's."""
    return lambda total: (200, {"x-build": str(next(numbers))}, {"probabilities": [[total / 9, 1 - total / 9]]})


@pytest.mark.parametrize(
    ("answer", "judged"),
    [
        (balance(lambda: False, older), 40),
        (balance(in_turn(20), broken), 38),
        (balance(in_turn(10), busy), 36),
        (balance(lambda: True, number_answers(count(1))), 40),
        (balance(in_turn(), lambda total: (200, {}, {"probabilities": [[total / 9 + 1e-7, 1 - total / 9]]})), 40),
    ],
    ids=["healthy", "two errors", "busy", "numbered", "last digit"],
)
def test_one_version_passes(tmp_path: Path, answer: Answer, judged: int) -> None:
    verdict = judge(answer, tmp_path)
    assert verdict.status is Status.PASS, verdict.reason
    assert f"{judged} answers to 5 inputs" in verdict.reason
    assert verdict.n == judged - 5


def test_nothing_is_shown_where_nothing_is_answered(tmp_path: Path) -> None:
    verdict = judge(balance(lambda: True, busy), tmp_path)
    assert verdict.status is Status.INCONCLUSIVE
    assert "no request was answered twice" in verdict.reason
