"""Stop conditions: what they mean, what is refused, and that neither few requests nor old ones meet them."""

from __future__ import annotations

import pytest

from harness.core.errors import UsageError
from harness.core.experiment import Sample
from harness.core.stop_condition import StopWindow, explain_stop, parse_stop_condition

GOOD, BAD = Sample(0.0, 0.1, 0.0), Sample(0.0, None, 0.0, "closed")
SLOW, WRONG = Sample(0.0, 3.0, 0.0), Sample(0.0, 0.1, 0.0, None, "a wrong answer")


@pytest.mark.parametrize(
    ("text", "metric", "limit", "seconds", "quantile"),
    [
        ("error_rate > 50 % for 5s", "error_rate", 0.5, 5.0, None),
        ("error_rate>=0.5 for 500ms", "error_rate", 0.5, 0.5, None),
        ("latency p95 > 2s for 10 s", "latency", 2.0, 10.0, 0.95),
        ("latency > 800ms for 1m", "latency", 0.8, 60.0, 0.5),
        ("goodput < 20 % of baseline for 5s", "goodput", 0.2, 5.0, None),
    ],
)
def test_what_is_read(text: str, metric: str, limit: float, seconds: float, quantile: float | None) -> None:
    read = parse_stop_condition(text)
    assert (read.metric, read.limit, read.seconds, read.quantile) == (metric, limit, seconds, quantile)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write like"),
        ("error_rate > 50 %", "write like"),
        ("error_rate > 50 % for ever", "write like"),
        ("error_rate over 50 % for 5s", "write like"),
        ("error_rat > 50 % for 5s", "Did you mean 'error_rate'"),
        ("error_rate < 50 % for 5s", "stops an experiment with >"),
        ("goodput > 50 % for 5s", "stops an experiment with <"),
        ("error_rate > 2s for 5s", "compared with a share"),
        ("latency > 50 % for 5s", "compared with a time"),
        ("latency > 5 for 5s", "compared with a time"),
        ("error_rate p95 > 50 % for 5s", "takes no percentile"),
        ("error_rate > 150 % for 5s", "at most 100 %"),
        ("error_rate > 0 % for 5s", "over 0"),
        ("latency > 0s for 5s", "over 0"),
        ("latency > 1s for 0s", "over 0 and at most 3600 s"),
        ("latency > 1s for 1000m", "over 0 and at most 3600 s"),
        ("latency p100 > 1s for 5s", "cannot be read"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_stop_condition(text)


@pytest.mark.parametrize(
    ("text", "ended", "ages", "met"),
    [
        ("error_rate > 50 % for 5s", [GOOD, GOOD, BAD, BAD], [], False),
        ("error_rate > 50 % for 5s", [GOOD, BAD, WRONG], [], True),
        ("error_rate > 50 % for 5s", [BAD, BAD], [], False),
        ("error_rate > 50 % for 5s", [], [60.0] * 9, False),
        ("latency > 2s for 5s", [GOOD, GOOD, SLOW, SLOW], [], False),
        ("latency > 2s for 5s", [GOOD, SLOW, BAD], [], True),
        ("latency > 2s for 5s", [], [3.0, 4.0, 5.0], True),
        ("latency > 2s for 5s", [], [1.0] * 9, False),
        ("latency p75 > 2s for 5s", [GOOD, GOOD, GOOD, SLOW], [], False),
        ("latency p75 > 2s for 5s", [GOOD, GOOD, SLOW, SLOW], [], True),
        ("goodput < 20 % for 5s", [GOOD] * 10 + [BAD] * 40, [], False),
        ("goodput < 20 % for 5s", [GOOD] * 9 + [BAD] * 41, [], True),
        ("goodput < 20 % for 5s", [], [5.0] * 50, True),
    ],
)
def test_when_it_is_met(text: str, ended: list[Sample], ages: list[float], met: bool) -> None:
    reason = explain_stop(parse_stop_condition(text), StopWindow(ended, ages, normal=10.0))
    assert bool(reason) is met, reason
    assert not reason or reason.startswith(text)
