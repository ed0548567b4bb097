"""A part of a run says how far it is, and no more than is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.progress import Part


@pytest.mark.parametrize(
    ("part", "now", "line"),
    [
        (Part("x", 100.0), 107.0, "x: 7 s so far"),
        (Part("x", 100.0, 40), 107.0, "x: 7 s so far"),
        (Part("x", 100.0, 40, done=4), 107.0, "x: 4 of at most 40 requests, 7 s so far"),
        (
            Part("x", 100.0, 40, done=10),
            110.0,
            "x: 10 of at most 40 requests, 10 s so far, at most 30 s left at this rate",
        ),
        (
            Part("x", 100.0, 40, "rows", False, done=10),
            700.0,
            "x: 10 of 40 rows, 10 min so far, about 30 min left at this rate",
        ),
        (Part("x", 100.0, 40, done=40), 110.0, "x: 40 of at most 40 requests, 10 s so far"),
        (Part("x", 100.0, 40, done=41), 110.0, "x: 41 requests, 10 s so far"),
        (Part("x", 100.0, done=1200), 7400.0, "x: 1,200 requests, 2.0 h so far"),
        (Part("x", 100.0, 99, seconds=60.0), 110.0, "x: 10 s of at most 60 s"),
        (Part("x", 100.0, 99, done=33, seconds=60.0), 110.0, "x: 33 requests, 10 s of at most 60 s"),
        (Part("x", 100.0, 99, at_most=False, seconds=60.0), 110.0, "x: 10 s of 60 s planned, about 50 s left"),
        (Part("x", 100.0, seconds=60.0), 170.0, "x: 70 s of 60 s planned, it should end soon"),
        (Part("x", 100.0, deadline=30.0), 107.0, "x: 7 s so far, no answer for 7 s (one may take 30 s)"),
        (Part("x", 100.0, 9, deadline=30.0, done=2, answered=106.0), 107.0, "x: 2 of at most 9 requests, 7 s so far"),
        (
            Part("x", 100.0, deadline=30.0, done=2, answered=110.0),
            121.5,
            "x: 2 requests, 22 s so far, no answer for 12 s (one may take 30 s)",
        ),
        (Part("x", 100.0, remark=lambda: "3 failed"), 107.0, "x: 7 s so far, 3 failed"),
    ],
)
def test_a_part_says_how_far_it_is(part: Part, now: float, line: str) -> None:
    assert part.describe(now) == line


def test_a_line_that_may_be_cut_has_the_remark_alone() -> None:
    part = Part("load/steady", 10.0, seconds=30.0, remark=lambda: "0 failed")
    assert part.describe_briefly(12.0) == "load/steady: 0 failed"
    assert replace(part, remark=str).describe_briefly(12.0).startswith("load/steady: 2 s of")
    assert (part.measure_left(12.0), part.measure_left(99.0)) == (28.0, 0.0)
