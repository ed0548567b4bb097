"""The post-mortem of a game day, as Markdown and HTML: what happened when, detection, recovery, evidence, actions.

It is made from the files of the run directory alone. Tested in tests/chaos/test_post_mortem.py.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harness.chaos.document import Chapter, render_html, render_markdown
from harness.chaos.operator_log import TIMELINE, Remark, read_remarks
from harness.chaos.recovery_judging import measure_baseline, select_baseline
from harness.core.errors import RunDirError
from harness.core.experiment import Experiment, Strike, compute_p95, select_samples
from harness.core.plan import make_slug
from harness.core.report import CheckRow, Report
from harness.core.verdict import Status
from harness.io.json_lines import read_records
from harness.io.rundir import FAULTS, GATE, RunDir, read_gate

POST_MORTEM_FILES = {"markdown": "post-mortem.md", "html": "post-mortem.html"}
"""The documents in the run directory."""

_MOST_EXAMPLES = 2
_OF_FAULTS = ("fault", "place", "on", "lifted", "proof", "struck")


@dataclass(frozen=True, slots=True)
class Impact:
    """What an experiment did to its users. Times in seconds; None: not seen.

    `detected` runs from the first fault to the first request that failed or was slow, `recovered` from the last lift.
    `lost` counts good answers fewer than at the baseline's rate, until the recovery.
    """

    requests: int
    failed: int
    wrong: int
    detected: float | None
    recovered: float | None
    lost: int
    p95_before: float
    p95_under_fault: float


def measure_impact(experiment: Experiment) -> Impact | None:
    """What the experiment's requests show; None where no fault was on, or where the baseline has no good answer."""
    applied, chaos = experiment.applied, experiment.plan.chaos
    baseline = select_baseline(experiment.samples, experiment.began, chaos)
    if applied is None or not any(sample.is_good for sample in baseline):
        return None
    yardstick = measure_baseline(baseline, chaos)
    under_fault = experiment.fault_samples
    bad = [s for s in select_samples(experiment.samples, applied, None) if s.judged_latency > yardstick.slow_over]
    end = experiment.recovered if experiment.recovered is not None else experiment.finished
    normal = sum(sample.is_good for sample in baseline) / chaos.baseline
    good = sum(sample.is_good for sample in select_samples(experiment.samples, applied, end))
    recovered = None
    if experiment.recovered is not None and experiment.lifted is not None:
        recovered = max(0.0, experiment.recovered - experiment.lifted)
    return Impact(
        requests=len(under_fault),
        failed=sum(sample.error is not None for sample in under_fault),
        wrong=sum(sample.silent != "" for sample in experiment.samples),
        detected=bad[0].intended - applied if bad else None,
        recovered=recovered,
        lost=max(0, round(normal * (end - applied)) - good),
        p95_before=yardstick.p95,
        p95_under_fault=compute_p95(sample.latency for sample in under_fault),
    )


def write_post_mortem(run_dir: RunDir) -> list[Path]:
    """Write both documents of a run, also of one that was killed; their paths. Raises `RunDirError`."""
    report = None
    with contextlib.suppress(RunDirError):
        report = read_gate(run_dir.path / GATE)
    experiments = _read_experiments(run_dir.path)
    lines, remarks = read_records(run_dir.path / TIMELINE), read_remarks(run_dir.path)
    cut_short = _find_cut_short(run_dir.path, experiments)
    title = f"Post-mortem: game day {run_dir.path.name}"
    sections = [
        _describe_run(report, run_dir.path),
        _tell_story(lines, remarks),
        *(
            _describe_experiment(experiment, _find_checks(experiment, experiments, report))
            for experiment in experiments
        ),
        *_describe_cut_short(cut_short),
        _list_actions(experiments, cut_short, report),
    ]
    documents = {"markdown": render_markdown(title, sections), "html": render_html(title, sections)}
    return [run_dir.write(POST_MORTEM_FILES[name], text.encode("utf-8", "replace")) for name, text in documents.items()]


def _read_experiments(run: Path) -> list[Experiment]:
    experiments = []
    for path in sorted((run / "chaos").glob("*.json")):
        with contextlib.suppress(msgspec.MsgspecError):
            experiments.append(msgspec.json.decode(path.read_bytes(), type=Experiment))
    return sorted(experiments, key=lambda experiment: experiment.began)


def _describe_run(report: Report | None, run: Path) -> Chapter:
    if report is None:
        return Chapter("Summary", [f"The run ended before its decision. What it wrote is in {run.name}."])
    paragraphs = [
        f"Decision: {report.run.verdict}. {report.run.reason}",
        f"Service: {report.target.url}. From {report.run.started} to {report.run.finished}.",
    ]
    if report.run.responsible:
        paragraphs.append(f"Responsible: {report.run.responsible}")
    if report.run.interrupted and report.run.interrupted not in report.run.reason:
        paragraphs.append(f"Interrupted: {report.run.interrupted}")
    return Chapter("Summary", paragraphs)


def _tell_story(lines: Iterable[dict[str, object]], remarks: Iterable[Remark]) -> Chapter:
    """Everything that happened, in order, in seconds from the first line."""
    events = [(float(str(line["at"])), str(line["experiment"]), str(line["text"])) for line in lines]
    events += [(remark.at, "operator", f"{remark.kind}: {remark.text}") for remark in remarks]
    events.sort()
    rows = [(f"{at - events[0][0]:.1f} s", who, text) for at, who, text in events]
    paragraphs = []
    if events:
        paragraphs = [f"Times count from {datetime.fromtimestamp(events[0][0], UTC):%Y-%m-%d %H:%M:%S} UTC on."]
    return Chapter("What happened when", paragraphs, ("time", "who", "what"), rows)


