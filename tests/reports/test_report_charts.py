"""What the charts draw, against independent arithmetic."""

from __future__ import annotations

import importlib
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from harness.core.report import BaselineCounts, CheckRow, Distribution, FaultRow, Report, Second
from harness.core.verdict import Level, Slice, Status

SVG = {"width": 940.0}


def module(name: str) -> ModuleType:
    return importlib.import_module(f"harness.reports.{name}")


def list_points(path: str) -> list[tuple[float, float]]:
    """The points of a path `Mx ylDX DY DX DY…`."""
    figures = np.array(re.findall(r"-?[\d.]+", path), dtype=float).reshape(-1, 2)
    return [(float(x), float(y)) for x, y in figures.cumsum(axis=0)]


def test_quantiles_agree_with_the_samples() -> None:
    values = np.random.default_rng(3).lognormal(-1, 0.5, 50_000)
    bounds = np.geomspace(1e-3, 1e2, 1_200)
    counts = np.histogram(values, bounds)[0]
    cumulative = module("_latency").accumulate_counts(
        Distribution("latency", "s", tuple(bounds), tuple(map(int, counts)))
    )
    assert cumulative.n == 50_000
    for q in (0.1, 0.5, 0.9, 0.99, 0.999):
        exact = float(np.quantile(values, q, method="inverted_cdf"))
        assert exact <= cumulative.quantile(q) <= exact * 1.011


@pytest.mark.parametrize("bounds", [(), (0.0, math.inf), (1.0, 1.0), (-2.0, -1.0)])
def test_what_cannot_be_drawn_is_not(bounds: tuple[float, ...]) -> None:
    counts = (3,) if bounds and bounds != (1.0, 1.0) else (0,)
    assert module("_latency").accumulate_counts(Distribution("m", "s", bounds, counts)) is None


def test_the_spectrum_hatches_where_fewer_than_ten_lie_beyond() -> None:
    latency = module("_latency")
    data = latency.accumulate_counts(Distribution("m", "s", (0.1, 0.2, 0.4), (900, 100)))
    box = ET.fromstring(str(latency.draw_spectrum(data))).find("rect[@class='blind']")
    assert box is not None
    decades = 3.0  # n = 1000; ten samples lie beyond p99, two decades in
    expected = latency._LEFT + (latency._RIGHT - latency._LEFT) * 2 / decades
    assert float(box.attrib["x"]) == pytest.approx(expected, abs=0.01)


def test_the_table_counts_samples_beyond() -> None:
    latency = module("_latency")
    data = latency.accumulate_counts(Distribution("m", "s", (0.1, 0.2, 0.4), (900, 100)))
    rows = {name: (value, beyond) for name, value, beyond, _ in latency.list_percentiles(data)}
    assert rows["p50"] == ("≤ 200 ms", 500)
    assert rows["p95"] == ("≤ 400 ms", 50)
    assert rows["p99.9"] == ("≤ 400 ms", 1)
    assert rows["max"] == ("≤ 400 ms", 0)


def test_a_baseline_is_drawn_dashed_by_the_same_scales() -> None:
    latency = module("_latency")
    baseline = BaselineCounts("20260101T000000Z-ab", (0.05, 0.1, 0.2), (500, 1500))
    pair = Distribution("latency", "s", (0.1, 0.2, 0.4), (900, 100), baseline=baseline)
    data, alone = (
        latency.accumulate_counts(one)
        for one in (pair, replace(pair, bounds=baseline.bounds, counts=baseline.counts, baseline=None))
    )
    assert (data.baseline.run, data.baseline.n) == (baseline.run, 2000)
    for draw in (latency.draw_cdf, latency.draw_spectrum):
        root = ET.fromstring(str(draw(data)))
        ours, theirs = (
            list_points(next(p.get("d") or "" for p in root.iter("path") if p.get("class") == name))
            for name in ("line", "line other")
        )
        assert "baseline: p50 200 ms" in root.attrib["aria-label"]
        assert "baseline" not in str(draw(alone))
        assert all(latency._LEFT - 0.1 <= x <= latency._RIGHT + 0.1 for x, _ in theirs)
        assert ours != theirs
    shares = ET.fromstring(str(latency.draw_cdf(data)))
    x = latency._scale_values(data, latency._LEFT, latency._RIGHT)
    path = next(p.get("d") or "" for p in shares.iter("path") if p.get("class") == "line other")
    quarter = latency.BOTTOM - (latency.BOTTOM - latency._TOP) * 0.25
    assert list_points(path)[1] == pytest.approx((x(0.1), quarter), abs=0.11), "500 of 2,000 are at most 0.1 s"
    rows = {row[0]: (row[1], row[3]) for row in latency.list_percentiles(data)}
    assert rows["p50"] == ("≤ 200 ms", "≤ 200 ms")
    assert rows["max"] == ("≤ 400 ms", "≤ 200 ms")


