"""A machine that is too busy fails no service: what is spared, what stands, and how a busy time is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chaos import starvation
from harness.chaos.drain_judging import judge_drain
from harness.chaos.judging import explain_invisible_fault, judge_integrity
from harness.chaos.objective_judging import judge_experiment_objective
from harness.chaos.others_judging import judge_others
from harness.chaos.pulse_judging import judge_pulse
from harness.chaos.recovery_judging import judge_recovery, measure_baseline
from harness.chaos.starvation import TIMEOUTS, StarvationWatch, spare_starved
from harness.core.experiment import Experiment, ExperimentPlan, Fault, Proof, Sample, Strike
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Status, Verdict
from tests.chaos.test_judging import BASELINE, CHAOS, build_experiment, load

ERRORS = parse_objective("chaos", "error_rate", "<= 10%", PROFILES["pr"])


def judge_errors(experiment: Experiment) -> Verdict:
    return judge_experiment_objective(experiment, ERRORS, PlannedCheck("x", "chaos", ERRORS.level, "x", cap=60))


LATE_BACK = build_experiment(samples=(*BASELINE, *load(5, 7, error="closed"), *load(7, 14, latency=1.0), *load(14, 17)))
STARVING = build_experiment(samples=(*BASELINE, *load(5, 7, latency=4.0), *load(7, 17)))
FAILING = build_experiment(samples=(*BASELINE, *load(5, 11, error="closed"), *load(11, 17)), lifted=11.0)


@pytest.mark.parametrize(
    ("judge", "experiment", "around"),
    [
        (judge_recovery, LATE_BACK, (7.0, 15.0)),
        (judge_pulse, LATE_BACK, (7.0, 15.0)),
        (judge_others, STARVING, (5.0, 11.0)),
        (judge_errors, FAILING, (5.0, 11.0)),
    ],
    ids=["recovers", "pulse", "others", "objective"],
)
def test_what_a_busy_machine_explains_is_left_open(
    judge: Callable[[Experiment], Verdict], experiment: Experiment, around: tuple[float, float]
) -> None:
    assert judge(experiment).status is Status.FAIL
    open_verdict = judge(replace(experiment, starved=(around,)))
    assert open_verdict.status is Status.INCONCLUSIVE
    assert "too busy" in open_verdict.reason
    elsewhere = replace(experiment, starved=((0.0, 4.0), (16.5, 16.6)))
    assert judge(elsewhere).status is Status.FAIL, "what was bad at another time stands"


def test_a_fail_stands_on_the_requests_that_were_not_starved() -> None:
    assert judge_recovery(replace(LATE_BACK, starved=((7.0, 9.0),))).status is Status.FAIL


def test_a_wrong_answer_is_wrong_on_a_busy_machine_too() -> None:
    wrong = Sample(6.0, 0.02, 0.0, None, "a success that differs")
    experiment = build_experiment(samples=(*BASELINE, wrong), starved=((0.0, 99.0),))
    assert judge_integrity(experiment).status is Status.FAIL
    assert spare_starved(experiment).samples[-1] == wrong


@pytest.mark.parametrize(("error", "is_spared"), [("http_status", True), ("closed", True), ("malformed_http", False)])
def test_only_what_a_busy_machine_explains_is_spared(error: str, is_spared: bool) -> None:
    experiment = build_experiment(samples=(*BASELINE, *load(5, 7, error=error)), starved=((0.0, 99.0),))
    assert (spare_starved(experiment).samples[-1].error is None) is is_spared
    assert spare_starved(experiment, TIMEOUTS).samples[-1].error == error


@pytest.mark.parametrize(("error", "status"), [("closed", Status.FAIL), ("total_timeout", Status.INCONCLUSIVE)])
def test_an_answer_that_a_restart_has_lost_is_lost_on_a_busy_machine_too(error: str, status: Status) -> None:
    """A connection that ends at the signal was ended by the service."""
    restart = ExperimentPlan.of_fault(Fault("", "stop", platform="a", duration=2.0, name="f"), CHAOS)
    lost = Sample(4.95, 0.2, 0.0, error)
    strikes = (Strike(restart.faults[0], 5.0, 7.0, Proof("probe", detail="it ended")),)
    samples = (*BASELINE, lost, *load(5.1, 17))
    experiment = build_experiment(plan=restart, samples=samples, strikes=strikes, starved=((4.0, 9.0),))
    assert judge_drain(experiment).status is status


def test_a_busy_machine_is_no_effect_of_a_fault() -> None:
    slow = build_experiment(samples=(*BASELINE, *load(5, 7, latency=1.0)))
    yardstick = measure_baseline(BASELINE, CHAOS)
    for is_own in (False, True):
        assert not explain_invisible_fault(slow, yardstick, is_own_proxy=is_own)
        assert explain_invisible_fault(replace(slow, starved=((5.0, 8.0),)), yardstick, is_own_proxy=is_own)
    slower = build_experiment(samples=(*BASELINE, *load(5, 7, latency=0.05)))
    assert "did not follow" in explain_invisible_fault(slower, yardstick, is_own_proxy=True)


def test_a_request_counts_as_starved_by_when_it_ended() -> None:
    """One that ends without an answer has no latency."""
    lost = Sample(6.0, None, 0.0, "total_timeout", ended=16.0)
    for end, is_spared in ((16.0, True), (6.0, False)):
        experiment = build_experiment(samples=(*BASELINE, replace(lost, ended=end)), starved=((9.0, 9.5),))
        assert (spare_starved(experiment).samples[-1].error is None) is is_spared


def watch(
    monkeypatch: pytest.MonkeyPatch, folder: Path, rows: list[tuple[float, float]], *, is_here: bool = True
) -> tuple[tuple[float, float], ...]:
    """The starved times where the thread ran and waited for so many seconds in each second; the baseline has 3."""
    file = folder / "schedstat"
    monkeypatch.setattr(starvation, "_SCHEDSTAT", file)
    ran = waited = 0.0
    file.write_text("0 0 0\n")
    watching = StarvationWatch(is_here=is_here)
    watching.look(0.0, 0.0)
    for second, (more, wait) in enumerate(rows, 1):
        ran, waited = ran + more, waited + wait
        file.write_text(f"{ran * 1e9:.0f} {waited * 1e9:.0f} 7\n")
        watching.look(float(second), float(second))
    return watching.list_starved(3.0)


FREE, BUSY, CROWDED = (0.05, 0.01), (0.05, 0.25), (0.05, 0.6)


@pytest.mark.parametrize(
    ("rows", "starved"),
    [
        ([FREE] * 9, ()),
        ([FREE] * 4 + [BUSY, BUSY, FREE], ((4.0, 5.0), (5.0, 6.0))),
        ([BUSY] * 9, ()),  # as in the baseline, with which it is compared
        ([BUSY] * 4 + [CROWDED], ((4.0, 5.0),)),
        ([FREE] * 4 + [(0.4, 0.7)], ()),  # what the load itself asks for, or others as much as there is
        ([FREE] * 4 + [(0.001, 0.1)], ()),  # it waited little
        ([(0.0, 0.0)] * 4 + [BUSY], ((4.0, 5.0),)),
    ],
)
def test_waiting_for_a_processor_much_more_than_running_is_starving(
    rows: list[tuple[float, float]],
    starved: tuple[tuple[float, float], ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert watch(monkeypatch, tmp_path, rows) == starved
    assert watch(monkeypatch, tmp_path, rows, is_here=False) == (), "another machine's processors are not seen"


def test_a_loop_that_is_late_reads_late_wherever_the_service_is() -> None:
    watching = StarvationWatch(is_here=False)
    for due, now in ((1.0, 1.001), (2.0, 2.4), (3.0, 3.09)):
        watching.look(due, now)
    assert watching.list_starved(5.0) == ((2.0, 2.4),)


def test_the_systems_own_figures_are_read() -> None:
    watching = StarvationWatch(is_here=True)
    for second in range(3):
        watching.look(float(second), float(second))
    assert watching.list_starved(1.0) == ()


@pytest.mark.parametrize(
    ("more", "starved"),
    [
        ((0.3, 1.2), ((4.0, 5.0),)),  # others had over two thirds of both processors
        ((1.9, 9.0), ()),  # its own threads wait for one another
        ((0.3, 0.3), ()),
        ((0.01, 0.1), ()),  # it waited little
    ],
)
def test_a_service_that_got_little_of_the_machine_and_waited_for_more_was_starved(
    more: tuple[float, float], starved: tuple[tuple[float, float], ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The load's own thread sleeps most of the time, and is let in at once."""
    times = {7: (0.0, 0.0)}
    monkeypatch.setattr(starvation, "find_listeners", lambda ports: {7} if 80 in ports else set())
    monkeypatch.setattr(starvation, "list_family", lambda pids: pids)
    monkeypatch.setattr(starvation, "read_threads", lambda pids: {pid: times[pid] for pid in pids})
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(starvation, "_SCHEDSTAT", tmp_path / "schedstat")
    (tmp_path / "schedstat").write_text("0 0 0\n")
    for ports, expected in (((80,), starved), ((), ())):
        times[7] = 0.0, 0.0
        watching = StarvationWatch(is_here=True, ports=ports)
        for second, (ran, waited) in enumerate([(0.1, 0.01)] * 5 + [more]):
            times[7] = times[7][0] + ran, times[7][1] + waited
            watching.look(float(second), float(second))
        assert watching.list_starved(3.0) == expected


def test_a_service_that_was_started_again_is_followed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = iter([{7: (5.0, 5.0)}, {7: (5.5, 6.0)}, {}, {}, {}, {9: (3.0, 3.0)}, {9: (3.2, 4.0), 10: (0.1, 0.2)}])
    monkeypatch.setattr(starvation, "find_listeners", lambda _: {1})
    monkeypatch.setattr(starvation, "list_family", lambda pids: pids)
    monkeypatch.setattr(starvation, "read_threads", lambda _: next(rows))
    threads = starvation._ServiceThreads([80])
    assert [threads.read_more() for _ in range(3)] == [(0.5, 1.0), (0.0, 0.0), (0.0, 0.0)]
    assert threads.read_more() == pytest.approx((0.3, 1.2))
