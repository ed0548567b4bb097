"""Verdicts over a load's result, made by hand: what passes, fails, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.core.load import MOST_FAILED, Counts, LoadResult, find_client_limits, find_delays, name_least
from harness.core.objective import PROFILES, Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.report import Generator
from harness.core.verdict import Counterexample, Level, Status, Verdict
from harness.load.judging import judge_errors, judge_failures, judge_generator, judge_load
from harness.stats.dependence import TIME_BLOCKS
from harness.stats.histogram import Histogram

LATENCY = parse_objective("load", "latency p90", "<= 100ms", PROFILES["release"])
ERRORS = parse_objective("load", "error_rate", "<= 5%", PROFILES["release"])
CHECK = PlannedCheck("ai-suite/load/x.py::test", "load", Level.BLOCKER, "x", alpha_fail=0.05)
KEPT_UP = Generator(target_rate=100, achieved_rate=100, lag_p99=0.002, cpu=0.2)


def count_blocks(n: tuple[int, ...], over: tuple[int, ...]) -> Counts:
    return Counts(n, {"0.1": over, "0.0": over})


def result(over: int, *, per_block: int = 50, **changed: object) -> LoadResult:
    """`over` bad ones in each of 60 blocks of `per_block` requests."""
    counts = count_blocks((per_block,) * TIME_BLOCKS, (over,) * TIME_BLOCKS)
    blocks = {name: counts for kind in ("latency", "error_rate") for name in (kind, name_least(kind))}
    n = per_block * TIME_BLOCKS
    whole = LoadResult(
        "steady", "v2", n, n, n, judged=n, blocks={**blocks, MOST_FAILED: counts},
        generator=KEPT_UP, finished=True,
    )  # fmt: skip
    return replace(whole, **changed)  # type: ignore[arg-type]


def judge_kept_up(load: LoadResult, objectives: Sequence[Objective] = (LATENCY,)) -> Verdict:
    return judge_generator(load, objectives, CHECK)


@pytest.mark.parametrize("objective", [LATENCY, ERRORS], ids=["latency", "errors"])
@pytest.mark.parametrize(("over", "status"), [(0, Status.PASS), (25, Status.FAIL)])
def test_the_share_over_the_limit_decides(objective: Objective, over: int, status: Status) -> None:
    verdict = judge_load(result(over), objective, CHECK)
    assert verdict.status is status
    assert verdict.n == 3000
    assert verdict.estimate == over / 50


def test_between_the_budgets_nothing_is_decided() -> None:
    """8 of 60: neither 10 % nor 20 % is refuted."""
    counts = count_blocks((1,) * TIME_BLOCKS, (*((1, *([0] * 7)) * 7), 1, 0, 0, 0))
    assert judge_load(result(0, blocks={"latency": counts}), LATENCY, CHECK).status is Status.INCONCLUSIVE


def test_what_comes_in_one_clump_counts_for_less() -> None:
    def upper(over: tuple[int, ...]) -> float:
        verdict = judge_load(result(0, blocks={"latency": count_blocks((25,) * TIME_BLOCKS, over)}), LATENCY, CHECK)
        assert verdict.ci is not None
        assert verdict.ci[1] is not None
        return verdict.ci[1]

    assert upper((20, 0, 0) * (TIME_BLOCKS // 3)) > upper((7, 7, 6) * (TIME_BLOCKS // 3)) + 0.02


@pytest.mark.parametrize("over", [0, 25])
def test_a_client_that_was_the_limit_decides_nothing_and_says_what_it_saw(over: int) -> None:
    none_over = count_blocks((50,) * TIME_BLOCKS, (0,) * TIME_BLOCKS)
    whole = result(over, client_bound=("requests were sent late",))
    verdict = judge_load(replace(whole, blocks={**whole.blocks, "latency_least": none_over}), LATENCY, CHECK)
    assert verdict.status is Status.INCONCLUSIVE
    assert "requests were sent late" in verdict.reason
    assert ("FAIL" if over else "PASS") in verdict.notes[0]


@pytest.mark.parametrize("judge", [lambda r: judge_load(r, LATENCY, CHECK), judge_kept_up, judge_errors])
def test_a_dead_generator_is_an_error(judge: object) -> None:
    verdict = judge(result(0, problem="the load generator died: it was killed by SIGKILL", finished=False))  # type: ignore[operator]
    assert verdict.status is Status.ERROR
    assert "SIGKILL" in verdict.reason


def test_an_endpoint_that_disappears_fails_its_objectives() -> None:
    gone = result(25, gone="no request was answered for 5.0 s", failures=(Counterexample("refused"),))
    assert judge_load(gone, LATENCY, CHECK).status is Status.FAIL
    assert judge_load(gone, LATENCY, CHECK).counterexamples
    assert judge_kept_up(gone).status is Status.INCONCLUSIVE


def test_a_sixth_of_the_run_without_requests_decides_nothing() -> None:
    counts = count_blocks((*([0] * 10), *([50] * 50)), (0,) * TIME_BLOCKS)
    assert judge_load(result(0, blocks={"latency": counts}), LATENCY, CHECK).status is Status.INCONCLUSIVE


def test_a_false_success_is_a_contract_failure_even_if_the_client_was_the_limit() -> None:
    broken = result(0, broken=(Counterexample("no JSON"),), broken_count=1, client_bound=("late",))
    assert judge_errors(broken).status is Status.FAIL
    assert judge_errors(result(0)).status is Status.PASS
    assert judge_errors(result(0, failed=3000)).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("generator", "stall", "word"),
    [
        (replace(KEPT_UP, lag_p99=0.05), 0.0, "late"),
        (replace(KEPT_UP, cpu=0.95), 0.0, "core"),
        (replace(KEPT_UP, achieved_rate=90), 0.0, "were sent"),
        (KEPT_UP, 0.5, "stood still"),
    ],
)
def test_every_bound_of_the_client_is_noticed(generator: Generator, stall: float, word: str) -> None:
    whole = result(0, generator=generator, stall=stall)
    (reason,) = (*find_client_limits(whole), *find_delays(whole, (0.1, 0.3)))
    assert word in reason


def test_the_bound_on_late_sends_grows_with_the_smallest_limit() -> None:
    late = result(0, generator=replace(KEPT_UP, lag_p99=0.05))
    assert find_delays(late, ())
    assert not find_delays(late, (1.0, 0.6))


def test_a_half_written_result_says_nothing_of_the_generator() -> None:
    assert judge_kept_up(result(0, finished=False)).status is Status.ERROR


def test_no_success_at_all_is_no_pass() -> None:
    nothing = result(50, failed=3000, errors={"http_status": 3000})
    assert judge_errors(nothing).status is Status.INCONCLUSIVE


def test_a_repeated_input_excludes_no_rate() -> None:
    verdict = judge_errors(result(0))
    assert verdict.status is Status.PASS
    assert verdict.excluded_rate is None


@pytest.mark.parametrize(
    ("over", "least", "cpu", "status"),
    [
        (0, 0, 0.1, Status.PASS),
        (50, 50, 0.1, Status.FAIL),
        (50, 50, 0.95, Status.INCONCLUSIVE),
        (50, 0, 0.1, Status.INCONCLUSIVE),
    ],
    ids=["harmless", "of the service", "no processor time", "of the generator"],
)
@pytest.mark.parametrize("metric", ["latency", "ttft", "inter_token"])
def test_delays_of_the_generator_decide_only_where_the_verdict_depends_on_them(
    metric: str, over: int, least: int, cpu: float, status: Status
) -> None:
    objective = replace(LATENCY, metric=metric)
    blocks = {
        metric: count_blocks((50,) * TIME_BLOCKS, (over,) * TIME_BLOCKS),
        name_least(metric): count_blocks((50,) * TIME_BLOCKS, (least,) * TIME_BLOCKS),
    }
    bound = ("requests were sent late",) if cpu > 0.9 else ()
    generator = replace(KEPT_UP, cpu=cpu)
    delayed = result(0, generator=generator, client_bound=bound, late=("requests were sent late",), blocks=blocks)
    verdict = judge_load(delayed, objective, CHECK)
    assert verdict.status is status
    assert "requests were sent late" in (verdict.reason if status is Status.INCONCLUSIVE else verdict.notes[-1])
    kept_up = judge_kept_up(delayed, [objective])
    assert kept_up.status is (Status.INCONCLUSIVE if status is Status.INCONCLUSIVE else Status.PASS)
    assert status is Status.INCONCLUSIVE or any("no verdict depends on it" in note for note in kept_up.notes)


def test_a_service_that_keeps_every_slot_fails_though_the_rate_was_not_reached() -> None:
    full = result(50, waited=900, client_bound=("90 of 100 requests/s were sent",))
    assert judge_load(full, LATENCY, CHECK).status is Status.FAIL
    own = count_blocks((50,) * TIME_BLOCKS, (0,) * TIME_BLOCKS)
    full = replace(full, blocks={**full.blocks, "latency_least": own})
    assert judge_load(full, LATENCY, CHECK).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(("late", "status"), [(0, Status.PASS), (3, Status.INCONCLUSIVE)])
def test_successes_that_were_held_up_for_long_may_have_been_failures(late: int, status: Status) -> None:
    most = count_blocks((50,) * TIME_BLOCKS, (1 + late,) * TIME_BLOCKS)
    whole = result(1, late=("the loop stood still",))
    assert judge_load(replace(whole, blocks={**whole.blocks, MOST_FAILED: most}), ERRORS, CHECK).status is status


def test_pieces_that_came_in_a_standstill_pass_no_gap() -> None:
    objective, counts = replace(LATENCY, metric="inter_token"), count_blocks((50,) * TIME_BLOCKS, (0,) * TIME_BLOCKS)
    blocks = {"inter_token": counts, "inter_token_least": counts}
    whole = result(0, late=("the loop stood still",), stall=0.6, blocks=blocks)
    assert judge_load(whole, objective, CHECK).status is Status.INCONCLUSIVE
    assert judge_load(replace(whole, stall=0.1), objective, CHECK).status is Status.PASS


@pytest.mark.parametrize(("lag", "status"), [(0.03, Status.PASS), (3.0, Status.INCONCLUSIVE)])
def test_without_an_objective_only_long_delays_make_it_another_load(lag: float, status: Status) -> None:
    whole = result(0, generator=replace(KEPT_UP, lag_p99=lag), late=("requests were sent late",))
    assert judge_kept_up(whole, ()).status is status


@pytest.mark.parametrize(("over", "status"), [(50, Status.FAIL), (0, Status.ERROR)])
def test_a_load_that_overran_is_judged_by_what_it_counted(over: int, status: Status) -> None:
    stopped = result(over, overran=True, finished=False, problem="the load generator died: it did not end")
    for objective in (LATENCY, ERRORS):
        assert judge_load(stopped, objective, CHECK).status is status
        assert judge_load(replace(stopped, overran=False), objective, CHECK).status is Status.ERROR


@pytest.mark.parametrize(
    ("failed", "objectives", "status"),
    [
        (0, (), Status.PASS),
        (30, (), Status.PASS),
        (45, (), Status.INCONCLUSIVE),
        (1050, (), Status.INCONCLUSIVE),
        (3000, (), Status.INCONCLUSIVE),
        (1050, (ERRORS,), Status.PASS),
        (1050, (LATENCY,), Status.PASS),
        (1050, (replace(LATENCY, metric="inter_token"),), Status.INCONCLUSIVE),
    ],
)
def test_failures_that_no_objective_judges_are_not_green(
    failed: int, objectives: tuple[Objective, ...], status: Status
) -> None:
    verdict = judge_failures(result(0, failed=failed), objectives)
    assert verdict.status is status
    assert f"{failed} of 3000 requests failed" in verdict.reason
    assert ("error_rate" in verdict.reason) is (status is Status.INCONCLUSIVE or ERRORS in objectives)


@pytest.mark.parametrize(("over", "status"), [(1, Status.FAIL), (18, Status.FAIL)])
def test_failures_all_over_the_load_fail_it_without_any_objective(over: int, status: Status) -> None:
    verdict = judge_failures(result(over, failed=60 * over, failures=(Counterexample("500"),)), ())
    assert verdict.status is status
    assert f"{60 * over} of 3000 requests failed: without an objective at most 1 % of the requests" in verdict.reason
    assert verdict.counterexamples
    assert judge_failures(result(over, failed=60 * over), (ERRORS,)).status is Status.PASS


def test_one_episode_of_failures_is_left_open() -> None:
    counts = count_blocks((50,) * TIME_BLOCKS, (50, 50, *(0,) * 58))
    verdict = judge_failures(result(0, failed=100, blocks={"error_rate": counts}), ())
    assert verdict.status is Status.INCONCLUSIVE
    assert "episodes" in verdict.reason


def test_an_endpoint_that_disappears_fails_without_any_objective() -> None:
    gone = result(25, gone="no request was answered for 5.0 s", failures=(Counterexample("refused"),))
    assert judge_failures(gone, ()).status is Status.FAIL
    assert judge_failures(result(0, finished=False), ()).status is Status.ERROR
    assert judge_failures(result(0, completed=0), ()).status is Status.INCONCLUSIVE


def test_dependence_far_below_the_limit_does_not_count() -> None:
    """The slower half of the answers comes in two phases: that matters where they are near the limit of 100 ms."""
    phases = (*([50] * 15), *([0] * 15)) * 2
    counts = replace(count_blocks((50,) * TIME_BLOCKS, (0,) * TIME_BLOCKS), over_quantiles=(phases,))
    for milliseconds, status in ((50, Status.INCONCLUSIVE), (10, Status.PASS)):
        values = Histogram()
        values.add([milliseconds / 1e3] * 3000)
        whole = result(0, blocks={"latency": counts}, histograms={"latency": values.to_sparse()})
        assert judge_load(whole, LATENCY, CHECK).status is status


def test_errors_of_the_warm_up_are_told() -> None:
    verdict = judge_load(result(0, errors={"http_status": 12}), ERRORS, CHECK)
    assert verdict.status is Status.PASS
    assert any("12 requests failed in the warm-up" in note for note in verdict.notes)


CACHE = "without load a new request took at least 110 ms, and a repeated one at most 1 ms"


@pytest.mark.parametrize(
    ("objective", "over", "repeated", "cache", "status"),
    [
        (LATENCY, 0, 3000, CACHE, Status.INCONCLUSIVE),
        (LATENCY, 0, 300, CACHE, Status.PASS),
        (LATENCY, 0, 3000, "", Status.PASS),
        (LATENCY, 25, 3000, CACHE, Status.FAIL),
        (ERRORS, 0, 3000, CACHE, Status.PASS),
    ],
    ids=["repeats", "few repeats", "no cache", "too slow all the same", "errors"],
)
def test_a_cache_decides_no_time(objective: Objective, over: int, repeated: int, cache: str, status: Status) -> None:
    verdict = judge_load(result(over, repeated=repeated, cache=cache), objective, CHECK)
    assert verdict.status is status
    assert verdict.reason.startswith("a cache answers repeats") == (status is Status.INCONCLUSIVE)


def test_a_stress_is_judged_by_what_came_after_its_recovery() -> None:
    """Requests that fail at the peak are no stray failures; those that fail afterwards are."""
    recovered = result(0, shape="stress", failed=2000, schedule="5 requests/s for 6 s")
    assert judge_failures(recovered, ()).status is Status.PASS
    assert judge_failures(result(10, shape="stress", failed=600), ()).status is Status.FAIL
    assert judge_failures(replace(recovered, shape="spike"), ()).status is Status.INCONCLUSIVE
    verdict = judge_load(recovered, LATENCY, CHECK)
    assert verdict.status is Status.PASS
    assert "in which the service must have recovered" in "; ".join(verdict.notes)


def test_a_verdict_on_a_changing_rate_says_so_and_counts_each_phase() -> None:
    counts = count_blocks((50,) * TIME_BLOCKS, (0,) * 24 + (10,) * 12 + (0,) * 24)
    phases = (("before the peak", 0, 24), ("peak", 24, 36), ("after the peak", 36, 60))
    verdict = judge_load(result(0, shape="spike", phases=phases, blocks={"latency": counts}), LATENCY, CHECK)
    notes = "; ".join(verdict.notes)
    assert "on no rate by itself" in notes
    assert "before the peak 0 of 1200, peak 120 of 600, after the peak 0 of 1200" in notes
    assert verdict.status is Status.INCONCLUSIVE, "one episode"
