"""Two sides of a load as contrasts: what is compared of what was counted."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from harness.core.comparison import Contrast
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.core.turns import make_turns
from harness.load.answer_reader import RawExchange
from harness.load.comparison import make_contrasts
from harness.load.counts import WorkerCounts
from harness.load.recorder import Recorder

ASKED = Request("POST", "/v1/chat/completions", (), b"{}", stream=True)
LOAD = LoadSettings(rate=50, duration=20, warm_up=2)
JOB = Job(Endpoint("http://127.0.0.1:1", "openai_chat"), (ASKED,), LOAD, "", 0.0, {"latency": (2.0,)})


def count(factor: float = 1.0, fail_every: int = 0, tokens: int = 10, job: Job = JOB) -> WorkerCounts:
    """A thousand streamed answers that take `factor` times as long as the plain ones."""
    draw, recorder = random.Random(5), Recorder(job)
    recorder.begin(1.0)
    for k in range(1000):
        scheduled = k / 50
        due = 1.0 + (scheduled if job.turns is None else job.turns.find_time(scheduled))
        first = factor * draw.lognormvariate(-3, 0.3)
        gap = factor * draw.lognormvariate(-5, 0.2)
        stamps = tuple(due + first + i * gap for i in range(tokens))
        failed = bool(fail_every) and k % fail_every == 0
        timing = Timing(due, due, stamps[0], stamps, stamps[-1])
        exchange = Exchange(
            ASKED, timing, Response(200), answer=Answer("words", usage=Usage(40, tokens)),
            error=ErrorClass.STATUS if failed else None, detail="500" if failed else "",
        )  # fmt: skip
        recorder.counts.sent += 1
        recorder.add(exchange, RawExchange(due, awake=due))
    recorder.counts.finished = True
    return recorder.flush()


def find(contrasts: tuple[Contrast, ...], label: str) -> Contrast:
    return next(contrast for contrast in contrasts if contrast.label == label)


def test_every_metric_that_both_have_is_compared() -> None:
    contrasts = make_contrasts(count(1.25), count(), 15, has_limits=True)
    labels = [contrast.label for contrast in contrasts]
    times = ["latency", "time to first token", "gap between chunks", "time per output token"]
    expected = [f"{time} {q}" for time in times for q in ("p50", "p90")]
    assert set(expected) <= set(labels)
    assert {"error rate", "broken limits", "generated", "one answer's speed"} <= set(labels)
    assert "latency p99" not in labels, "9 of 900 requests lie beyond it"
    assert "gap between chunks p99" in labels
    for label in expected:
        contrast = find(contrasts, label)
        assert contrast.worse == pytest.approx(math.log(1.25), abs=0.02)
        assert len(contrast.left_out) == 15
        assert contrast.unit == "s"
    assert find(contrasts, "one answer's speed").worse == pytest.approx(math.log(1.25), abs=0.03), "slower is worse"
    assert find(contrasts, "generated").worse == pytest.approx(0.0)


def test_shares_are_counted_by_pair() -> None:
    contrasts = make_contrasts(count(fail_every=10), count(), 15, has_limits=False)
    errors = find(contrasts, "error rate")
    assert len(errors.counts) == 15
    assert [sum(column) for column in zip(*errors.counts, strict=True)] == [900, 90, 900, 0]
    assert (errors.candidate, errors.baseline) == (0.1, 0.0)
    assert not [contrast for contrast in contrasts if contrast.label == "broken limits"]


def test_a_quantile_among_failures_has_no_value() -> None:
    contrasts = make_contrasts(count(fail_every=5), count(), 15, has_limits=False)
    assert find(contrasts, "latency p90").candidate is None
    assert find(contrasts, "latency p90").worse is None
    assert find(contrasts, "latency p50").worse is not None


def test_answers_count_where_their_request_was_due_in_the_schedule() -> None:
    """With turns the run takes twice as long; blocks, rates and the warm-up are those of the schedule."""
    turns = make_turns(LOAD, 3)
    plain = count()
    for side in (turns, turns.swap()):
        ours = count(job=replace(JOB, turns=side))
        assert ours.requests == plain.requests
        assert ours.block_tokens == plain.block_tokens
        assert ours.blocks["latency"].total() == plain.blocks["latency"].total()
        assert 1 + 19.5 < ours.last_success <= 1 + 20
