"""Objectives: bounds that could never be broken, or never be judged, are refused before the first request."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.objective import PROFILES, Profile
from harness.core.objective_parser import parse_limit, parse_metric, parse_objective

RELEASE, STRICT = PROFILES["release"], PROFILES["strict"]


@pytest.mark.parametrize(
    "limit", ["<= 1.2.3s", "<= .", "<= 1..2", "<= 1e999s", "<= 1e", "<= e5", "<= nan", "<= inf", "<= ٣s", "<=1s<=2s"]
)
def test_numbers_that_are_none(limit: str) -> None:
    with pytest.raises(UsageError, match="limit"):
        parse_limit(limit)


@pytest.mark.parametrize(
    ("limit", "value"), [("<= .5s", 0.5), ("<= 5.s", 5.0), ("<= 1e-2s", 0.01), ("<=800us", 0.0008), (" < 2 s ", 2.0)]
)
def test_numbers_as_people_write_them(limit: str, value: float) -> None:
    assert parse_limit(limit)[1] == pytest.approx(value)


@given(st.text("<>=.0123456789eE+-ms%us naif", max_size=12))
def test_a_limit_is_finite_or_refused(limit: str) -> None:
    with contextlib.suppress(UsageError):
        direction, value, unit = parse_limit(limit)
        assert math.isfinite(value)
        assert value >= 0
        assert direction in ("<=", ">=")
        assert unit in ("s", "")


@pytest.mark.parametrize("margin", [math.nan, math.inf, -math.inf, 0.0, 0.999])
def test_margins_that_are_no_factor(margin: float) -> None:
    with pytest.raises(UsageError, match="margin"):
        parse_objective("smoke", "latency", "<= 1s", RELEASE, margin=margin)


@pytest.mark.parametrize("confidence", [math.nan, math.inf, 0.0, 0.49, 1.0, 1.5])
def test_confidences_that_are_none(confidence: float) -> None:
    with pytest.raises(UsageError, match="confidence"):
        parse_objective("smoke", "latency", "<= 1s", RELEASE, confidence=confidence)


@pytest.mark.parametrize(
    ("metric", "limit", "profile", "margin"),
    [
        ("latency p50", "<= 1s", RELEASE, None),
        ("latency p40", "<= 1s", RELEASE, None),
        ("error_rate", "<= 50%", RELEASE, None),
        ("latency p99", "<= 1s", RELEASE, 100.0),
    ],
)
def test_a_tolerance_that_lets_every_request_through_is_refused(
    metric: str, limit: str, profile: Profile, margin: float | None
) -> None:
    """Twice a budget of 50 % is 100 %: a PASS would refute nothing (a p50 broken by 90 % of requests passed so)."""
    with pytest.raises(UsageError, match=r"every request break the limit\. Give a margin from 1 to under"):
        parse_objective("smoke", metric, limit, profile, margin=margin)


def test_a_median_can_be_judged_with_a_tolerance_of_its_own() -> None:
    assert parse_objective("smoke", "latency p50", "<= 1s", RELEASE, margin=1.5).loosened == 0.75
    assert parse_objective("smoke", "latency p50", "<= 1s", STRICT).loosened == 0.5


@given(
    st.floats(0.01, 99.9), st.floats(1, 1e6), st.floats(0.5, 1, exclude_max=True), st.sampled_from(["latency", "ttft"])
)
def test_every_accepted_objective_has_something_to_refute(
    percentile: float, margin: float, confidence: float, kind: str
) -> None:
    with contextlib.suppress(UsageError):
        objective = parse_objective(
            "smoke", f"{kind} p{percentile:.1f}", "<= 1s", RELEASE, margin=margin, confidence=confidence
        )
        assert 0 < objective.budget <= objective.loosened < 1
        assert 0 < objective.alpha <= 0.5


def test_a_name_without_plain_letters_still_gives_an_id() -> None:
    named = parse_objective("smoke", "latency", "<= 1s", RELEASE, name="скорость")
    assert named.slug == "latency-p99"
    assert parse_objective("smoke", "latency", "<= 1s", RELEASE, name="a b/c").slug == "a-b-c"
    assert parse_objective("smoke", "latency p99.9", "<= 1s", RELEASE).slug == "latency-p99.9"


@pytest.mark.parametrize(
    ("given_limit", "read"),
    [
        ("<= 800ms", ("<=", 0.8, "s")),
        ("<2s", ("<=", 2.0, "s")),
        (">= 0.9", (">=", 0.9, "")),
        ("<= 1%", ("<=", 0.01, "")),
    ],
)
def test_limits(given_limit: str, read: tuple[str, float, str]) -> None:
    assert parse_limit(given_limit) == pytest.approx(read)


@pytest.mark.parametrize("given_limit", ["800ms", "<= 800 parsecs", "<= ", "== 3", "<= -1", "<= 1,5s"])
def test_wrong_limits(given_limit: str) -> None:
    with pytest.raises(UsageError, match="limit"):
        parse_limit(given_limit)


def test_metrics() -> None:
    assert parse_metric("ttft p99") == ("ttft", 0.99)
    assert parse_metric("latency p99.9")[1] == pytest.approx(0.999)
    assert parse_metric("error_rate") == ("error_rate", None)
    for wrong in ("", "latency p0", "latency 99", "Latency p9"):
        with pytest.raises(UsageError):
            parse_metric(wrong)


def test_objectives_by_profile() -> None:
    pr = parse_objective("smoke", "latency", "<= 1s", PROFILES["pr"])
    assert (pr.budget, pr.loosened, pr.cap, pr.slug) == (0.05, 0.1, 500, "latency-p95")
    strict = parse_objective("smoke", "ttft p99", "<= 1s", PROFILES["strict"])
    assert (strict.budget, strict.loosened) == (0.01, 0.01)
    rate = parse_objective("smoke", "error_rate", "<= 1%", PROFILES["release"], margin=3, name="few errors")
    assert (rate.budget, rate.loosened, rate.slug) == (0.01, 0.03, "few-errors")
    assert pr.text == "latency p95 <= 1 s"


@pytest.mark.parametrize(
    ("metric", "limit", "more"),
    [
        ("latency", ">= 1s", {}),
        ("latency", "<= 1", {}),
        ("latency", "<= 0s", {}),
        ("error_rate", "<= 1s", {}),
        ("error_rate p9", "<= 1%", {}),
        ("error_rate", "<= 100%", {}),
        ("accuracy", ">= 0.9", {}),
        ("latency", "<= 1s", {"level": "urgent"}),
        ("latency", "<= 1s", {"confidence": 1.0}),
        ("latency", "<= 1s", {"confidence": 0.2}),
        ("latency", "<= 1s", {"margin": 0.5}),
    ],
)
def test_objectives_that_cannot_be_judged(metric: str, limit: str, more: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        parse_objective("smoke", metric, limit, PROFILES["pr"], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [">= 40", ">=40/s", "> 40 /s"])
def test_a_rate_per_second_is_bounded_from_below(limit: str) -> None:
    objective = parse_objective("load", "request_rate", limit, RELEASE)
    assert (objective.limit, objective.unit, objective.is_rate, objective.is_sampled) == (40, "requests/s", True, False)
    assert objective.text == "request_rate >= 40/s"
    assert parse_objective("load", "request_rate", objective.text.removeprefix("request_rate "), RELEASE) == objective


@pytest.mark.parametrize("limit", ["<= 40", ">= 40%", ">= 40ms", ">= 0", "<= 40/s"])
def test_a_rate_per_second_refuses_other_bounds(limit: str) -> None:
    with pytest.raises(UsageError, match="row_rate takes a lower bound in rows/s, like '>= 40' or '>= 40/s'"):
        parse_objective("load", "row_rate", limit, RELEASE)


def test_what_a_rate_per_second_does_not_take() -> None:
    with pytest.raises(UsageError, match="takes no percentile"):
        parse_objective("load", "token_rate p95", ">= 40", RELEASE)
    with pytest.raises(UsageError, match="takes no margin"):
        parse_objective("load", "token_rate", ">= 40", RELEASE, margin=0.1)
    with pytest.raises(UsageError, match="takes no slice"):
        parse_objective("load", "token_rate", ">= 40", RELEASE, slice="x")
    with pytest.raises(UsageError, match="accuracy takes a lower bound between 0 and 1"):
        parse_objective("validation", "accuracy", ">= 0.9/s", RELEASE)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("requests_per_second", "request_rate"),
        ("output_tokens_per_second", "token_rate"),
        ("rows_per_second", "row_rate"),
    ],
)
def test_a_rate_under_another_name_is_recognised(name: str, metric: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean '{metric}'"):
        parse_objective("load", name, ">= 40", RELEASE)