def _describe_experiment(experiment: Experiment, checks: Sequence[CheckRow]) -> Chapter:
    plan, impact = experiment.plan, measure_impact(experiment)
    paragraphs = [f"Hypothesis: {plan.hypothesis}"] if plan.hypothesis else []
    for word, text in (
        ("Stopped", experiment.stopped),
        ("Not judged", experiment.undecided),
        ("Broken", experiment.broken),
    ):
        if text:
            paragraphs.append(f"{word}: {text}")
    if impact:
        paragraphs += _describe_impact(impact)
    rows = [_describe_strike(strike) for strike in experiment.strikes]
    items = []
    for check in checks:
        items.append(f"{check.verdict}: {check.title}: {check.reason}")
        for example in check.counterexamples[:_MOST_EXAMPLES]:
            items.append(f"evidence: {example.summary}" + (f"; again: {example.curl}" if example.curl else ""))
    items.append(f"all figures: chaos/{make_slug(plan.name)}.json")
    return Chapter(f"Experiment: {plan.name}", paragraphs, _OF_FAULTS, rows, items)


def _describe_impact(impact: Impact) -> list[str]:
    detected = "no request failed or was slow after the first fault"
    if impact.detected is not None:
        detected = f"the first request that failed or was slow was due {impact.detected:.1f} s after the first fault"
    recovered = "no recovery was seen"
    if impact.recovered is not None:
        recovered = f"back at the baseline {impact.recovered:.1f} s after the last lift"
    under_fault = "no answer"
    if math.isfinite(impact.p95_under_fault):
        under_fault = f"{impact.p95_under_fault * 1e3:.0f} ms"
    counts = f"{impact.failed} of {impact.requests} requests under the faults failed"
    return [
        f"Detection: {detected}.",
        f"Recovery: {recovered}.",
        f"Impact: {counts}, {impact.wrong} wrong answers were declared successes, about {impact.lost} good answers "
        f"were lost; p95 {impact.p95_before * 1e3:.0f} ms before and {under_fault} under the faults.",
    ]


def _describe_strike(strike: Strike) -> tuple[str, ...]:
    on, lifted = _name_moment(strike.applied), _name_moment(strike.lifted)
    affected = "not counted" if strike.proof.affected is None else str(strike.proof.affected)
    return strike.fault.name, strike.fault.link or strike.fault.place, on, lifted, strike.proof.confirmed, affected


def _find_cut_short(run: Path, experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """The last line of each fault whose experiment has no result."""
    ended = tuple(experiment.plan.name for experiment in experiments)
    last = {(str(line.get("name")), str(line.get("applied_at"))): line for line in read_records(run / FAULTS)}
    return [
        line for (name, _), line in last.items() if not any(name == own or name.startswith(f"{own}: ") for own in ended)
    ]


def _describe_cut_short(lines: Sequence[dict[str, Any]]) -> list[Chapter]:
    """The faults of experiments that did not come to their end."""
    if not lines:
        return []
    rows = []
    for line in lines:
        on, lifted = (_name_moment(line.get(key)) for key in ("applied_at", "lifted_at"))
        affected = "not counted" if line.get("affected") is None else str(line["affected"])
        rows.append((str(line.get("name")), str(line.get("target")), on, lifted, str(line.get("confirmed")), affected))
    return [Chapter("Cut short", ["The run ended before the experiment did: nothing is judged."], _OF_FAULTS, rows)]


def _name_moment(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s of the run"


def _find_checks(experiment: Experiment, all_: Sequence[Experiment], report: Report | None) -> list[CheckRow]:
    """The checks of one experiment: their ids begin with its name, and with no longer name of another one."""
    own, slugs = make_slug(experiment.plan.name), [make_slug(other.plan.name) for other in all_]
    checks = []
    for check in report.checks if report else ():
        case = check.id.partition("[")[2].rstrip("]")
        owners = [slug for slug in slugs if case == slug or case.startswith(f"{slug}-")]
        if owners and max(owners, key=len) == own:
            checks.append(check)
    return checks


def _list_actions(
    experiments: Sequence[Experiment], cut_short: Sequence[dict[str, Any]], report: Report | None
) -> Chapter:
    """What somebody has to do: each open verdict, those of one cause together, and each fault that may still be on."""
    causes: dict[tuple[str, str], list[str]] = {}
    for check in report.checks if report else ():
        if check.verdict in (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE):
            causes.setdefault((str(check.verdict), check.reason), []).append(check.title)
    items = [
        f"[ ] {verdict}: {'; '.join(titles)}: {reason} (owner: ____, until: ____)"
        for (verdict, reason), titles in causes.items()
    ]
    strikes = [strike for experiment in experiments for strike in experiment.strikes]
    names = [strike.fault.name for strike in strikes if strike.applied is not None and strike.lifted is None]
    names += [str(line.get("name")) for line in cut_short if line.get("lifted_at") is None]
    items += [f"[ ] make sure that {name} is off: aiharness lift (owner: ____)" for name in names]
    return Chapter("Action items", [] if items else ["None: every check passed."], items=items)
