"""A fragment of a model card (Mitchell et al. 2019, arXiv:1810.03993) in Markdown: what a run says about the model.

Data and their digest, figures with their bounds, slices, fairness, calibration, robustness, comparison, leakage, and
what is not decided or was not assessed. It is meant to be pasted below the parts that no test can write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from harness.core.report import CheckRow, Report
from harness.core.verdict import Slice, Status

from . import _format, _view
from ._unjudged import UnjudgedGroup, group_unjudged
from .as_markdown import MarkdownPage, escape_prose

SUFFIX = ".card.md"

_PARTS = {
    "Fairness": ("test_fairness",),
    "Slices": ("::test_worst_slice",),
    "Against the baseline": ("validation/test_baseline", "test_fidelity"),
    "Robustness": ("adversarial/", "test_metamorphic"),
    "Stability and parity": ("test_determinism", "test_batch_invariance", "test_parity", "test_golden"),
    "Drift": ("test_drift", "test_degradation"),
    "Leakage": ("test_leakage",),
    "Quality": ("validation/",),
}
"""Parts of the card, with the pieces of ids whose checks belong to them; the first part that fits has a check."""
_CALIBRATION, _MOST_SLICES = "Calibration", 40
_UNWRITTEN = (
    "Intended use, training data, ethical considerations and recommendations are no part of a test: those who answer "
    "for the model write them. Figures hold for data like these, and for the service as it was asked."
)


def render(report: Report) -> str:
    """The card, under the size that platforms take in one comment; what is left out is counted."""
    page = MarkdownPage()
    page.add(_describe_model(report))
    parts: dict[str, list[CheckRow]] = {name: [] for name in ("Quality", _CALIBRATION, *_PARTS)}
    for row in report.checks:
        if row.verdict is not Status.SKIPPED and (part := _choose_part(row)):
            parts[part].append(row)
    head = "| Verdict | What is judged | Figure | Bounds | Limit | n |\n|---|---|--:|---|--:|--:|"
    for part, rows in parts.items():
        page.add_table(part, head, map(_list_row, rows))
    if not any(parts.values()):
        page.add("No check of the model was run.")
    of_model = list(chain.from_iterable(parts.values()))
    head = "| Figure | Slice | Value | Bounds | n |\n|---|---|--:|---|--:|"
    page.add_table("Figures of slices", head, _list_slices(of_model))
    page.add_list("Of what the verdicts speak, and how they were found", dict.fromkeys(_list_notes(of_model)))
    page.add_table("Not decided", "", map(_list_undecided, filter(_view.is_open, of_model)))
    unjudged = group_unjudged(report.plan.not_judged)
    page.add_table(
        "Not assessed", "", (f"- {escape_prose('; '.join(g.titles), 600)}: {escape_prose(g.why)}" for g in unjudged)
    )
    page.add(f"### Written by people\n\n{_UNWRITTEN}")
    return page.text


def _describe_model(report: Report) -> str:
    run, policy = report.run, dict(report.plan.policy)
    name = report.target.model or report.target.url
    facts = [
        f"**Gate** {run.verdict}: {escape_prose(run.reason, 300)}",
        f"**Service** {escape_prose(' '.join(_view.list_target_parts(report)), 300)}",
        f"**Data** SHA-256 {escape_prose(policy.get('data', 'not given'), 100)}, "
        f"seed {escape_prose(policy.get('seed', 'not given'), 40)}",
        f"**Run** {escape_prose(run.id, 80)}, {escape_prose(_format.format_clock(run.started), 60)}, "
        f"confidence {escape_prose(_view.format_confidence(report), 80)}",
    ]
    return f"## {run.verdict}: model card of {escape_prose(name, 120)}\n\n" + "  \n".join(facts)


def _choose_part(row: CheckRow) -> str:
    """The part of the card that a check belongs to; empty for one that says nothing about the model."""
    place = f"{row.suite}/{row.id.rpartition('/')[2]}"
    if "::" not in place:
        return ""
    if "/test_baseline" not in place and re.search(r"\bECE\b|calibration", row.metric or ""):
        return _CALIBRATION
    for part, pieces in _PARTS.items():
        if any(map(place.__contains__, pieces)):
            return part
    return ""


def _list_row(row: CheckRow) -> str:
    what = row.title or row.id
    if row.estimate is None:
        what = f"{what}: {row.reason}"
    limit = f"{_format.format_direction(row.direction)} {_view.format_figure(row, row.limit)}".strip()
    cells = (
        f"{row.verdict}{_view.format_level(row)}",
        what,
        _view.format_figure(row, row.estimate),
        _view.format_bounds(row),
        limit,
        _format.format_integer(row.n),
    )
    return _join_cells(cells)


def _join_cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escape_prose, cells))} |"


def _list_slices(rows: Iterable[CheckRow]) -> Iterator[str]:
    for row in rows:
        for part in row.slices[:_MOST_SLICES]:
            yield _list_slice(row, part)


def _list_slice(row: CheckRow, part: Slice) -> str:
    bounds = _format.format_interval(part.ci, row.unit, row.metric)
    value, n = _view.format_figure(row, part.estimate), _format.format_integer(part.n)
    return _join_cells((row.title or row.id, part.name, value, bounds, n))


def _list_notes(rows: Iterable[CheckRow]) -> Iterator[str]:
    """The notes of all rows, and the methods of their bounds."""
    for row in rows:
        yield from row.notes
        if row.method and row.estimate is not None:
            yield f"{row.title or row.id}: bounds by {row.method}"


def _list_unassessed(group: UnjudgedGroup) -> str:
    return f"- {escape_prose('; '.join(group.titles), 600)}: {escape_prose(group.why, 300)}"


def _list_undecided(row: CheckRow) -> str:
    return f"- {row.verdict}: {escape_prose(row.title or row.id, 200)}: {escape_prose(row.reason, 300)}"
