"""The pure parts: steady state, recovery, silent corruption, and what each verdict rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chaos.answer_reading import find_silent_corruption
from harness.chaos.judging import (
    explain_invisible_fault,
    explain_unsteady_baseline,
    judge_integrity,
    judge_validity,
)
from harness.chaos.recovery_judging import judge_recovery, measure_baseline
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, EventKind, Exchange, Request, Response, StreamEvent, Timing
from harness.core.experiment import ChaosSettings, Experiment, ExperimentPlan, Proof, Sample, compute_p95
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.verdict import Counterexample, Status
from tests.chaos.chaosparts import fault

CHAOS = ChaosSettings(10.0, 5.0, 5.0)
BASELINE = [Sample(i / 10, 0.02, 0.0) for i in range(50)]


def load(start: float, end: float, *, latency: float = 0.02, error: str | None = None) -> list[Sample]:
    return [Sample(start + i / 10, latency, 0.0, error) for i in range(round((end - start) * 10))]


def build_experiment(**more: Any) -> Experiment:
    samples = (*BASELINE, *load(5, 7, error="closed"), *load(7, 17))
    plan = ExperimentPlan.of_fault(fault("latency"), CHAOS)
    experiment = Experiment(plan, 0.0, 5.0, 7.0, 7.0, 17.0, Proof("counter", 20, "20 were"), tuple(samples))
    return replace(experiment, **more)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_p95_is_the_nearest_rank(values: list[float]) -> None:
    p95 = compute_p95(values)
    assert sum(v <= p95 for v in values) >= 0.95 * len(values) - 1e-9
    assert sum(v < p95 for v in values) < 0.95 * len(values)


@pytest.mark.parametrize(
    ("limit", "failures", "steady"),
    [(None, 2, True), (None, 5, True), (None, 6, False), ("<= 1%", 2, True), ("<= 1%", 3, False)],
)
def test_a_baseline_may_fail_no_more_than_chance_explains(limit: str | None, failures: int, steady: bool) -> None:
    objectives = [parse_objective("chaos", "error_rate", limit, PROFILES["pr"])] if limit else []
    baseline = [*BASELINE[failures:], *load(4, 4 + failures / 10, error="closed")]
    assert (explain_unsteady_baseline(baseline, objectives) == "") is steady
    assert explain_unsteady_baseline([], []), "nothing seen is no steady state"


def test_what_the_harness_could_not_send_says_nothing_of_the_service() -> None:
    broken = load(4, 5, error="harness")
    assert not explain_unsteady_baseline([*BASELINE[10:], *broken], [])
    verdict = judge_validity(build_experiment(samples=(*BASELINE, *broken)))
    assert verdict is not None
    assert verdict.status is Status.ERROR


@pytest.mark.parametrize(("unsent", "bound"), [(0, False), (8, False), (9, True), (500, True)])
def test_few_requests_of_a_busy_machine_are_left_out(unsent: int, bound: bool) -> None:
    """The experiment has 170 samples."""
    verdict = judge_validity(build_experiment(unsent=unsent))
    assert (verdict is not None) is bound
    if verdict is not None:
        assert verdict.status is Status.INCONCLUSIVE
        assert f"bound by the client: {unsent} of {170 + unsent} requests were not sent" in verdict.reason


def test_a_shortage_stays_an_error_whatever_the_machine_left_out() -> None:
    shortage = (Sample(6.0, None, 0.0, "harness"),)
    examples = (Counterexample("a request failed: OSError: Too many open files"),)
    verdict = judge_validity(build_experiment(samples=(*BASELINE, *shortage), unsent=30, failed=examples))
    assert verdict is not None
    assert verdict.status is Status.ERROR
    assert "Too many open files" in verdict.reason


CHUNKED = Response(200, (("transfer-encoding", "chunked"),))
OPEN_ENDED = Response(200)


def exchange(
    text: str = "a b c",
    error: ErrorClass | None = None,
    response: Response = CHUNKED,
    events: Sequence[StreamEvent] = (),
) -> Exchange:
    one = Exchange(Request("POST", "/"), Timing(0.0), response, Answer(text), error=error, detail="so")
    return replace(one, events=tuple(events))


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (exchange(), ""),
        (exchange(error=ErrorClass.CLOSED), ""),
        (exchange(error=ErrorClass.STATUS), ""),
        (exchange(error=ErrorClass.INVALID), "invalid"),
        (exchange(error=ErrorClass.INCOMPLETE), "incomplete"),
        (exchange(error=ErrorClass.INCOMPLETE, response=Response(200, (("content-length", "9"),))), "incomplete"),
        (exchange(error=ErrorClass.INCOMPLETE, response=Response(200, http_version="HTTP/2")), "incomplete"),
        (exchange(error=ErrorClass.INCOMPLETE, response=OPEN_ENDED), ""),
        (exchange(error=ErrorClass.INCOMPLETE, events=[StreamEvent(EventKind.ERROR)]), ""),
        (exchange("a b"), "differs"),
        (replace(exchange(), answer=Answer("a b c", {"y": [1.0]})), "differs"),
    ],
)
def test_what_is_silent_corruption(seen: Exchange, wrong: str) -> None:
    silent_corruption = find_silent_corruption(seen, Answer("a b c"))
    assert wrong in silent_corruption
    assert bool(silent_corruption) is bool(wrong)


def test_what_the_harness_cuts_itself_is_not_held_against_the_service() -> None:
    assert find_silent_corruption(exchange(error=ErrorClass.INCOMPLETE), None, cut=True) == ""
    assert find_silent_corruption(exchange("a b"), Answer("a b c"), cut=True), (
        "a cut answer that claims to be whole is wrong all the same"
    )


def test_without_the_promise_answers_are_not_compared() -> None:
    assert find_silent_corruption(exchange("something else"), None) == ""


def test_a_clean_experiment_passes() -> None:
    assert judge_integrity(build_experiment()).status is Status.PASS
    assert "20 of 20 requests under it failed visibly" in judge_integrity(build_experiment()).reason
    assert judge_recovery(build_experiment()).status is Status.PASS
    assert msgspec.json.decode(msgspec.json.encode(build_experiment()), type=Experiment) == build_experiment()


LATE = tuple(replace(s, lag=0.5) for s in BASELINE)


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"broken": "the proxy is gone"}, Status.ERROR, "gone"),
        ({"undecided": "no steady state: so"}, Status.INCONCLUSIVE, "no steady state"),
        ({"proof": Proof("none", 0, "0 were")}, Status.INCONCLUSIVE, "did not land"),
        ({"samples": LATE}, Status.INCONCLUSIVE, "bound by the client"),
        ({"samples": (Sample(1.0, None, 0.0, "harness"),)}, Status.ERROR, "harness broke"),
    ],
)
def test_what_decides_nothing(more: dict[str, Any], status: Status, words: str) -> None:
    experiment = build_experiment(**more)
    verdict = judge_validity(experiment)
    assert verdict is not None
    assert (verdict.status, words in verdict.reason) == (status, True)
    assert judge_integrity(experiment).status is judge_recovery(experiment).status is status


def test_a_wrong_answer_fails_whatever_else_happened() -> None:
    wrong = Sample(6.0, 0.02, 0.0, None, "a success that differs")
    experiment = build_experiment(samples=(*BASELINE, wrong), corrupted=(Counterexample("so"),), proof=Proof())
    verdict = judge_integrity(experiment)
    assert verdict.status is Status.FAIL
    assert verdict.counterexamples
    assert "1 of 51 answers, 1 of them to requests under the fault" in verdict.reason


def test_a_wrong_success_is_named_before_a_stream_that_failed() -> None:
    cut = Sample(6.0, 0.02, 0.0, "incomplete", "a stream that failed had delivered a wrong text")
    whole = Sample(6.5, 0.02, 0.0, None, "a success that begins again from the start")
    verdict = judge_integrity(build_experiment(samples=(*BASELINE, cut, whole), proof=Proof()))
    assert verdict.reason.endswith("a success that begins again from the start")


@pytest.mark.parametrize(("during", "seen"), [(load(5, 7), False), (load(5, 7, latency=1.0), True)])
@pytest.mark.parametrize(("own", "kind"), [(True, "did not follow our requests"), (False, "plain Toxiproxy")])
def test_a_fault_that_may_have_struck_others_needs_an_effect(
    during: Sequence[Sample], seen: bool, own: bool, kind: str
) -> None:
    experiment = build_experiment(samples=(*BASELINE, *during))
    reason = explain_invisible_fault(experiment, measure_baseline(BASELINE, CHAOS), is_own_proxy=own)
    assert (reason == "") is seen
    assert seen or kind in reason


def test_slow_answers_do_not_hide_that_few_were_struck() -> None:
    """One request in fifty uses the link, and the machine is busy: failures alone show that more were struck."""
    yardstick = measure_baseline(BASELINE, CHAOS)
    slow = build_experiment(samples=(*BASELINE, *load(5, 7, latency=1.0)), struck=1)
    assert "struck 1 of our requests" in explain_invisible_fault(slow, yardstick, is_own_proxy=True, is_counted=True)
    failed = build_experiment(samples=(*BASELINE, *load(5, 7, error="closed")), struck=1)
    assert not explain_invisible_fault(failed, yardstick, is_own_proxy=True, is_counted=True)
