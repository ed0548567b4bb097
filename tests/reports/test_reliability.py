"""The reliability diagram: each bin a point in its band, in the page as an image without scripts; other slices none."""

from __future__ import annotations

import importlib
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.core.report import Report
from harness.core.verdict import Slice

if TYPE_CHECKING:
    from tests.reports.conftest import Render

BINS = tuple(
    Slice(f"confidence {0.05 + 0.1 * i:.3f}", 40 + 10 * i, right, (max(0.0, 0.1 * i - 0.05), min(1.0, 0.1 * i + 0.15)))
    for i, right in enumerate((0.04, 0.16, 0.24, 0.36, 0.44, 0.4, 0.45, 0.5, 0.55, 0.6))
)


def test_each_bin_is_a_point_and_those_outside_the_band_are_counted(six: Report) -> None:
    drawing = importlib.import_module("harness.reports._reliability")
    row = replace(six.checks[0], slices=BINS[::-1], estimate=0.12)
    root = ET.fromstring(str(drawing.draw_reliability(row)))
    dots = [circle.attrib for circle in root.iter("circle")]
    plot = drawing._PLOT
    assert [float(dot["cx"]) for dot in dots] == pytest.approx(
        [plot.left + (plot.right - plot.left) * (0.05 + 0.1 * i) for i in range(10)], abs=0.1
    )
    assert [float(dot["cy"]) for dot in dots] == pytest.approx(
        [plot.bottom - (plot.bottom - plot.top) * (part.estimate or 0) for part in BINS], abs=0.1
    )
    radii = [float(dot["r"]) for dot in dots]
    assert radii == sorted(radii)
    assert root.attrib["aria-label"].endswith("10 bins of 850 rows; 5 outside the band of a calibrated model; ECE 0.12")
    assert {"dkw", "null", "asked-rule"} <= {part.get("class") for part in root.iter()}


def test_one_bin_is_seen(six: Report) -> None:
    row = replace(six.checks[0], slices=BINS[:1])
    assert str(importlib.import_module("harness.reports._reliability").draw_reliability(row)).count("<circle") == 1


@pytest.mark.parametrize(
    "part",
    [
        Slice("region=north", 40, 0.5, (0.4, 0.6)),
        Slice("confidence 0.500", 40, None, (0.4, 0.6)),
        Slice("confidence 0.500", 40, 0.5),
        Slice("confidence 0.500", 40, float("nan"), (0.4, 0.6)),
        Slice("confidence 0.500", 0, 0.5, (0.4, 0.6)),
        Slice("confidence 7.500", 40, 0.5, (0.4, 0.6)),
    ],
)
def test_other_slices_are_no_bins(part: Slice, six: Report) -> None:
    drawing = importlib.import_module("harness.reports._reliability")
    assert drawing.draw_reliability(replace(six.checks[0], slices=(*BINS, part))) == ""
    assert drawing.draw_reliability(replace(six.checks[0], slices=())) == ""


def test_the_page_shows_it_with_its_caption_and_fits_a_narrow_screen(six: Report, render: Render) -> None:
    rows = [replace(row, slices=BINS) if row.suite == "validation" else row for row in six.checks]
    page = render("html", replace(six, checks=tuple(rows)))
    picture = page.partition("Shaded: where 95 % of a calibrated model")[2].partition("</svg>")[0]
    assert 'class="chart small"' in picture
    assert "style=" not in picture
    assert ".small { min-width: 0;" in page
