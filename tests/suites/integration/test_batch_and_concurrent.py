"""Services that are each wrong in one way, and those about which nothing can be shown, do not pass."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.comparison import select_row_outputs
from harness.core.adapter import Facts
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from tests.conftest import run_gate
from tests.services import Answered, asking, serving

batch = import_module("harness.suites.integration.test_batch").test_equals_singles
rows_limit = import_module("harness.suites.integration.test_limits").test_rows
concurrent = import_module("harness.suites.integration.test_concurrent").test_own_answers


def good(path: str, body: Any) -> Answered:
    """The sum of each row of three numbers, and a 400 for anything else."""
    rows: Any = body.get("instances") if isinstance(body, dict) else None
    numbers = isinstance(rows, list) and rows and all(isinstance(row, list) and len(row) == 3 for row in rows)
    if not numbers or not all(type(number) in (int, float) and math.isfinite(number) for row in rows for number in row):
        return 400, {"error": "rows of three numbers are expected"}
    return 200, {"sums": [sum(row) for row in rows], "took_ms": next(_TIMES)}


_TIMES = itertools.count(1)


def run_check(
    answer: Callable[[str, Any], Answered], test: Callable[..., Verdict], folder: Path, *args: str, **more: Any
) -> Verdict:
    sample = more.pop("sample", [[0.0, 0.5, 2.0]])
    with serving(answer) as url:
        endpoint = Endpoint(url, "plain_json", sample=sample, **more)
        with asking(Settings(endpoint, ("integration",)), folder) as session:
            return test(session, *args)


def alter_sums(change: Callable[[list[float]], Sequence[float]]) -> Callable[[str, Any], Answered]:
    def answer(path: str, body: Any) -> Answered:
        status, value = good(path, body)
        return status, {"sums": change(value["sums"])} if status == 200 else value

    return answer


def count_requests(change: Callable[[int, list[float]], list[float]]) -> Callable[[str, Any], Answered]:
    number = itertools.count()
    return alter_sums(lambda sums: change(next(number), sums))


def test_a_right_service_passes(tmp_path: Path) -> None:
    for test in (batch, concurrent):
        verdict = run_check(good, test, tmp_path)
        assert verdict.status is Status.PASS, verdict.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda sums: sums[::-1], "the order is not kept"),
        (lambda sums: sums[1:] + sums[:1], "the order is not kept"),
        (lambda sums: [*sums[:-1], sums[0]] if len(sums) > 1 else sums, "the order is not kept"),
        (lambda sums: [number + 0.01 * (len(sums) > 1) for number in sums], "differs from the row's answer alone"),
        (lambda sums: sums[: max(1, len(sums) - 1)], "7 entries for a batch of 8"),
        (lambda sums: sums[:1], "1 entries for a batch of 8"),
    ],
    ids=["reversed", "rotated", "first twice", "moved", "one lost", "only the first"],
)
def test_a_batch_that_is_not_its_rows_fails(tmp_path: Path, change: Any, reason: str) -> None:
    verdict = run_check(alter_sums(change), batch, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert reason in verdict.reason
    assert verdict.counterexamples[0].curl


@pytest.mark.parametrize("kept", [7, 8], ids=["one lost", "whole"])
def test_an_output_of_the_request_is_no_part_of_its_rows(tmp_path: Path, kept: int) -> None:
    def answer(path: str, body: Any) -> Answered:
        status, value = good(path, body)
        return status, {"sums": value["sums"][:kept], "count": [len(body["instances"])]} if status == 200 else value

    verdict = run_check(answer, batch, tmp_path)
    assert verdict.status is (Status.PASS if kept == 8 else Status.FAIL), verdict.reason


@pytest.mark.parametrize(
    ("outside", "names"),
    [(None, {"label", "odd"}), (frozenset(), {"label", "odd", "count"}), ({"count"}, {"label", "odd"})],
    ids=["nothing announced", "all announced for each row", "one announced for the request"],
)
def test_which_outputs_belong_to_rows(outside: Any, names: set[str]) -> None:
    alone = {"label": [1], "odd": [2], "count": [1], "classes": [1, 2, 3]}
    batched = {"label": [1, 2, 3], "odd": [2, 4], "count": [3], "classes": [1, 2, 3]}
    assert select_row_outputs(alone, batched, 3, outside) == names


def test_the_shapes_announce_which_outputs_belong_to_the_request() -> None:
    outputs = [{"name": "sums", "shape": [-1, 2]}, {"name": "count", "shape": [1]}, {"name": "note", "shape": []}]
    open_input, fixed_input = {"name": "x", "shape": [-1, 4]}, {"name": "x", "shape": [4]}
    assert Facts(inputs={"inputs": [open_input], "outputs": outputs}).request_outputs == frozenset({"count", "note"})
    assert Facts(inputs={"inputs": [fixed_input], "outputs": outputs}).request_outputs is None
    assert Facts(inputs={"inputs": [open_input]}).request_outputs is None


@pytest.mark.parametrize("test", [batch, rows_limit], ids=["batch", "limit"])
def test_a_batch_whose_outputs_all_belong_to_the_request_shows_nothing(tmp_path: Path, test: Any) -> None:
    """The announced count alone says nothing of the rows: no alarm, and no pass either."""
    output = {"name": "total", "datatype": "FP64", "shape": [1]}
    facts = Facts(inputs={"inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}], "outputs": [output]})

    def answer(path: str, body: Any) -> Answered:
        tensor = {**output, "data": [sum(body["inputs"][0]["data"])]}
        return 200, {"model_name": "sums", "outputs": [tensor]}

    with serving(answer) as url:
        endpoint = Endpoint(url, "v2", model="sums", sample=[[0.0, 0.5, 2.0]])
        with asking(Settings(endpoint, ("integration",)), tmp_path, facts) as session:
            verdict = test(session)
    assert verdict.status is (Status.INCONCLUSIVE if test is batch else Status.PASS), verdict.reason
    assert "no output has one entry for each row" in " ".join((verdict.reason, *verdict.notes))


def test_two_classes_still_show_a_reversed_batch(tmp_path: Path) -> None:
    verdict = run_check(alter_sums(lambda sums: [int(number > 2.5) for number in sums][::-1]), batch, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason


def test_a_batch_that_crashes_the_service_fails_and_one_refused_proves_nothing(tmp_path: Path) -> None:
    def refuse_batches(status: int) -> Callable[[str, Any], Answered]:
        return lambda path, body: (status, {"error": "one row"}) if len(body["instances"]) > 1 else good(path, body)

    assert run_check(refuse_batches(500), batch, tmp_path).status is Status.FAIL
    refused = run_check(refuse_batches(422), batch, tmp_path)
    assert refused.status is Status.INCONCLUSIVE
    assert "refuses a batch of 8 rows" in refused.reason


@pytest.mark.parametrize("test", [batch, concurrent], ids=["batch", "concurrent"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (alter_sums(lambda sums: [1.0] * len(sums)), "have the same answer"),
        (count_requests(lambda number, sums: [total + number for total in sums]), "does not repeat itself"),
        (lambda path, body: (500, {"error": "no"}), "has no answer to compare with"),
        (lambda path, body: (200, {"sums": []}), "the answer is empty"),
    ],
    ids=["constant", "random", "dead", "empty"],
)
def test_answers_that_do_not_show_their_request_prove_nothing(
    tmp_path: Path, test: Any, answer: Any, reason: str
) -> None:
    verdict = run_check(answer, test, tmp_path)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert reason in verdict.reason


def test_a_single_row_sample_makes_no_batch(tmp_path: Path) -> None:
    verdict = run_check(good, batch, tmp_path, sample=[0.0, 0.5, 2.0])
    assert verdict.status is Status.INCONCLUSIVE
    assert "no batch can be made" in verdict.reason


class Shared:
    """A service whose handler keeps the request in a shared field: the race that causes cross-talk."""

    def __init__(self, spoil: Callable[[float, float], float]) -> None:
        self.spoil, self.lock, self.under_way = spoil, threading.Lock(), 0
        self.last: float | None = None
        self.beside = threading.Event()

    def __call__(self, path: str, body: Any) -> Answered:
        status, value = good(path, body)
        mine = value["sums"][0]
        with self.lock:
            self.under_way += 1
            if self.under_way > 1:
                self.beside.set()
            self.last = mine
        self.beside.wait(0.005)
        with self.lock:
            self.under_way -= 1
            if self.under_way == 0:
                self.beside.clear()
            assert self.last is not None
            return status, {"sums": [mine if self.last == mine else self.spoil(mine, self.last)]}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(lambda mine, other: other, "cross-talk"), (lambda mine, other: mine + 1000, "wrong answer under concurrency")],
)
def test_answers_mixed_up_side_by_side_fail(tmp_path: Path, spoil: Any, reason: str) -> None:
    verdict = run_check(Shared(spoil), concurrent, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert reason in verdict.reason


@pytest.mark.parametrize(("status", "expected"), [(503, Status.INCONCLUSIVE), (500, Status.FAIL)])
def test_requests_that_are_declined_side_by_side_do_not_pass(tmp_path: Path, status: int, expected: Status) -> None:
    asked = itertools.count()
    answer = lambda path, body: good(path, body) if next(asked) < 20 else (status, {"error": "busy"})  # noqa: E731
    assert run_check(answer, concurrent, tmp_path).status is expected


def test_a_service_of_one_input_a_request_takes_no_batches(tmp_path: Path) -> None:
    """The plan skips the check, so that the gate can pass."""

    def answer(path: str, body: Any) -> Answered:
        row = body.get("instances") if isinstance(body, dict) else None
        return good(path, {"instances": [row]}) if isinstance(row, list) else (400, {"error": "a row is expected"})

    with serving(answer) as url:
        config = f'[endpoint]\nurl = "{url}"\nprotocol = "plain_json"\nsample = [0.0, 0.5, 2.0]\n'
        (tmp_path / "aiharness.toml").write_text(config)
        outcome = run_gate(tmp_path, suite="integration")
    assert outcome.check("test_equals_singles")["verdict"] == "SKIPPED"
    assert outcome.check("test_own_answers")["verdict"] == "PASS"
    assert outcome.status == 0, outcome.out


@pytest.mark.parametrize(
    ("test", "healthy", "most", "status"),
    [
        (concurrent, 3, 4, Status.INCONCLUSIVE),
        (batch, 3, 5, Status.INCONCLUSIVE),
        (concurrent, 20, 24, Status.FAIL),
    ],
    ids=["alone", "a row of a batch", "side by side"],
)
def test_nothing_more_is_asked_after_a_hang(
    tmp_path: Path, test: Callable[..., Verdict], healthy: int, most: int, status: Status
) -> None:
    asked, release = itertools.count(1), threading.Event()
    numbers: list[int] = []

    def hang_later(path: str, body: Any) -> Answered:
        numbers.append(next(asked))
        if numbers[-1] > healthy:
            release.wait(20)
        return good(path, body)

    with serving(hang_later) as url:
        endpoint = Endpoint(url, "plain_json", sample=[[0.0, 0.5, 2.0]], deadlines=Deadlines(first_byte=1.0))
        with asking(Settings(endpoint, ("integration",)), tmp_path) as session:
            verdict = test(session)
        release.set()
    assert verdict.status is status, verdict.reason
    assert "first byte timeout" in verdict.reason
    assert len(numbers) <= most
