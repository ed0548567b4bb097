"""One self-contained HTML page: the verdict first, then what to do, then the evidence.

Nothing is fetched (a strict Content-Security-Policy holds that), nothing needs JavaScript, and whatever came from the
endpoint is escaped, made visible and cut. The report itself is embedded as JSON, so that the page can be read again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status

from . import _bars, _curve, _format, _latency, _timeline, _traffic, _view
from ._plain import plain, plain_value
from ._text import command, line, visible

SUFFIX = ".html"
MAX_EMBEDDED = 1_000_000
"""Bytes of embedded JSON; a larger report is embedded without its PASS rows, then not at all. The page says which."""

CARDS, OPEN_ROWS, BARS, CASES, DISTRIBUTIONS = 20, 500, 100, 60, 8
"""How many are shown in full: next steps, open checks, interval bars, cases of one test, distributions."""

COMMAND, VALUE = 20_000, 900
"""Characters of a replay line, past which it is only named (half a command is none), and of one value of a request."""


def render(report: Report) -> str:
    """The report as one HTML page."""
    return _template().render(**_context(report))


def _context(report: Report) -> dict[str, Any]:
    rows = _view.open_rows(report)
    passed, skipped = ([row for row in report.checks if row.verdict is s] for s in (Status.PASS, Status.SKIPPED))
    urgent = [row for row in rows if row.level is Level.BLOCKER or row.verdict is Status.FAIL]
    estimates = [row for row in _view.ranked(report.checks) if _is_estimate(row)]
    data = [found for found in map(_latency.cumulative, report.distributions[:DISTRIBUTIONS]) if found]
    bins = _timeline.bins(report.series)
    embedded, embedded_note = _embedded(report)
    return {
        "report": report,
        "rows": rows,
        "cards": urgent[:CARDS],
        "cards_left": max(0, len(urgent) - CARDS),
        "distributions_left": max(0, len(report.distributions) - DISTRIBUTIONS),
        "passed": _view.grouped(passed),
        "skipped": _view.grouped(skipped),
        "estimates": [
            (row, _bars.bar(row, row.title, row.verdict), _slices(row), _curve.curve(row)) for row in estimates[:BARS]
        ],
        "estimates_left": max(0, len(estimates) - BARS),
        "latency": [(found, _latency.cdf(found), _latency.spectrum(found), _latency.table(found)) for found in data],
        "timeline": _timeline.timeline(bins, report.faults) if bins else None,
        "bins": bins,
        "few_bins": _timeline.bins(report.series, 60),
        "clauses": _clauses(report),
        "embedded": embedded,
        "embedded_note": embedded_note,
    }


def _is_estimate(row: CheckRow) -> bool:
    return row.kind == "estimate" or row.limit is not None or row.ci is not None


def _slices(row: CheckRow) -> list[tuple[Any, Markup]]:
    """The forest of a row's slices: every bar on one scale, against the row's limit."""
    parts = [(part, replace(row, estimate=part.estimate, ci=part.ci, baseline=None)) for part in row.slices[:40]]
    scale = _bars.scale_of([shown for _, shown in parts])
    return [(part, _bars.bar(shown, part.name, scale=scale)) for part, shown in parts]


def _clauses(report: Report) -> list[tuple[str, str]]:
    """Each clause of a specification that checks name, with how they ended."""
    found: dict[str, list[CheckRow]] = {}
    for row in report.checks:
        for clause in row.clauses:
            found.setdefault(clause, []).append(row)
    return [(clause, _view.tally(rows)) for clause, rows in sorted(found.items())[:200]]


def _embedded(report: Report) -> tuple[Markup, str]:
    """The report as JSON inside HTML (`<` escaped), and a sentence when it is not the whole."""
    for rows, note in (
        (report.checks, ""),
        (tuple(r for r in report.checks if r.verdict is not Status.PASS), "without the rows that PASS"),
    ):
        data = msgspec.json.encode(plain(replace(report, checks=rows), terse=True))
        if len(data) <= MAX_EMBEDDED:
            text = data.decode()
            for char, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
                text = text.replace(char, code)
            return Markup(text), note
    return Markup("null"), "not embedded: it is too large; gate.json beside this page has it"


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
        finalize=_shown,
    )
    env.filters.update(
        line=line, command=command, visible=visible, pretty=_pretty, n=_format.number,
        whole=_format.whole, sign=_format.sign, quantity=_format.quantity,
        interval=_format.interval, clock=_format.clock, duration=_format.duration, count=_format.count,
        seconds=_format.seconds, exit_words=_format.exit_words, proof=_traffic.proof, recovery=_traffic.recovery,
    )  # fmt: skip
    env.globals.update(
        view=_view, traffic=_traffic, span=_format.span, Status=Status, statuses=_view.ORDER, command_shown=COMMAND,
        faults_drawn=_timeline.FAULTS, cases_shown=CASES, open_shown=OPEN_ROWS, style=Markup(style),
        script=Markup(script), csp=_csp(style, script),
    )  # fmt: skip
    return env.get_template("page.html")


def _shown(value: Any) -> Any:
    """The last guard: every string that the template prints is visible and cut, whatever filter it went through."""
    return visible(value) if type(value) is str else value


def _csp(style: str, script: str) -> str:
    """Nothing is fetched, nothing runs but this page's own style and script (CSP 3, hashes)."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _pretty(value: Any, limit: int = 2500) -> str:
    """A request or an answer for reading: one `key: value` a line, nested values as JSON."""
    found = plain_value(value)
    if not isinstance(found, dict):
        return visible(str(found), limit)
    lines = []
    for key, item in list(found.items())[:40]:
        if isinstance(item, dict) and item:
            lines += [f"{key}:", *(f"  {name}: {_value(part)}" for name, part in list(item.items())[:40])]
        else:
            lines.append(f"{key}: {_value(item)}")
    return visible("\n".join(lines), limit)


def _value(value: Any) -> str:
    """One value, cut by itself, so that a long body does not hide what stands after it."""
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), VALUE)
