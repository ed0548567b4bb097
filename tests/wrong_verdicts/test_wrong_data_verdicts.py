"""Labelled data, golden outputs and attacks: passes without ground, and false alarms over a healthy service."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.attacks.square import ATTACK
from harness.checks.answers.golden import judge_golden_outputs
from harness.core.dataset import Dataset
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import DataSettings, Settings
from harness.core.tolerance import Tolerance
from harness.core.verdict import Counterexample, Status, Verdict
from harness.run.oracle import read_rows
from harness.run.rate_judging import judge_independent_samples
from harness.run.valid_inputs import Rows
from tests.services import Answered, Digits, asking, attack_service, digits, judge_attack, objective, serving, settings
from tests.suites.validation.test_accuracy import DATA, Service, judge_service


def test_four_rows_fifty_times_are_four_rows(tmp_path: Path) -> None:
    repeated = Dataset("rows", [*DATA.inputs[:4]] * 50, [*(DATA.labels or ())[:4]] * 50)
    service = Service()
    verdict = judge_service(service, tmp_path, repeated)
    assert (verdict.status, verdict.n, sum(service.sizes)) == (Status.INCONCLUSIVE, 4, 4)
    assert "196 rows repeat another, and count once" in verdict.notes


def test_labels_of_one_kind_say_that_a_constant_answer_would_do(tmp_path: Path) -> None:
    same = replace(DATA, labels=(0,) * 200)
    verdict = judge_service(Service(lambda rows: [0] * len(rows)), tmp_path, same)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason.startswith("all rows are labelled '0', so that a constant answer is right in every one")
    assert "always answering '0' would be right in 200 of 200 rows, and hold this too" in verdict.notes
    assert not any("always answering" in note for note in judge_service(Service(), tmp_path, DATA).notes)


@pytest.mark.parametrize("label", [lambda i: i % 3, lambda i: str(i % 3)], ids=["int", "text"])
@pytest.mark.parametrize("answer", [float, int, str])
def test_a_label_is_the_same_whatever_its_type(tmp_path: Path, label: Any, answer: Callable[[float], Any]) -> None:
    data = replace(DATA, labels=tuple(label(i) for i in range(200)))
    answer_label: Callable[[float], Any] = (lambda number: f"{number:.0f}") if answer is str else answer
    verdict = judge_service(Service(lambda rows: [answer_label(row[1]) for row in rows]), tmp_path, data)
    assert verdict.estimate == 1.0


def limit_rate(answer: Callable[[str, Any], Answered], every: int) -> Callable[[str, Any], Answered]:
    """Every so many requests one is answered and all others are declined."""
    number = itertools.count()
    return lambda path, body: answer(path, body) if next(number) % every == 0 else (429, {"error": "slow down"})


def test_a_rate_limiter_is_no_wrong_answer_and_no_right_one(tmp_path: Path) -> None:
    verdict = judge_service(limit_rate(Service(), 2), tmp_path)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert "declined with 429" in verdict.reason
    wrong = limit_rate(Service(lambda rows: [7] * len(rows)), 2)
    assert judge_service(wrong, tmp_path).status is Status.FAIL, "what was answered is wrong all the same"


def test_a_rate_limiter_under_an_attack_is_no_finding(tmp_path: Path) -> None:
    with serving(limit_rate(Digits(), 2)) as url:
        verdict = attack_service(url, digits(40), tmp_path, budget=4)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert "declined with 429" in verdict.reason


@pytest.mark.parametrize(("k", "declined", "status"), [(0, 0, "PASS"), (20, 20, "PASS"), (95, 50, "INCONCLUSIVE")])
def test_what_was_declined_turns_nothing_green_or_red(k: int, declined: int, status: str) -> None:
    wanted = parse_objective("validation", "accuracy", ">= 0.95", PROFILES["release"])
    check = PlannedCheck("x", "validation", wanted.level, "x", "estimate", alpha_fail=0.05)
    assert judge_independent_samples(k, 1000, wanted, check, what="were wrong", declined=declined).status == status
    with pytest.raises(ValueError, match="is not a valid count"):
        judge_independent_samples(1, 1000, wanted, check, what="were wrong", declined=2)


def test_one_digit_fifty_times_is_not_fifty_robust_inputs(tmp_path: Path) -> None:
    one = digits(60)
    repeated = replace(one, inputs=[*one.inputs[:1]] * 50, labels=[*(one.labels or ())[:1]] * 50)
    with serving(Digits()) as url:
        verdict = attack_service(url, repeated, tmp_path, eps=0.01, budget=4)
    assert (verdict.status, verdict.n) == (Status.INCONCLUSIVE, 1)


def test_labels_that_are_no_classes_are_no_attack(tmp_path: Path) -> None:
    with serving(Digits()) as url:
        verdict = attack_service(url, replace(digits(20), labels=(0.5,) * 20), tmp_path, budget=2)
    assert verdict.status is Status.INCONCLUSIVE
    assert "no classes" in verdict.reason


@pytest.mark.parametrize("label", [lambda n: "abcdefghij"[n], lambda n: f"digit {n}"], ids=["other", "in a text"])
def test_labels_that_are_never_answered_are_no_robustness(tmp_path: Path, label: Callable[[int], str]) -> None:
    data = digits(40)
    named = replace(data, labels=tuple(label(number) for number in data.labels or ()))
    with serving(Digits()) as url:
        verdict = attack_service(url, named, tmp_path, budget=2)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert "no answer can ever equal a label" in verdict.reason


def test_a_constant_answer_is_wrong_whatever_it_means(tmp_path: Path) -> None:
    data = digits(60)
    named = replace(data, labels=tuple("abcdefghij"[number] for number in data.labels or ()))
    with serving(Digits(lambda rows, found: found * 0 + np.eye(10)[3])) as url:
        verdict = attack_service(url, named, tmp_path, budget=2)
    assert verdict.status is Status.FAIL, verdict.reason


def test_an_attack_on_a_service_that_refuses_every_row_shows_nothing(tmp_path: Path) -> None:
    with serving(lambda path, body: (422, {"error": "pixel_0 is missing"})) as url:
        verdict = attack_service(url, digits(40), tmp_path, budget=2)
    assert verdict.status is Status.INCONCLUSIVE
    assert "pixel_0 is missing" in verdict.reason


def test_rounding_in_the_last_place_is_no_change_of_a_score(tmp_path: Path) -> None:
    """The scores of a model that ignores its input, as single precision gives them in batches of other sizes."""
    noise = itertools.count(1)
    ignoring = Digits(lambda rows, found: found * 0 + 0.05 + (found.argmax(1, keepdims=True) == range(10)) * 0.5)
    jittered = lambda path, body: _jitter(ignoring(path, body), next(noise))  # noqa: E731
    with serving(jittered) as url:
        verdict = attack_service(url, digits(40), tmp_path, eps=0.001, budget=5)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert "no row changed their scores" in verdict.reason


def _jitter(answered: Answered, number: int) -> Answered:
    status, value = answered
    scores = [
        [score * (1 + 1e-9 * (number * 131 + i * 17 + j)) for j, score in enumerate(row)]
        for i, row in enumerate(value["probabilities"])
    ]
    return status, {**value, "probabilities": scores}


@pytest.mark.parametrize(
    ("outputs", "n", "labels"),
    [
        ({"took_ms": 12, "probabilities": [[0.1, 0.9]]}, 1, [1]),
        ({"id": [7, 8], "version": [1, 1], "probabilities": [[0.1, 0.9], [0.8, 0.2]]}, 2, [1, 0]),
        ({"id": [7, 8], "length": [1, 1]}, 2, None),
        ({"id": [7, 8], "label": [1, 1]}, 2, [1, 1]),
        ({"output_label": [7, 8]}, 2, [7, 8]),
        ({"class": 3, "took_ms": 12}, 1, [3]),
    ],
)
def test_a_time_or_a_row_number_is_no_label(outputs: dict[str, Any], n: int, labels: list[int] | None) -> None:
    replies = read_rows(Answer(outputs=outputs), n)
    assert (None if replies is None else [reply.label for reply in replies]) == labels


def judge_expected(want: Any, text: str, status: int = 200) -> Verdict:
    answer = Answer(text=text) if status == 200 else None
    error = None if status == 200 else ErrorClass.STATUS
    exchange = Exchange(Request("POST", "/p", body=b"x"), Timing(0.0), Response(status), answer, error=error)
    return judge_golden_outputs([want], [exchange], [0], Tolerance(), lambda summary, _: Counterexample(summary))


@pytest.mark.parametrize(
    ("want", "text", "status"),
    [(3, " 3\n", Status.PASS), (0.5, "0.50", Status.PASS), (3, "4", Status.FAIL), (3, "three", Status.FAIL),
     (3, "nan", Status.FAIL), ("3", "3", Status.PASS)],
)  # fmt: skip
def test_a_golden_number_is_met_by_a_text_that_says_it(want: Any, text: str, status: Status) -> None:
    assert judge_expected(want, text).status is status


def test_a_golden_row_that_was_declined_is_neither_met_nor_broken() -> None:
    assert judge_expected("x", "", 429).status is Status.INCONCLUSIVE
    assert judge_expected("x", "", 503).status is Status.FAIL


HASTE = Deadlines(connect=2.0, first_byte=0.3, inter_token=0.3, total=1.0)


def test_a_service_too_slow_for_our_batches_is_not_wrong(tmp_path: Path) -> None:
    never = threading.Event()
    slow = Service(lambda rows: (never.wait(0.6 * (len(rows) > 1)), [int(row[1]) for row in rows])[1])
    few = replace(DATA, inputs=DATA.inputs[:60], labels=(DATA.labels or ())[:60], groups=None)
    verdict = judge_service(slow, tmp_path, few, deadlines=HASTE)
    assert (verdict.estimate, verdict.n) == (1.0, 60)
    dead = Service(lambda rows: (never.wait(0.6), [0])[1])
    assert judge_service(dead, tmp_path, few, deadlines=HASTE).status is Status.FAIL
    assert len(dead.sizes) < 5, "silence is not asked for row by row"


def test_a_service_too_slow_for_a_batch_of_rows_under_attack_is_asked_row_by_row(tmp_path: Path) -> None:
    never = threading.Event()
    slow = Digits(lambda rows, found: (never.wait(0.6 * (len(rows) > 1)), found)[1])
    with serving(slow) as url:
        given = settings(url, digits(20), eps=0.01, budget=2)
        with asking(replace(given, endpoint=replace(given.endpoint, deadlines=HASTE)), tmp_path) as session:
            verdict = judge_attack(session, ATTACK, *objective())
    assert "0 with a row that got no valid answer" in verdict.notes[0], verdict.notes


def test_a_service_of_named_fields_is_not_asked_for_rows_of_a_table(tmp_path: Path) -> None:
    """It would refuse each of them, and no check of the integration suite could be judged."""
    endpoint = Endpoint("http://127.0.0.1:1", "plain_json", sample={"length": [1.5], "width": [0.5]})
    given = Settings(endpoint, ("integration",), data=DataSettings(DATA))
    with asking(given, tmp_path) as session:
        rows = Rows(session).draw_distinct(5)
    assert all(set(row) == {"length", "width"} for row in rows)
