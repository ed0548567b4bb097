"""One self-contained HTML page: the verdict first, then what to do, then the evidence.

Nothing is fetched (a strict Content-Security-Policy holds that), nothing needs JavaScript, and whatever came from the
endpoint is escaped, made visible and cut. The report itself is embedded, so that `aiharness report` can read the page
again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from harness.core.causes import group_by_cause
from harness.core.check_counts import COUNT_ORDER, WARNED
from harness.core.packed_report import PACKED, pack_report
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status
from harness.core.visible_text import cut_text, fold_line, make_visible, show_command

from . import (
    _bars,
    _causes,
    _comparison,
    _curve,
    _figures,
    _forest,
    _format,
    _latency,
    _load,
    _proof,
    _reliability,
    _timeline,
    _traffic,
    _view,
)
from ._history import list_trend_rows
from ._key_figures import list_key_figures
from ._plain import convert_report, convert_value
from ._unjudged import gather_sections, group_unjudged
from ._waivers import list_waiver_lines

SUFFIX = ".html"
MAX_EMBEDDED = 300_000
"""Letters of the embedded report; a larger one is left out, and the page says so."""

CARDS, OPEN_ROWS, BARS, CASES, DISTRIBUTIONS = 20, 500, 100, 60, 8
"""How many are shown in full: next steps, open checks, interval bars, cases of one test, distributions."""

SUITE_TITLES = {"validation": "Model validation", "adversarial": "Adversarial robustness"}
"""What is written above the pictures of a suite; above those of any other suite stands its name."""

COMMAND, VALUE = 20_000, 900
"""Characters of the longest command that is shown (half a command is of no use), and of one value of a request."""


def render(report: Report, *, run_path: str = "") -> str:
    """The report as one HTML page. `run_path` is the run's directory, for commands that read it (default: its id)."""
    return _template().render(**_context(report), run_path=run_path)


def _context(report: Report) -> dict[str, Any]:
    rows = _view.list_open_rows(report)
    urgent = group_by_cause(rows)
    ranked = _view.rank_rows(report.checks)
    objectives = [row for row in ranked if _is_estimate(row) and not _comparison.is_difference(row)]
    estimates = [row for row in objectives if row.estimate is not None]
    bins = _timeline.fold_series(report.series)
    return {
        "report": report,
        "rows": rows,
        "cards": urgent[:CARDS],
        "cards_left": max(0, len(urgent) - CARDS),
        "open_total": len(rows),
        "warned": [place for place, group in enumerate(urgent[:CARDS]) if _view.is_warning(group[0])],
        "blocking": [place for place, group in enumerate(urgent[:CARDS]) if group[0].level is Level.BLOCKER],
        "key_figures": list_key_figures(report),
        "unjudged": gather_sections(group_unjudged(report.plan.not_judged)),
        "distributions_left": max(0, len(report.distributions) - DISTRIBUTIONS),
        "passed": _group_status(report, Status.PASS),
        "skipped": _group_status(report, Status.SKIPPED),
        "estimates": [(row, _bars.draw_bar(row, row.title, row.verdict)) for row in estimates[:BARS]],
        "sliced": _group_slices(ranked),
        "compared": _comparison.list_compared(ranked)[:BARS],
        "unmeasured": group_by_cause(row for row in filter(_view.is_open, objectives) if row.estimate is None)[:BARS],
        "estimates_left": max(0, len(estimates) - BARS),
        "latency": [(*drawn, _latency.list_percentiles(drawn[0])) for drawn in draw_latencies(report)],
        "timeline": _timeline.draw_timeline(bins, report.faults) if bins else None,
        "bins": bins,
        "few_bins": _timeline.fold_series(report.series, 60),
        "trends": list_trend_rows(report),
        "waivers": list_waiver_lines(report.waivers[:100]),
        "methods": Counter(row.method for row in report.checks if row.method).most_common(60),
        "clauses": _tally_clauses(report),
        "embedded": _embed(report),
    }


def draw_latencies(report: Report) -> list[tuple[_latency.Cumulative, Markup, Markup]]:
    """The distributions of a report, most telling first: each with its cumulative share and its percentile spectrum."""
    drawn = []
    for distribution in sorted(report.distributions, key=_latency.rank_distribution)[:DISTRIBUTIONS]:
        if data := _latency.accumulate_counts(distribution):
            drawn.append((data, _latency.draw_cdf(data), _latency.draw_spectrum(data)))
    return drawn


def _group_status(report: Report, status: Status) -> list[tuple[str, list[_view.Group]]]:
    return _view.group_rows([row for row in report.checks if row.verdict is status])


