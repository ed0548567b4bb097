"""Pictures of a load: what they show agrees with their data, and what cannot be drawn is left out."""

from __future__ import annotations

import importlib
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from harness.core.sweep import SweepResult
from tests.reports.sample_reports import load_picture, load_sweep

pictures = importlib.import_module("harness.reports._load")


def draw(name: str, data: object) -> ET.Element:
    """The picture as a tree; it has a name and a description for screen readers."""
    image = ET.fromstring(str(getattr(pictures, name)(data)))
    assert image.attrib["role"] == "img"
    assert image.findtext("title")
    assert image.findtext("desc")
    assert all("style" not in part.attrib for part in image.iter())  # the page's policy forbids it
    assert not any(word in ET.tostring(image, "unicode") for word in ("nan", "inf,", "inf "))
    return image


def test_percentiles_have_a_line_each_with_a_gap_where_nothing_was_answered() -> None:
    image = draw("draw_percentiles", load_picture())
    classes = [path.attrib["class"] for path in image.iter("path")]
    assert classes == ["line", "line", "line high", "line high", "line far", "line far"]
    assert "p99 288 ms" in (image.findtext("desc") or "")


def test_a_cell_of_the_heat_map_for_each_count() -> None:
    picture = load_picture()
    shades = [part for part in draw("draw_heat", picture).iter("path") if part.attrib["class"] == "heat"]
    cells = sum(shade.attrib["d"].count("M") for shade in shades)
    assert cells == sum(count > 0 for part in picture.slices for count in part.counts)
    assert float(shades[-1].attrib["fill-opacity"]) == 1
    assert float(shades[0].attrib["fill-opacity"]) >= 0.12


def test_goodput_has_a_bar_for_each_slice_with_requests() -> None:
    image = draw("draw_goodput", (1.0, None, 0.25))
    bars = [part for part in image.iter("rect") if part.attrib["class"] == "heat"]
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert len(heights) == 2
    assert heights[1] == pytest.approx(heights[0] / 4, rel=0.01)
    assert image.findtext("desc") == "25 % to 100 % of the requests were good; all of them in 1 of 2 slices"


def test_the_knee_shows_every_load_and_the_interval() -> None:
    sweep = load_sweep()
    image = draw("draw_knee", sweep)
    marks = [part.attrib["class"] for part in image.iter() if part.tag == "circle"]
    squares = [part for part in image.iter("rect") if part.attrib["class"] == "errors"]
    assert (marks.count("point"), marks.count("open"), len(squares)) == (3, 1, 4)
    band = next(part for part in image.iter("rect") if part.attrib["class"] == "dkw")
    axis = 1.08 * 80
    width = pictures._PLOT.right - pictures._PLOT.left
    assert float(band.attrib["width"]) == pytest.approx(width * (51 - 44) / axis, abs=0.02)
    assert "at least 44, less than 51 requests/s" in (image.findtext("desc") or "")


@pytest.mark.parametrize("high", [None, 51.0])
def test_a_sweep_that_proved_little_is_drawn_too(high: float | None) -> None:
    sweep = replace(load_sweep(), low=0.0, high=high)
    assert ("no upper end" in (draw("draw_knee", sweep).findtext("desc") or "")) == (high is None)


def test_loads_without_a_time_are_left_out() -> None:
    probes = tuple(
        replace(probe, p95={"latency": math.inf} if k else {}) for k, probe in enumerate(load_sweep().probes)
    )
    assert str(pictures.draw_knee(replace(load_sweep(), probes=probes))) == ""
    assert str(pictures.draw_knee(SweepResult(10, 0, None, 0.95, (), ()))) == ""
