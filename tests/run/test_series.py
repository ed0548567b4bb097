"""Seconds and histograms of a run: loads stand apart, and what a fault did is no figure of the service."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.core.exchange import Exchange, Request, Timing
from harness.core.gate import Policy
from harness.core.report import Generator
from harness.io.rundir import RunDir, read_run
from harness.run.report_building import build_report
from harness.run.series import Meter, make_distribution, merge_lines


def exchange(intended: float, latency: float) -> Exchange:
    return Exchange(Request("GET", "/"), Timing(intended, intended, done=intended + latency))


@pytest.fixture
def lines(tmp_path: Path) -> list[dict[str, object]]:
    run_dir = RunDir.create(str(tmp_path / "run"))
    run_dir.write("plan.json", b"{}")
    meters = [Meter(run_dir), Meter(run_dir, suite="load", rate=20.0), Meter(run_dir, suite="chaos", rate=5.0)]
    for meter, latency in zip(meters, (0.01, 0.1, 5.0), strict=True):
        for i in range(10):
            meter.record(exchange(3.05 + i / 20, latency))
        meter.flush()
    return [msgspec.json.decode(line) for line in (run_dir.path / "series.jsonl").read_bytes().splitlines()]


def test_loads_stand_apart_and_chaos_stays_out(lines: list[dict[str, object]]) -> None:
    seconds, histograms = merge_lines(lines, ["chaos"])
    assert set(histograms) == {("", "latency"), ("load", "latency")}
    single, load = histograms["", "latency"], histograms["load", "latency"]
    assert (single.n, load.n) == (10, 10)
    assert float(load.quantile(0.99)) == pytest.approx(0.1, rel=0.05)
    (second,) = seconds
    assert (second.t, second.requests, second.target_rate) == (3, 30, 20.0)
    assert second.q99 is not None
    assert second.q99 == pytest.approx(5.0, rel=0.05), "the timeline shows the fault"
    drawn = make_distribution("load", "latency", load, (0.2,))
    assert drawn is not None
    assert (drawn.suite, sum(drawn.counts), drawn.limits) == ("load", 10, (0.2,))


def test_the_generator_of_a_saved_run_is_read(tmp_path: Path) -> None:
    run_dir = RunDir.create(str(tmp_path / "run"))
    run_dir.write("plan.json", b'{"suites": [], "checks": []}')
    (run_dir.path / "load").mkdir()
    run_dir.write("load/broken.json", b"{")
    run_dir.write("load/steady.json", b'{"generator": {"target_rate": 20.0, "cpu": 0.1}}')
    saved = read_run(run_dir.path)
    report = build_report(saved, policy=Policy())
    assert report.generator == Generator(target_rate=20.0, cpu=0.1)
    assert report.loads == ()