def _is_estimate(row: CheckRow) -> bool:
    return row.kind == "estimate" or row.limit is not None or row.ci is not None


def _group_slices(rows: Iterable[CheckRow]) -> dict[str, list[tuple[CheckRow, list[tuple[str, Markup]]]]]:
    """By suite each row with slices, and their pictures with captions: curves, a reliability diagram or a forest."""
    suites: dict[str, list[tuple[CheckRow, list[tuple[str, Markup]]]]] = {}
    for row in filter(attrgetter("slices"), rows):
        if pictures := _draw_slices(row):
            suites.setdefault(row.suite, []).append((row, pictures))
    return suites


def _draw_slices(row: CheckRow) -> list[tuple[str, Markup]]:
    """Both curves of an attack; else the first of the other pictures that the slices make."""
    curves = (_curve.CURVE_CAPTION, _curve.draw_curve(row)), (_curve.DISTANCE_CAPTION, _curve.draw_distances(row))
    if drawn := list(filter(itemgetter(1), curves)):
        return drawn
    others = (
        (_reliability.RELIABILITY_CAPTION, _reliability.draw_reliability(row)),
        (_forest.FOREST_CAPTION, _forest.draw_forest(row)),
    )
    return list(filter(itemgetter(1), others))[:1]


def _tally_clauses(report: Report) -> list[tuple[str, str]]:
    """Each clause of a specification that checks name, with how they ended."""
    clauses: dict[str, list[CheckRow]] = {}
    for row in report.checks:
        for clause in row.clauses:
            clauses.setdefault(clause, []).append(row)
    return [(clause, _view.format_tally(rows)) for clause, rows in sorted(clauses.items())[:200]]


def _embed(report: Report) -> Markup:
    """The report, packed; empty where it is too large."""
    packed = pack_report(msgspec.json.encode(convert_report(report, terse=True)))
    return Markup(packed if len(packed) <= MAX_EMBEDDED else "")


@cache
def _template() -> Template:
    here = files(__package__)
    style, script, page = (here.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js", "html"))
    env = Environment(
        loader=DictLoader({"page.html": page}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_guard_text,
    )
    env.tests["warning"] = _view.is_warning
    env.filters.update(
        line=fold_line,
        short=_shorten_line,
        command=show_command,
        visible=make_visible,
        pretty=_format_message,
        n=_format.format_number,
        whole=_format.format_integer,
        sign=_format.format_direction,
        quantity=_format.format_quantity,
        interval=_format.format_interval,
        clock=_format.format_clock,
        duration=_format.format_duration,
        count=_format.format_count,
        exit_status=_format.format_exit_status,
    )
    env.globals.update(
        view=_view,
        causes=_causes,
        figures=_figures,
        pictures=_load,
        proof=_proof,
        traffic=_traffic,
        span=_format.compute_span,
        command_shown=COMMAND,
        count_order=COUNT_ORDER,
        warned_name=WARNED,
        faults_drawn=_timeline.MOST_FAULTS,
        cases_shown=CASES,
        causes_shown=4,
        slices_shown=_forest.FOREST_SLICES,
        suite_titles=SUITE_TITLES,
        open_shown=OPEN_ROWS,
        packed=PACKED,
        style=Markup(style),
        script=Markup(script),
        csp=_make_policy(style, script),
    )
    return env.get_template("page.html")


def _guard_text(value: Any) -> Any:
    """Make every string that the template prints visible and cut it, whatever filter it went through."""
    return make_visible(value) if type(value) is str else value


def _make_policy(style: str, script: str) -> str:
    """A policy (CSP 3) under which nothing is fetched and only this page's own style and script run."""
    style_hash, script_hash = map(_hash, (style, script))
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shorten_line(text: str, limit: int) -> str:
    return cut_text(fold_line(text, 2 * limit), limit)


def _format_message(message: Any, limit: int = 2500) -> str:
    """A request or an answer for reading: one `key: value` a line, nested values as JSON."""
    plain = convert_value(message)
    if not isinstance(plain, dict):
        return make_visible(str(plain), limit)
    lines = []
    for key, value in list(plain.items())[:40]:
        if isinstance(value, dict) and value:
            lines.append(f"{key}:")
            lines += [f"  {name}: {_format_value(part)}" for name, part in list(value.items())[:40]]
        else:
            lines.append(f"{key}: {_format_value(value)}")
    return make_visible("\n".join(lines), limit)


def _format_value(value: Any) -> str:
    """One value, cut by itself, so that a long body does not hide what follows it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return make_visible(text, VALUE)
