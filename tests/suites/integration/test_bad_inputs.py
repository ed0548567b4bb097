"""Services that each handle bad inputs wrongly in one way do not pass; correct services do not fail."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.bad_input.requests import BAD_INPUTS
from harness.core.endpoint import Deadlines, Endpoint, Template
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status, Verdict
from tests.services import Answered, asking, serving

SHORT = Deadlines(connect=2.0, first_byte=0.5, inter_token=0.5, total=0.8)
suite = import_module("harness.suites.integration.test_bad_inputs")
PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
ODD = (
    *("unknown_key", "duplicate_keys", "byte_order_mark", "utf16"),
    *("type_text", "type_none", "type_xml", "type_msgpack", "trailing_slash"),
)
SPOILT = tuple(name for name in BAD_INPUTS if name not in ODD and not name.startswith("method"))
"""Bad inputs that are certainly wrong and are sent as POST, so that this small service handles them."""

Service = Callable[[str, Any], Answered]


def right(path: str, body: Any) -> Answered:
    """The sum of each row of three numbers, on one path; a 4xx for anything else."""
    if path != "/predict":
        return 404, {"error": f"nothing at {path}"}
    rows: Any = body.get("instances") if isinstance(body, dict) else None
    numbers = isinstance(rows, list) and rows and all(isinstance(row, list) and len(row) == 3 for row in rows)
    if not numbers or not all(type(number) in (int, float) and math.isfinite(number) for row in rows for number in row):
        return 400, {"error": "rows of three numbers are expected"}
    if set(body) - {"instances", "aiharness"} or len(str(body.get("aiharness", ""))) > len("no such key"):
        return 400, {"error": "unknown members"}
    return 200, {"sums": [sum(row) for row in rows]}


def run_both_checks(answer: Service, folder: Path, *cases: str, **more: Any) -> list[Verdict]:
    """The verdicts of both checks on each case, in order."""
    sample = more.pop("sample", [[0.0, 0.5, 2.0], [1.0, 0.0, 0.25]])
    with serving(answer) as url:
        endpoint = Endpoint(url, "plain_json", sample=sample, **more)
        with asking(Settings(endpoint, ("integration",)), folder) as session:
            session.is_reached = True
            return [test(session, case) for case in cases for test in (suite.test_survives, suite.test_refused)]


def run_check(answer: Service, folder: Path, name: str, **more: Any) -> Verdict:
    sample = more.pop("sample", [[0.0, 0.5, 2.0], [1.0, 0.0, 0.25]])
    with serving(answer) as url:
        endpoint = Endpoint(url, "plain_json", sample=sample, **more)
        with asking(Settings(endpoint, ("integration",)), folder) as session:
            verdict: Verdict = getattr(suite, name)(session)
            return verdict


def on_bad(change: Callable[[str, Any, Answered], Answered]) -> Service:
    """The right service, with its refusals changed."""

    def answer(path: str, body: Any) -> Answered:
        answered = right(path, body)
        return answered if answered[0] == 200 else change(path, body, answered)

    return answer


def test_a_right_service_passes(tmp_path: Path) -> None:
    verdicts = run_both_checks(right, tmp_path, *BAD_INPUTS)
    assert [verdict.reason for verdict in verdicts if verdict.status is not PASS] == []
    for name in ("survives_values", "refused_values", "survives_protocol", "refused_protocol"):
        assert run_check(right, tmp_path, f"test_{name}").status is PASS


@pytest.mark.parametrize(("status", "kind"), [(500, "refused as broken"), (200, "accepted"), (302, "not refused")])
def test_what_is_not_refused_with_a_4xx_fails_and_is_survived(tmp_path: Path, status: int, kind: str) -> None:
    answer = on_bad(lambda path, body, answered: (status, {"sums": [1.0]}))
    verdicts = run_both_checks(answer, tmp_path, *SPOILT)
    assert [verdict.status for verdict in verdicts] == [PASS, FAIL] * len(SPOILT)
    assert all(kind in verdict.reason and verdict.counterexamples[0].curl for verdict in verdicts[1::2])
    assert run_check(answer, tmp_path, "test_refused_values").status is FAIL
    assert run_check(answer, tmp_path, "test_refused_protocol").status is FAIL
    assert run_check(answer, tmp_path, "test_survives_values").status is PASS


@pytest.mark.parametrize(("status", "expected"), [(400, PASS), (500, FAIL)])
def test_an_unusual_input_may_be_answered_or_refused_but_not_with_a_5xx(
    tmp_path: Path, status: int, expected: Status
) -> None:
    answer = lambda path, body: (status, {}) if isinstance(body, dict) and "aiharness" in body else right(path, body)  # noqa: E731
    assert [verdict.status for verdict in run_both_checks(answer, tmp_path, "unknown_key")] == [PASS, expected]


def test_another_answer_to_a_request_of_the_same_meaning_fails(tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        status, value = right(path, body)
        return status, {"sums": [0.0, 0.0]} if isinstance(body, dict) and "aiharness" in body else value

    [survived, refused] = run_both_checks(answer, tmp_path, "unknown_key")
    assert survived.status is FAIL
    assert "its answer differs" in survived.reason
    assert refused.status is PASS


class Hanging:
    """Does not answer a bad input within the deadline."""

    def __init__(self, for_good: bool = False) -> None:
        self.asked, self.for_good, self.wedged, self.never = 0, for_good, False, threading.Event()

    def __call__(self, path: str, body: Any) -> Answered:
        self.asked += 1
        answered = right(path, body)
        self.wedged |= self.for_good and answered[0] != 200
        if answered[0] != 200 or self.wedged:
            self.never.wait(0.7)
        return answered


def test_a_hang_fails_within_the_deadline_and_costs_no_more_than_three(tmp_path: Path) -> None:
    service = Hanging()
    names = ("empty_object", "missing_field", "null", "string", "empty_array")
    verdicts = run_both_checks(service, tmp_path, *names, deadlines=SHORT)
    assert [verdict.status for verdict in verdicts] == [FAIL] * 6 + [INCONCLUSIVE] * 4
    assert "missing_field hangs the service" in verdicts[2].reason
    assert "timeout" in verdicts[3].reason
    assert "hung 3 times" in verdicts[-1].reason
    assert service.asked == 2 + 2 * 3


def test_a_wedged_service_is_attributed_to_the_input_that_wedged_it(tmp_path: Path) -> None:
    verdicts = run_both_checks(Hanging(for_good=True), tmp_path, "null", "string", "empty_array", deadlines=SHORT)
    assert [verdict.status for verdict in verdicts[::2]] == [FAIL, INCONCLUSIVE, INCONCLUSIVE]
    assert "no valid request since null" in verdicts[2].reason


def test_a_dropped_connection_is_a_crash(tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        if right(path, body)[0] != 200:
            raise ConnectionAbortedError
        return right(path, body)

    verdicts = run_both_checks(answer, tmp_path, "deep_nesting", "nan")
    assert [verdict.status for verdict in verdicts] == [FAIL] * 4
    assert "deep_nesting ends the connection without an answer" in verdicts[0].reason
    assert "crashed" in verdicts[1].reason


def test_one_connection_closed_before_the_request_was_read_is_not_a_crash(tmp_path: Path) -> None:
    """Uvicorn closes a kept connection after a 500: whether the next request is lost with it is a race."""
    number = itertools.count()

    def answer(path: str, body: Any) -> Answered:
        if next(number) in (2, 4):  # the bad one, and the valid one after it, each the first time
            raise ConnectionAbortedError
        return right(path, body)

    assert [verdict.status for verdict in run_both_checks(answer, tmp_path, "empty_body")] == [PASS, PASS]


def test_a_service_that_dies_of_a_bad_input_fails_and_later_inputs_are_not_judged(tmp_path: Path) -> None:
    dead = threading.Event()

    def answer(path: str, body: Any) -> Answered:
        if dead.is_set():
            return 500, {"error": "dead"}
        if right(path, body)[0] != 200:
            dead.set()
        return right(path, body)

    verdicts = run_both_checks(answer, tmp_path, "empty_body", "empty_object")
    assert [verdict.status for verdict in verdicts] == [FAIL, PASS, INCONCLUSIVE, INCONCLUSIVE]
    assert "after empty_body a valid request is not answered" in verdicts[0].reason
    assert "since empty_body" in verdicts[2].reason


def test_a_service_that_answers_wrongly_afterwards_fails(tmp_path: Path) -> None:
    spoilt = threading.Event()

    def answer(path: str, body: Any) -> Answered:
        status, value = right(path, body)
        if status != 200:
            spoilt.set()
            return status, value
        return status, {"sums": [total + spoilt.is_set() for total in value["sums"]]}

    [survived, refused] = run_both_checks(answer, tmp_path, "wrong_input_type")
    assert survived.status is FAIL
    assert "another answer than before" in survived.reason
    assert refused.status is PASS


def test_a_service_that_is_never_repeatable_does_not_fail_for_other_answers(tmp_path: Path) -> None:
    number = itertools.count()

    def answer(path: str, body: Any) -> Answered:
        status, value = right(path, body)
        return status, {"sums": [total + next(number) for total in value["sums"]]} if status == 200 else value

    assert run_both_checks(answer, tmp_path, "empty_body")[0].status is PASS


TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/app.py", line 3'


@pytest.mark.parametrize(
    ("status", "shown", "expected"),
    [
        (400, TRACEBACK, [FAIL, FAIL]),
        (500, TRACEBACK, [FAIL, FAIL]),
        (200, TRACEBACK, [FAIL, FAIL]),
        (400, "no model in /opt/models/digits/1", [FAIL, FAIL]),
        (200, "no model in /opt/models/digits/1", [FAIL, FAIL]),
        (200, "", [PASS, FAIL]),
        (400, "Werkzeug/3.1.9", [PASS, FAIL]),
        (400, "Cannot POST /predict", [PASS, PASS]),
    ],
)
def test_what_a_refusal_shows(tmp_path: Path, status: int, shown: str, expected: list[Status]) -> None:
    answer = on_bad(lambda path, body, answered: (status, {"error": shown}))
    assert [verdict.status for verdict in run_both_checks(answer, tmp_path, "missing_field")] == expected


def test_the_path_of_the_request_is_not_a_leaked_path(tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        answered = right("/predict", body)
        return answered if answered[0] == 200 else (400, {"error": f"Cannot POST {path}"})

    verdicts = run_both_checks(answer, tmp_path, "missing_field", template=Template(path="/app/models/digits/predict"))
    assert [verdict.status for verdict in verdicts] == [PASS, PASS]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_in_a_success_fails(tmp_path: Path, value: float) -> None:
    answer = on_bad(lambda path, body, answered: (200, {"sums": [1.0, value]}))
    verdicts = run_both_checks(answer, tmp_path, "nan", "infinity", "overflow")
    assert [verdict.status for verdict in verdicts] == [FAIL] * 6
    assert "not a finite number" in verdicts[0].reason
    values = run_check(answer, tmp_path, "test_survives_values")
    assert values.status is FAIL
    assert "not a finite number" in values.reason


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, [PASS, INCONCLUSIVE]), (404, [PASS, INCONCLUSIVE]), (429, [INCONCLUSIVE, INCONCLUSIVE])],
)
def test_a_refusal_for_another_reason_does_not_pass(tmp_path: Path, status: int, expected: list[Status]) -> None:
    answer = on_bad(lambda path, body, answered: (status, {}))
    assert [verdict.status for verdict in run_both_checks(answer, tmp_path, "missing_field")] == expected


def test_an_unknown_path_may_be_404_but_not_200(tmp_path: Path) -> None:
    assert [verdict.status for verdict in run_both_checks(right, tmp_path, "unknown_path")] == [PASS, PASS]
    everywhere = lambda path, body: right("/predict", body)  # noqa: E731
    assert [verdict.status for verdict in run_both_checks(everywhere, tmp_path, "unknown_path")] == [PASS, FAIL]


def test_a_service_that_refuses_everything_is_not_judged(tmp_path: Path) -> None:
    verdicts = run_both_checks(lambda path, body: (400, {"error": "no"}), tmp_path, "missing_field")
    assert [verdict.status for verdict in verdicts] == [INCONCLUSIVE] * 2
    assert "a valid request is not answered" in verdicts[0].reason


def test_a_service_that_accepts_rows_of_any_width_is_detected(tmp_path: Path) -> None:
    """The other values are refused; only the width is not checked."""

    def answer(path: str, body: Any) -> Answered:
        rows: Any = body.get("instances") if isinstance(body, dict) else None
        if isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows):
            body = {"instances": [[*row, 0.0][:3] for row in rows]}
        return right(path, body)

    verdict = run_check(answer, tmp_path, "test_refused_values")
    assert verdict.status is FAIL
    assert {example.summary.split(" is ")[0] for example in verdict.counterexamples} == {
        "rows that are one too short",
        "rows that are one too long",
        "ragged rows",
    }


def test_text_in_plain_json_has_bad_values_too(tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        text = body.get("instances") if isinstance(body, dict) else None
        return (200, {"score": [float(len(text))]}) if isinstance(text, str) else (422, {"error": "a text"})

    for name in ("test_survives_values", "test_refused_values"):
        verdict = run_check(answer, tmp_path, name, sample="hello there")
        assert verdict.status is PASS, verdict.reason
        assert "an object for text (422)" in verdict.reason


def judge_promise(answer: Service, folder: Path, *names: str) -> Verdict:
    with serving(answer) as url:
        endpoint = Endpoint(url, "plain_json", sample=[[0.0, 0.5, 2.0], [1.0, 0.0, 0.25]], deadlines=SHORT)
        settings = Settings(endpoint, ("integration",), promises=Promises(refuses=names))
        with asking(settings, folder) as session:
            verdict: Verdict = suite.test_promised_refusals(session)
            return verdict


REFUSED = ("missing_field", "rows that are one too short", "rows that are one too long", "a word for a number")


def pad(path: str, body: Any) -> Answered:
    """Rows of any width, made one of three numbers."""
    if isinstance(body, dict) and isinstance(rows := body.get("instances"), list):
        rows = [[*row, 0.0, 0.0, 0.0][:3] if isinstance(row, list) else row for row in rows]
        body = {**body, "instances": rows}
    return right(path, body)


def use_default(path: str, body: Any) -> Answered:
    return right(path, body if isinstance(body, dict) and "instances" in body else {"instances": [[1.0, 2.0, 3.0]]})


@pytest.mark.parametrize(("answer", "accepted"), [(pad, "rows that are one too short"), (use_default, "missing_field")])
def test_a_bad_input_that_was_promised_to_be_refused_fails_when_accepted(
    tmp_path: Path, answer: Service, accepted: str
) -> None:
    verdict = judge_promise(answer, tmp_path, *REFUSED)
    assert verdict.status is FAIL
    assert f"a bad input is accepted as if it were good: {accepted}: answered 200" in verdict.reason


@pytest.mark.parametrize("status", [400, 422, 500])
def test_promised_refusals_hold_whatever_the_status_that_refuses(tmp_path: Path, status: int) -> None:
    refused = on_bad(lambda path, body, answered: (status, {"error": "no"}))
    verdict = judge_promise(refused, tmp_path, *REFUSED)
    assert verdict.status is PASS, verdict.reason


def test_a_promise_about_no_bad_input_is_not_judged(tmp_path: Path) -> None:
    verdict = judge_promise(right, tmp_path, "missing_feild")
    assert verdict.status is INCONCLUSIVE
    assert "missing_feild" in verdict.reason
    assert "'missing_field'" in verdict.reason


def test_a_service_that_declines_shows_no_refusal(tmp_path: Path) -> None:
    declined = on_bad(lambda path, body, answered: (429, {"error": "later"}))
    assert judge_promise(declined, tmp_path, *REFUSED).status is INCONCLUSIVE