def test_bins_keep_every_request_and_the_highest_tail() -> None:
    timeline = module("_timeline")
    rows = [Second(t, t % 7, t % 3, 0.1, 5.0 if t == 1234 else 0.2) for t in range(3_600) if t % 11]
    bins = timeline.fold_series(rows, 100)
    assert len(bins) <= 100
    assert sum(b.requests for b in bins) == sum(r.requests for r in rows)
    assert sum(b.errors for b in bins) == sum(r.errors for r in rows)
    assert [b.q99 for b in bins if b.t <= 1234 < b.t + b.width] == [5.0]
    assert [b.t for b in bins] == list(range(bins[0].t, bins[0].t + len(bins) * bins[0].width, bins[0].width))


def test_a_gap_is_drawn_as_a_gap() -> None:
    timeline = module("_timeline")
    rows = [Second(t, 10, 0, 0.1, 0.2) for t in (*range(10), *range(15, 25))]
    root = ET.fromstring(str(timeline.draw_timeline(timeline.fold_series(rows), ())))
    lines = [p for p in root.iter("path") if p.get("class") == "line high"]
    assert len(lines) == 2


def test_faults_are_drawn_where_they_were_and_say_what_is_unproven() -> None:
    timeline = module("_timeline")
    rows = [Second(t, 10, 0, 0.1, 0.2) for t in range(100)]
    faults = (FaultRow("latency", "link", 25.0, 50.0, "counter"), FaultRow("kill", "b", 75.0, None, "none"))
    root = ET.fromstring(str(timeline.draw_timeline(timeline.fold_series(rows), faults)))
    boxes = [r for r in root.iter("rect") if r.get("class") == "fault"]
    span = timeline._RIGHT - timeline._LEFT
    assert float(boxes[0].attrib["x"]) == pytest.approx(timeline._LEFT + span / 4, abs=0.01)
    assert float(boxes[0].attrib["width"]) == pytest.approx(span / 4, abs=0.01)
    assert len(boxes) == 6, "a band in each of three panels, and none over their names or over other faults"
    tops = [float(box.attrib["y"]) for box in boxes[:3]]
    assert tops == sorted(tops)
    assert min(tops) > max(float(text.attrib["y"]) for text in root.iter("text") if text.get("class") == "fault-label")
    assert float(boxes[3].attrib["width"]) == pytest.approx(span / 4, abs=0.01)
    captions = " ".join(text.text or "" for text in root.iter("tspan"))
    assert "confirmed by counter" in captions
    assert "NOT CONFIRMED: no sign that it took effect ; not lifted" in captions
    hatched = [r.attrib for r in root.iter("rect") if r.get("class") == "blind"]
    assert [box["x"] for box in hatched] == [boxes[3].attrib["x"]] * 3, "only what nothing confirms is hatched"


