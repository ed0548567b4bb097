"""Checks that got the same wrong answer belong together; checks that failed for other reasons do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.core.causes import group_by_cause
from harness.core.report import CheckRow
from harness.core.verdict import Counterexample, Level, Status

REQUEST = {"method": "POST", "url": "http://127.0.0.1:8000/predict"}


def make_row(name: str, reason: str, response: dict[str, Any] | None = None, **fields: Any) -> CheckRow:
    row = CheckRow(f"ai-suite/smoke/t.py::{name}", "smoke", Level.BLOCKER, name, "contract", Status.FAIL, reason)
    if response is not None:
        row = replace(row, counterexamples=(Counterexample(reason, REQUEST, response),))
    return replace(row, **fields)


def list_groups(*rows: CheckRow) -> list[list[str]]:
    return [[row.title for row in group] for group in group_by_cause(rows)]


def test_the_same_error_for_the_same_path_is_one_cause() -> None:
    first = {"status": 422, "body": '{"detail": "Field required", "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}'}
    again = {"status": 422, "body": '{"detail": "Field required", "id": "00000000-4f89-41d3-9a0c-0305e82c3309"}'}
    other = {"status": 422, "body": '{"detail": "Too long"}'}
    rows = (make_row("a", "no answer", first), make_row("b", "a prediction fails", again), make_row("c", "x", other))
    assert list_groups(*rows) == [["a", "b"], ["c"]]


def test_wrong_content_is_one_cause_only_for_the_same_reason() -> None:
    answer = {"status": 200, "body": '{"prediction": null}'}
    rows = (make_row("a", "null", answer), make_row("b", "another's answer", answer), make_row("c", "null", answer))
    assert list_groups(*rows) == [["a", "c"], ["b"]]


def test_other_paths_and_verdicts_stand_apart() -> None:
    answer = {"status": 404, "body": "Not Found"}
    elsewhere = Counterexample("b", {**REQUEST, "url": "http://127.0.0.1:8000/health"}, answer)
    rows = (
        make_row("a", "not found", answer),
        make_row("b", "not live", counterexamples=(elsewhere,)),
        make_row("c", "not found", verdict=Status.INCONCLUSIVE),
    )
    assert list_groups(*rows) == [["a"], ["b"], ["c"]]


def test_an_endpoint_that_was_not_reached_is_one_cause() -> None:
    rows = (
        make_row("a", "the endpoint was not reached: Connect call failed", verdict=Status.ERROR),
        make_row("b", "the endpoint was not reached: Connection refused", verdict=Status.ERROR, level=Level.WARN),
        make_row("c", "the check itself broke", verdict=Status.ERROR),
    )
    assert list_groups(*rows) == [["a", "b"], ["c"]]


def test_a_generator_that_did_not_keep_up_is_one_cause_whatever_its_figures() -> None:
    unmeasured: dict[str, Any] = {"verdict": Status.INCONCLUSIVE}
    rows = (
        make_row("a", "bound by the client: 120 of 424 requests were not sent", **unmeasured),
        make_row("b", "bound by the client: requests were sent 0.22 s late at p95", **unmeasured),
        make_row("c", "no steady state: 3 requests are too few", **unmeasured),
        make_row("d", "no steady state: 4 requests are too few", **unmeasured),
        make_row("e", "3 of 60 are over the limit", estimate=0.05, **unmeasured),
        make_row("f", "4 of 60 are over the limit", estimate=0.06, **unmeasured),
    )
    assert list_groups(*rows) == [["a", "b"], ["c", "d"], ["e"], ["f"]]
