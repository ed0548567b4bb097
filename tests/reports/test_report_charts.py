"""What the charts draw, against independent arithmetic."""

from __future__ import annotations

import importlib
import math
import re
import xml.etree.ElementTree as ET
from types import ModuleType

import numpy as np
import pytest

from harness.core.report import Distribution, FaultRow, Report, Second
from harness.core.verdict import Status

SVG = {"width": 940.0}


def module(name: str) -> ModuleType:
    return importlib.import_module(f"harness.reports.{name}")


def test_quantiles_agree_with_the_samples() -> None:
    values = np.random.default_rng(3).lognormal(-1, 0.5, 50_000)
    bounds = np.geomspace(1e-3, 1e2, 1_200)
    counts = np.histogram(values, bounds)[0]
    found = module("_latency").cumulative(Distribution("latency", "s", tuple(bounds), tuple(map(int, counts))))
    assert found.n == 50_000
    for q in (0.1, 0.5, 0.9, 0.99, 0.999):
        exact = float(np.quantile(values, q, method="inverted_cdf"))
        assert exact <= found.quantile(q) <= exact * 1.011


@pytest.mark.parametrize("bounds", [(), (0.0, math.inf), (1.0, 1.0), (-2.0, -1.0)])
def test_what_cannot_be_drawn_is_not(bounds: tuple[float, ...]) -> None:
    counts = (3,) if bounds and bounds != (1.0, 1.0) else (0,)
    assert module("_latency").cumulative(Distribution("m", "s", bounds, counts)) is None


def test_the_spectrum_hatches_where_fewer_than_ten_lie_beyond() -> None:
    latency = module("_latency")
    data = latency.cumulative(Distribution("m", "s", (0.1, 0.2, 0.4), (900, 100)))
    box = ET.fromstring(str(latency.spectrum(data))).find("rect[@class='blind']")
    assert box is not None
    decades = 3.0  # n = 1000; ten samples lie beyond p99, two decades in
    expected = latency.LEFT + (latency.RIGHT - latency.LEFT) * 2 / decades
    assert float(box.attrib["x"]) == pytest.approx(expected, abs=0.01)


def test_the_table_counts_samples_beyond() -> None:
    latency = module("_latency")
    data = latency.cumulative(Distribution("m", "s", (0.1, 0.2, 0.4), (900, 100)))
    rows = {name: (value, beyond) for name, value, beyond in latency.table(data)}
    assert rows["p50"] == ("≤ 200 ms", 500)
    assert rows["p95"] == ("≤ 400 ms", 50)
    assert rows["p99.9"] == ("≤ 400 ms", 1)
    assert rows["max"] == ("≤ 400 ms", 0)


def test_bins_keep_every_request_and_the_highest_tail() -> None:
    timeline = module("_timeline")
    rows = [Second(t, t % 7, t % 3, 0.1, 5.0 if t == 1234 else 0.2) for t in range(3_600) if t % 11]
    bins = timeline.bins(rows, 100)
    assert len(bins) <= 100
    assert sum(b.requests for b in bins) == sum(r.requests for r in rows)
    assert sum(b.errors for b in bins) == sum(r.errors for r in rows)
    assert [b.q99 for b in bins if b.t <= 1234 < b.t + b.width] == [5.0]
    assert [b.t for b in bins] == list(range(bins[0].t, bins[0].t + len(bins) * bins[0].width, bins[0].width))


def test_a_gap_is_drawn_as_a_gap() -> None:
    timeline = module("_timeline")
    rows = [Second(t, 10, 0, 0.1, 0.2) for t in (*range(10), *range(15, 25))]
    root = ET.fromstring(str(timeline.timeline(timeline.bins(rows), ())))
    lines = [p for p in root.iter("path") if p.get("class") == "line high"]
    assert len(lines) == 2


