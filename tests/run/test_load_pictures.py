"""Slices of time and buckets of latency add up to what `series.jsonl` holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.run.load_pictures import BUCKETS, MOST_SLICES, list_pictures
from harness.stats.histogram import Histogram


def make_line(t: int, values: list[float], errors: int = 0, suite: str = "load") -> dict[str, Any]:
    histogram = Histogram()
    histogram.add(values)
    hist = {"latency": histogram.to_sparse()} if values else {}
    return {"t": t, "suite": suite, "requests": len(values) + errors, "errors": errors, "hist": hist}


@pytest.mark.parametrize("seconds", [1, 59, 61, 1000])
def test_every_request_is_in_one_slice_and_every_answer_in_one_bucket(seconds: int) -> None:
    random = np.random.default_rng(4)
    lines = [make_line(7 + t, random.lognormal(-2, 1, 5).tolist(), t % 2) for t in range(seconds)]
    (picture,) = list_pictures(lines)
    assert len(picture.slices) <= MOST_SLICES
    assert len(picture.bounds) <= BUCKETS + 1
    assert sum(part.requests for part in picture.slices) == sum(line["requests"] for line in lines)
    assert sum(part.errors for part in picture.slices) == sum(line["errors"] for line in lines)
    assert sum(map(sum, (part.counts for part in picture.slices))) == 5 * seconds
    assert picture.slices[0].t == 7
    assert picture.slices[-1].t + picture.slices[-1].seconds >= 7 + seconds


def test_buckets_hold_what_lies_between_their_bounds() -> None:
    values = [0.01, 0.02, 0.05, 0.1, 0.3, 1.0]
    (picture,) = list_pictures([make_line(0, values)])
    counts = np.histogram(values, np.array(picture.bounds) * 1.0001)[0]
    assert abs(np.cumsum(counts) - np.cumsum(picture.slices[0].counts)).max() <= 1  # a value at an edge
    assert picture.slices[0].p50 == pytest.approx(0.05, rel=0.02)


def test_a_second_without_an_answer_has_no_time() -> None:
    (picture,) = list_pictures([make_line(0, [0.1]), make_line(2, [], errors=3), make_line(3, [0.1])])
    assert [(part.requests, part.errors, part.p50 is None) for part in picture.slices] == [
        (1, 0, False), (0, 0, True), (3, 3, True), (1, 0, False),
    ]  # fmt: skip


def test_single_requests_and_loads_without_an_answer_have_no_picture() -> None:
    assert list_pictures([make_line(0, [0.1], suite="")]) == ()
    assert list_pictures([make_line(0, [], errors=4)]) == ()
    assert [picture.suite for picture in list_pictures([make_line(0, [0.1]), make_line(1, [0.1], suite="soak")])] == [
        "load", "soak",
    ]  # fmt: skip
