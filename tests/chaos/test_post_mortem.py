"""The post-mortem: figures of what an experiment did to its users, and both forms of the document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from harness.chaos.document import Chapter, render_html, render_markdown
from harness.chaos.operator_log import add_remark
from harness.chaos.post_mortem import measure_impact, write_post_mortem
from harness.core.experiment import Strike
from harness.io.rundir import RunDir
from tests.chaos.test_judging import BASELINE, build_experiment, load


def test_impact_is_counted_from_the_requests() -> None:
    impact = measure_impact(build_experiment(recovered=8.0))
    assert impact is not None
    assert (impact.requests, impact.failed, impact.wrong) == (20, 20, 0)
    assert (impact.detected, impact.recovered) == (0.0, 1.0)
    assert impact.lost == 20
    late = build_experiment(samples=(*BASELINE, *load(5, 6), *load(6, 7, error="closed"), *load(7, 17)), recovered=None)
    impact = measure_impact(late)
    assert impact is not None
    assert impact.detected == pytest.approx(1.0)
    assert impact.recovered is None
    assert impact.lost == 10


def test_without_a_fault_or_a_good_baseline_there_is_no_impact() -> None:
    assert measure_impact(build_experiment(applied=None)) is None
    assert measure_impact(build_experiment(samples=tuple(load(0, 17, error="closed")))) is None
    unharmed = measure_impact(build_experiment(samples=tuple(load(0, 17)), recovered=7.0))
    assert unharmed is not None
    assert (unharmed.detected, unharmed.lost, unharmed.failed) == (None, 0, 0)


def test_a_killed_run_has_a_post_mortem_that_names_what_may_still_be_on(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    experiment = build_experiment(lifted=None)
    strike = Strike(experiment.plan.faults[0], applied=5.0)
    (tmp_path / "chaos").mkdir()
    run_dir.write("chaos/f.json", msgspec.json.encode(replace(experiment, strikes=(strike,))))
    add_remark(tmp_path, "note", "we saw <it>")
    paths = write_post_mortem(run_dir)
    assert [path.name for path in paths] == ["post-mortem.md", "post-mortem.html"]
    markdown, page = (path.read_text() for path in paths)
    assert "The run ended before its decision" in markdown
    assert "make sure that f is off: aiharness lift" in markdown
    assert "note: we saw &lt;it&gt;" in page
    assert "0.0 s" in page


def test_an_experiment_that_was_cut_short_shows_its_faults(tmp_path: Path) -> None:
    """It has no result; a fault of it that was never lifted is something to do."""
    row = {"kind": "down", "target": "link a", "applied_at": 3.0, "lifted_at": None, "confirmed": "none", "state": "on"}
    ended = {"lifted_at": 4.5, "confirmed": "counter", "affected": 7, "state": "lifted"}
    lines = [
        {**row, "name": "x: one"},
        {**row, "name": "x: two"},
        {**row, "name": "x: one", **ended},
        {**row, "name": "f"},
    ]
    (tmp_path / "faults.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "chaos").mkdir()
    run_dir = RunDir(tmp_path)
    run_dir.write("chaos/f.json", msgspec.json.encode(build_experiment()))
    markdown = write_post_mortem(run_dir)[0].read_text()
    assert "| x: one | link a | 3.0 s of the run | 4.5 s of the run | counter | 7 |" in markdown
    assert "| x: two | link a | 3.0 s of the run | never | none | not counted |" in markdown
    assert "| f | link a" not in markdown.partition("## Cut short")[2], "it has a result"
    actions = markdown.partition("## Action items")[2]
    assert "make sure that x: two is off" in actions
    assert "x: one" not in actions


def test_text_is_shown_as_it_is_in_both_forms() -> None:
    sections = [Chapter("a | b", ["*x*\ny"], ("h",), [("<script>|",)], ["[ ] do `it`"])]
    markdown, page = render_markdown("T", sections), render_html("T", sections)
    assert "\\*x\\* y" in markdown
    assert "| \\<script\\>\\| |" in markdown
    assert "- [ ] do \\`it\\`" in markdown
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_a_narrow_column_breaks_ids_between_their_words() -> None:
    page = render_html("T", [Chapter("c", (), ("h", "id"), [("a_b", "load/test_slo.py::test_slo[it_is_<b>]")])])
    assert "load/<wbr>test_<wbr>slo.py::<wbr>test_<wbr>slo[<wbr>it_<wbr>is_&lt;b&gt;]" in page