def test_faults_are_drawn_where_they_were_and_say_what_is_unproven() -> None:
    timeline = module("_timeline")
    rows = [Second(t, 10, 0, 0.1, 0.2) for t in range(100)]
    faults = (FaultRow("latency", "link", 25.0, 50.0, "counter"), FaultRow("kill", "b", 75.0, None, "none"))
    root = ET.fromstring(str(timeline.timeline(timeline.bins(rows), faults)))
    boxes = [r for r in root.iter("rect") if r.get("class") == "fault"]
    span = timeline.RIGHT - timeline.LEFT
    assert float(boxes[0].attrib["x"]) == pytest.approx(timeline.LEFT + span / 4, abs=0.01)
    assert float(boxes[0].attrib["width"]) == pytest.approx(span / 4, abs=0.01)
    assert float(boxes[1].attrib["width"]) == pytest.approx(span / 4, abs=0.01)
    said = " ".join(text.text or "" for text in root.iter("text"))
    assert "confirmed by counter" in said
    assert "not confirmed, not lifted" in said


def test_the_bar_puts_bounds_and_limits_on_one_scale() -> None:
    bars = module("_bars")
    shown = bars.Interval("x", 0.03, (0.02, 0.05), "", "error rate", Status.FAIL, "<=", 0.01, 0.02)
    root = ET.fromstring(str(bars.bar(shown)))
    lines = {line.get("class"): line.attrib for line in root.iter("line")}
    scale = bars.scale_of([shown])
    assert float(lines["limit"]["x1"]) == pytest.approx(scale(0.01), abs=0.01)
    assert float(lines["loosened"]["x1"]) == pytest.approx(float(lines["ci fail"]["x1"]), abs=0.01)
    assert float(lines["ci fail"]["x2"]) == pytest.approx(scale(0.05), abs=0.01)
    assert root.attrib["aria-label"] == ("x. estimate 3 %, bounds 2 % to 5 %, limit ≤ 1 %, with tolerance 2 %")


def test_the_good_side_follows_the_direction() -> None:
    bars = module("_bars")
    at_least = bars.Interval("x", 0.86, (0.84, None), "", "accuracy", Status.FAIL, ">=", 0.9, 0.88)
    good = ET.fromstring(str(bars.bar(at_least))).find("rect[@class='good']")
    assert good is not None
    assert float(good.attrib["x"]) == pytest.approx(bars.scale_of([at_least])(0.9), abs=0.01)


@pytest.mark.parametrize(("low", "high"), [(0.003, 0.8), (1.0, 1.0), (1e-9, 1e9), (0.1, 0.1000001)])
def test_logarithmic_ends_hold_the_figures_and_have_ticks(low: float, high: float) -> None:
    svg = module("_svg")
    scale = svg.log_scale(low, high, 0.0, 100.0)
    assert scale.low <= low * 1.0001
    assert scale.high >= high * 0.9999
    assert 1 <= len(svg.log_ticks(scale)) <= 9
    assert scale(scale.low) == 0.0
    assert scale(scale.high) == pytest.approx(100.0)


def test_ticks_are_round() -> None:
    svg = module("_svg")
    assert svg.ticks(0.0, 53.0, 5) == [0.0, 20.0, 40.0]
    assert svg.ticks(0.0, 0.19, 4) == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert svg.ticks(2.0, 2.0) == [2.0]


def test_charts_hold_only_finite_figures(sample: Report, hostile: Report) -> None:
    latency, timeline = module("_latency"), module("_timeline")
    for report in (sample, hostile):
        drawn = [str(timeline.timeline(timeline.bins(report.series), report.faults))]
        for found in filter(None, map(latency.cumulative, report.distributions)):
            drawn += [str(latency.cdf(found)), str(latency.spectrum(found))]
        for svg in drawn:
            root = ET.fromstring(svg)
            for element in root.iter():
                figures = " ".join(v for k, v in element.attrib.items() if k not in {"aria-label", "class"})
                assert not re.search(r"\b(nan|inf)\b", figures), figures[:200]
