"""The figures that people read of a load, from exchanges whose times are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.load import Job, LoadResult
from harness.core.load_settings import LoadSettings
from harness.core.metric import LOAD_TIMES
from harness.core.report import Figure
from harness.load.answer_reader import RawExchange
from harness.load.counts import decode_counts, encode_counts, sum_counts
from harness.load.load_result import make_load_result
from harness.load.recorder import Recorder

ASKED = Request("POST", "/v1/chat/completions", (), b"{}", stream=True)
LOAD = LoadSettings(rate=10, duration=12, warm_up=2)
JOB = Job(Endpoint("http://127.0.0.1:1", "openai_chat"), (ASKED,), LOAD, "", 0.0)
STATED = Answer(text="a b c", usage=Usage(completion_tokens=30))


def make_success(at: float, *tokens: float, answer: Answer = STATED) -> Exchange:
    """A streamed success: sent 10 ms after it was due, with chunks these seconds after that moment."""
    stamps = tuple(at + token for token in tokens)
    timing = Timing(at, at + 0.01, stamps[0], stamps, stamps[-1], stamps[0])
    return Exchange(ASKED, timing, Response(200), answer)


def make_failure(at: float) -> Exchange:
    return Exchange(ASKED, Timing(at, at, at, (), at + 0.01), Response(500), error=ErrorClass.STATUS, detail="500")


def measure(exchanges: list[Exchange], job: Job = JOB, processes: int = 1) -> LoadResult:
    """The result of these exchanges, the i-th of which process i mod `processes` has counted."""
    parts = []
    for i in range(processes):
        recorder = Recorder(job)
        recorder.begin(0.0)
        for exchange in exchanges[i::processes]:
            recorder.counts.sent += 1
            recorder.add(exchange, RawExchange(exchange.timing.sent or 0.0))
        parts.append(decode_counts(encode_counts(recorder.flush())))
    return make_load_result(job, sum_counts(parts), 0.0, finished=True)


def figures_of(result: LoadResult) -> dict[str, Figure]:
    return {figure.metric: figure for figure in result.figures}


def test_percentiles_and_rates_are_those_of_the_answers_after_the_warm_up() -> None:
    """100 of 120 requests are due in the ten judged seconds; the slow ones of the warm-up are not seen."""
    exchanges = [make_success(k / 10, 9.0, 9.5) for k in range(20)]
    exchanges += [make_success(k / 10, 0.2, 0.25, 0.4) for k in range(20, 115)]
    exchanges += [make_success(k / 10, 0.5, 0.55, 0.9) for k in range(115, 120)]
    figures = figures_of(measure(exchanges))
    assert figures["latency"].p50 == pytest.approx(0.4, rel=0.01)
    assert figures["latency"].p99 == pytest.approx(0.9, rel=0.01)
    assert figures["service"].p50 == pytest.approx(0.39, rel=0.01)
    assert figures["ttft"].p95 == pytest.approx(0.2, rel=0.01)
    assert figures["ttft"].p99 == pytest.approx(0.5, rel=0.01)
    assert figures["inter_token"].n == 200
    assert figures["inter_token"].p50 == pytest.approx(0.05, rel=0.01)
    # In the ten seconds 20 of the warm-up end, too, and the last five only after the schedule: 115 end within it.
    assert figures["request_rate"].value == pytest.approx(11.5, rel=1e-3)
    assert figures["token_rate"].value == pytest.approx(30 * 11.5, rel=1e-3)
    assert "row_rate" not in figures
    assert "no limit" in figures["goodput_rate"].title
    assert "goodput" not in figures


def test_a_percentile_among_failures_has_no_value_and_a_failure_no_share_in_the_rates() -> None:
    exchanges = [make_failure(k / 10) if k % 10 == 0 else make_success(k / 10, 0.2, 0.4) for k in range(120)]
    result = measure(exchanges)
    figures = figures_of(result)
    assert figures["latency"].p50 == pytest.approx(0.4, rel=0.01)
    assert figures["latency"].p95 is None
    assert figures["ttft"].p99 is None
    assert result.errors == {"http_status": 12}
    assert figures["request_rate"].value == pytest.approx(90 / 10, rel=1e-3)


def test_goodput_counts_requests_that_keep_every_limit_at_once() -> None:
    """Each kind breaks one limit; of several limits on a time the smallest counts, of the gaps the mean."""
    kinds = {
        "good": (0.2, 0.3, 0.4), "late_first": (0.6, 0.65, 0.7), "slow": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.2),
        "one_long_gap": (0.1, 0.11, 0.12, 0.45), "long_gaps": (0.1, 0.5, 0.9),
    }  # fmt: skip
    job = replace(JOB, limits={"latency": (1.0, 5.0), "ttft": (0.5,), "inter_token": (0.15,)})
    exchanges = [make_success(k / 10, *list(kinds.values())[k % 5]) for k in range(120)]
    figures = figures_of(measure(exchanges, job))
    assert figures["goodput"].value == pytest.approx(0.4)  # good, and the one with one long gap
    assert figures["goodput_rate"].value == pytest.approx(0.4 * 100 / 10.8, rel=0.02)
    assert "latency <= 1 s, ttft <= 0.5 s, inter_token <= 0.15 s" in figures["goodput"].definition


def test_nothing_is_good_where_everything_fails() -> None:
    job = replace(JOB, limits={"latency": (1.0,)})
    figures = figures_of(measure([make_failure(k / 10) for k in range(120)], job))
    assert figures["latency"].p50 is None
    assert [figures[name].value for name in ("request_rate", "goodput_rate", "goodput")] == [0.0, 0.0, 0.0]


def test_tokens_that_no_usage_states_are_counted_as_chunks_and_the_figure_says_so() -> None:
    exchanges = [make_success(k / 10, 0.2, 0.3, 0.4, answer=Answer(text="a b c")) for k in range(120)]
    figure = figures_of(measure(exchanges))["token_rate"]
    assert figure.value == pytest.approx(300 / 10, rel=1e-3)
    assert "chunks are counted" in figure.definition
    stated = figures_of(measure([make_success(k / 10, 0.2, 0.4) for k in range(120)]))["token_rate"]
    assert "chunks" not in stated.definition


def test_processes_add_up_to_the_figures_of_one() -> None:
    exchanges = [make_failure(k / 10) if k % 7 == 0 else make_success(k / 10, 0.1 + k / 500, 0.9) for k in range(120)]
    job = replace(JOB, limits={"ttft": (0.2,)})
    assert measure(exchanges, job, processes=3).figures == measure(exchanges, job).figures


def test_a_load_without_an_answer_has_no_figures() -> None:
    assert measure([]).figures == ()


def test_every_time_of_a_load_says_what_it_is() -> None:
    assert len({metric.title for metric in LOAD_TIMES}) == len(LOAD_TIMES)
    assert all(metric.unit == "s" and metric.definition for metric in LOAD_TIMES)