def test_a_bracket_runs_from_the_lift_to_the_recovery_or_in_red_to_the_end_of_the_watch() -> None:
    timeline = module("_timeline")
    rows = [Second(t, 10, 0, 0.1, 0.2) for t in range(100)]
    back = FaultRow("latency", "link a", 20.0, 30.0, "counter", 5, "slow", 45.0, {"lift": 30.0, "end": 50.0})
    gone = FaultRow("down", "link a", 60.0, 70.0, "counter", 5, "dead", None, {"lift": 70.0, "end": 90.0})
    seen = FaultRow("down", "link a", 60.0, 70.0, "none", 5, "none", 71.0, {"lift": 70.0, "end": 90.0})
    unwatched = FaultRow("down", "link a", 60.0, 70.0, "counter")
    root = ET.fromstring(str(timeline.draw_timeline(timeline.fold_series(rows), (back, gone, seen, unwatched))))
    drawn = [(p.get("class"), p.get("d") or "") for p in root.iter("path") if "bracket" in (p.get("class") or "")]
    pixel = (timeline._RIGHT - timeline._LEFT) / 100
    ends = [(cls, *map(float, re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", d)[0])) for cls, d in drawn]
    assert [cls for cls, *_ in ends] == ["bracket back", "bracket lost"]
    assert ends[0][1:] == pytest.approx((timeline._LEFT + 30 * pixel, timeline._LEFT + 45 * pixel), abs=0.1)
    assert ends[1][1:] == pytest.approx((timeline._LEFT + 70 * pixel, timeline._LEFT + 90 * pixel), abs=0.1)
    captions = ["".join(text.itertext()) for text in root.iter("text") if text.get("class") == "fault-label"]
    assert captions == [
        "slow: latency on link a, confirmed by counter; recovered in 15.0 s",
        "dead: down on link a, confirmed by counter; NOT recovered in 20.0 s",
        "none: down on link a, NOT CONFIRMED: no sign that it took effect",
        "down on link a, confirmed by counter",
    ]


def test_the_asked_rate_is_a_line_of_its_own() -> None:
    timeline = module("_timeline")
    rows = [Second(t, 10, 0, 0.1, 0.2, 20.0 if 10 <= t < 20 else None) for t in range(30)]
    root = ET.fromstring(str(timeline.draw_timeline(timeline.fold_series(rows), ())))
    (asked,) = [p.get("d") or "" for p in root.iter("path") if p.get("class") == "asked"]
    points = list_points(asked)
    width = (timeline._RIGHT - timeline._LEFT) / 30
    assert points[0][0] == pytest.approx(timeline._LEFT + 10 * width, abs=0.1)
    assert points[-1][0] == pytest.approx(timeline._LEFT + 20 * width, abs=0.1)
    sent = next(p.get("d") or "" for p in root.iter("path") if p.get("class") == "line")
    base, top = 110.0 / 21.6, list_points(sent)[0][1]
    assert top - points[0][1] == pytest.approx(10 * base, abs=0.1), "10/s apart on a scale up to 20/s and some air"


def test_fault_labels_stay_inside_the_chart() -> None:
    timeline = module("_timeline")
    rows = [Second(t, 10, 0, 0.1, 0.2) for t in range(100)]
    late = FaultRow("truncate_stream", "link gateway", 60.0, 62.0, "counter", 5, "a cut stream", 63.0)
    for fault, anchor in ((late, "end"), (replace(late, applied_at=1.0, lifted_at=2.0, recovered_at=3.0), None)):
        root = ET.fromstring(str(timeline.draw_timeline(timeline.fold_series(rows), (fault,))))
        (text,) = [text for text in root.iter("text") if text.get("class") == "fault-label"]
        assert text.get("text-anchor") == anchor


def test_the_curve_holds_every_point_its_band_and_the_limit(six: Report) -> None:
    curve = module("_curve")
    row = next(row for row in six.checks if row.suite == "adversarial")
    root = ET.fromstring(str(curve.draw_curve(row)))
    dots = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter("circle")]
    plot = curve._PLOT
    assert [x for x, _ in dots] == pytest.approx(
        [
            plot.left + (plot.right - plot.left) * math.log(n + 1) / math.log(201)
            for n in (0, 1, 2, 5, 10, 20, 50, 100, 200)
        ],
        abs=0.01,
    )
    heights = [plot.bottom - (plot.bottom - plot.top) * (part.estimate or 0) for part in row.slices]
    assert [y for _, y in dots] == pytest.approx(heights, abs=0.01)
    band = next(p.get("d") or "" for p in root.iter("path") if p.get("class") == "dkw")
    assert band.endswith("Z")
    assert len(list_points(band)) == 2 * len(row.slices)
    lines = {line.get("class"): float(line.attrib["y1"]) for line in root.iter("line")}
    assert lines["limit"] == pytest.approx(plot.bottom - (plot.bottom - plot.top) * 0.7, abs=0.01)
    assert lines["loosened"] == pytest.approx(plot.bottom - (plot.bottom - plot.top) * 0.6, abs=0.01)


@pytest.mark.parametrize(
    "slices",
    [
        (),
        ("after 5 rows",),
        ("digit 1", "after 5 rows"),
        ("after 5 rows", "after x rows"),
        ("after 1 rows: x", "after 2 rows"),
    ],
)
def test_other_slices_are_no_curve(slices: tuple[str, ...], six: Report) -> None:
    row = replace(six.checks[0], slices=tuple(Slice(name, 10, 0.5) for name in slices))
    assert module("_curve").draw_curve(row) == ""


def test_accuracy_over_distance_is_a_curve_of_its_own_beside_that_over_queries(six: Report) -> None:
    curve = module("_curve")
    steps = [(f"after {n} rows", 0.9 - n / 100) for n in (0, 10)]
    steps += [(f"within {n}", 0.9 - float(n)) for n in ("0", "0.1", "2e-1", "0.4")]
    slices = tuple(Slice(name, 50, share, (share - 0.1, share + 0.1)) for name, share in steps)
    row = replace(next(row for row in six.checks if row.suite == "adversarial"), slices=slices)
    rows, distance = (ET.fromstring(str(draw(row))) for draw in (curve.draw_curve, curve.draw_distances))
    assert len(list(rows.iter("circle"))) == 2
    plot = curve._PLOT
    places = [float(dot.attrib["cx"]) for dot in distance.iter("circle")]
    assert places == pytest.approx(
        [plot.left + (plot.right - plot.left) * part for part in (0, 0.25, 0.5, 1)], abs=0.01
    )
    assert "90 % within 0, 50 % within 0.4" in distance.attrib["aria-label"]
    assert curve.draw_distances(replace(row, slices=(*slices, Slice("digit 1", 10, 0.5)))) == ""


def test_the_cdf_is_hatched_from_where_fewer_than_ten_lie_beyond() -> None:
    latency = module("_latency")
    for counts, edge in (((900, 95, 5), 0.4), ((900, 70, 30), 0.8), ((5, 2, 2), None)):
        data = latency.accumulate_counts(Distribution("m", "s", (0.1, 0.2, 0.4, 0.8), counts))
        box = ET.fromstring(str(latency.draw_cdf(data))).find("rect[@class='blind']")
        assert box is not None
        scale = module("_svg").make_log_scale(0.1, 0.8, latency._LEFT, latency._RIGHT)
        expected = latency._LEFT if edge is None else scale(edge)
        assert float(box.attrib["x"]) == pytest.approx(expected, abs=0.01)


def test_two_limits_keep_their_labels_apart() -> None:
    latency = module("_latency")
    data = latency.accumulate_counts(Distribution("m", "s", (0.01, 0.1, 0.2, 1.0), (9, 9, 9), (0.3, 0.25, 0.28)))
    root = ET.fromstring(str(latency.draw_cdf(data)))
    labels = [(t.text, t.get("text-anchor")) for t in root.iter("text") if t.get("class") == "limit-label"]
    assert labels == [("limit 250 ms", "end"), ("limit 300 ms", None)]
    assert len([line for line in root.iter("line") if line.get("class") == "limit"]) == 3
    assert "limit 280 ms" in root.attrib["aria-label"]


def make_row(
    estimate: float, ci: tuple[float, float | None], direction: str, limit: float, loosened: float
) -> CheckRow:
    return CheckRow(
        id="x",
        suite="smoke",
        title="x",
        level=Level.BLOCKER,
        kind="estimate",
        verdict=Status.FAIL,
        reason="",
        metric="error rate",
        estimate=estimate,
        ci=ci,
        direction=direction,
        limit=limit,
        limit_loosened=loosened,
    )


def test_the_bar_puts_bounds_and_limits_on_one_scale() -> None:
    bars = module("_bars")
    shown = make_row(0.03, (0.02, 0.05), "<=", 0.01, 0.02)
    root = ET.fromstring(str(bars.draw_bar(shown, "x", Status.FAIL)))
    lines = {line.get("class"): line.attrib for line in root.iter("line")}
    scale = bars.fit_scale([shown])
    assert float(lines["limit"]["x1"]) == pytest.approx(scale(0.01), abs=0.01)
    assert float(lines["loosened"]["x1"]) == pytest.approx(float(lines["ci fail"]["x1"]), abs=0.01)
    assert float(lines["ci fail"]["x2"]) == pytest.approx(scale(0.05), abs=0.01)
    assert root.attrib["aria-label"] == ("x. estimate 3 %, bounds 2 % to 5 %, limit ≤ 1 %, with tolerance 2 %")


def test_the_good_side_follows_the_direction() -> None:
    bars = module("_bars")
    at_least = make_row(0.86, (0.84, None), ">=", 0.9, 0.88)
    good = ET.fromstring(str(bars.draw_bar(at_least, "x", Status.FAIL))).find("rect[@class='good']")
    assert good is not None
    assert float(good.attrib["x"]) == pytest.approx(bars.fit_scale([at_least])(0.9), abs=0.01)


@pytest.mark.parametrize(("low", "high"), [(0.003, 0.8), (1.0, 1.0), (1e-9, 1e9), (0.1, 0.1000001)])
def test_logarithmic_ends_hold_the_figures_and_have_ticks(low: float, high: float) -> None:
    svg = module("_svg")
    scale = svg.make_log_scale(low, high, 0.0, 100.0)
    assert scale.low <= low * 1.0001
    assert scale.high >= high * 0.9999
    assert 1 <= len(svg.choose_log_ticks(scale)) <= 9
    assert scale(scale.low) == 0.0
    assert scale(scale.high) == pytest.approx(100.0)


def test_ticks_are_round() -> None:
    svg = module("_svg")
    assert svg.choose_ticks(0.0, 53.0, 5) == [0.0, 20.0, 40.0]
    assert svg.choose_ticks(0.0, 0.19, 4) == pytest.approx([0.0, 0.05, 0.1, 0.15])
    assert svg.choose_ticks(2.0, 2.0) == [2.0]


def test_charts_hold_only_finite_figures(sample: Report, hostile: Report) -> None:
    latency, timeline = module("_latency"), module("_timeline")
    for report in (sample, hostile):
        drawn = [str(timeline.draw_timeline(timeline.fold_series(report.series), report.faults))]
        for cumulative in filter(None, map(latency.accumulate_counts, report.distributions)):
            drawn += [str(latency.draw_cdf(cumulative)), str(latency.draw_spectrum(cumulative))]
        for svg in drawn:
            root = ET.fromstring(svg)
            for element in root.iter():
                figures = " ".join(v for k, v in element.attrib.items() if k not in {"aria-label", "class"})
                assert not re.search(r"\b(nan|inf)\b", figures), figures[:200]


@pytest.mark.parametrize(("direction", "worst"), [("<=", 3), (">=", 0)])
def test_a_forest_has_each_slice_at_its_place_the_worst_first(direction: str, worst: int) -> None:
    forest = module("_forest")
    slices = tuple(Slice(f"region={k}", 100 + k, 0.1 * (k + 1), (0.1 * k, None if k == 2 else 0.1 * k + 0.2))
                   for k in range(4))  # fmt: skip
    row = replace(make_row(0.25, (0.2, 0.3), direction, 0.3, 0.35), slices=(*slices, Slice("no rows", 0, None)))
    root = ET.fromstring(str(forest.draw_forest(row)))
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter("circle")]
    names = [text.text for text in root.iter("text") if text.get("class") == "slice"]
    assert len(dots) == len(names) == 4
    assert names[0] == f"region={worst}"
    assert [y for _, y in dots] == sorted(y for _, y in dots)
    (limit,) = [float(line.attrib["x1"]) for line in root.iter("line") if line.get("class") == "limit"]
    places = dict(zip(names, (x for x, _ in dots), strict=True))
    step = (places["region=3"] - places["region=0"]) / 3
    assert places["region=1"] - places["region=0"] == pytest.approx(step, abs=0.02)
    assert limit == pytest.approx(places["region=2"], abs=0.02), "the limit is the estimate of this slice"
    assert f"worst: region={worst}" in (root.findtext("desc") or "")


def test_a_row_without_slices_has_no_forest() -> None:
    assert module("_forest").draw_forest(make_row(0.25, (0.2, 0.3), "<=", 0.3, 0.35)) == ""
