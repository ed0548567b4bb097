"""What a reader needs of an open check: what happened, the answer, a hint, the commands that show it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence

from harness.core.cause_hints import find_hint
from harness.core.causes import shorten_ids
from harness.core.gate import describe_undecided
from harness.core.plan import WHOLE_RUN
from harness.core.proof import PROOF_ID
from harness.core.report import CheckRow, Report
from harness.core.verdict import Status
from harness.core.visible_text import cut_text, fold_line, show_command
from harness.core.waiver import is_waived

from . import _view
from ._format import format_count, format_direction
from ._proof import list_unshown_checks

_MOST_PROMOTED = 3
"""Tests that one line of configuration names."""

SHOWN_BODY = 200
"""Characters of an answer's body that are shown beside a failure."""


def describe_others(rows: Sequence[CheckRow]) -> str:
    """`2 more checks have the same cause: smoke/test_answer.py::test_valid, ::test_latency`; empty for a single one."""
    others = sorted(rows[1:], key=lambda row: row.id)
    if not others:
        return ""
    have = "has" if len(others) == 1 else "have"
    return f"{format_count(len(others), 'more check')} {have} the same cause: {shorten_ids(row.id for row in others)}"


def describe_event(row: CheckRow) -> str:
    """What happened, for a headline: the reason of a FAIL or an ERROR; what was not decided, and why, of any other."""
    if row.verdict in (Status.FAIL, Status.ERROR):
        return row.reason
    return describe_undecided(row.title or row.id, row.reason)


def describe_answer(row: CheckRow) -> str:
    """The first characters of the answer that refutes the check; empty where there is none."""
    example = _view.find_smallest(row)
    response = example.response if example else None
    if not response or "status" not in response:
        return ""
    body = fold_line(str(response.get("body") or ""), SHOWN_BODY + 40)
    return f"answer: HTTP {response['status']} {cut_text(body, SHOWN_BODY) or '(no body)'}"


def describe_hint(row: CheckRow) -> str:
    """The hint for a well-known cause; empty where none fits."""
    if row.verdict not in (Status.FAIL, Status.ERROR):
        return ""
    example = _view.find_smallest(row)
    request, response = (example.request, example.response) if example else (None, None)
    return find_hint(row.reason, request, response)


def describe_figures(row: CheckRow) -> str:
    """The estimate with its bounds and limit; beside the share of a latency objective its observed percentile."""
    if row.estimate is None or row.limit is None:
        return ""
    limit = f"limit {format_direction(row.direction)} {_view.format_figure(row, row.limit)}"
    figures = f"{_view.format_figure(row, row.estimate)} ({_view.format_bounds(row)}), {limit}"
    observed = next((note for note in row.notes if note.startswith("observed p")), "")
    if not observed:
        return figures
    return f"{row.objective}: {observed.partition(' (not')[0]}; share over the limit {figures}"


def describe_promotion(report: Report, rows: Iterable[CheckRow] | None = None) -> str:
    """The line of aiharness.toml by which the warnings of the run would block, or the first of these; else empty.

    What the user has chosen is left out: tests and objectives have a level of their own, a waiver its reason.
    """
    tests: dict[str, None] = {}
    for row in report.checks if rows is None else rows:
        is_chosen = row.objective or is_waived(report.waivers, row.id) or not row.id.startswith("ai-suite/")
        if _view.is_warning(row) and not is_chosen:
            tests[fold_line(row.id.removeprefix("ai-suite/").partition("[")[0], 200)] = None
    if not tests:
        return ""
    if rows is not None:
        tests = dict.fromkeys([*tests][:1])
    if len(tests) > _MOST_PROMOTED:
        return '[run] profile = "strict" makes all warnings block; [run] block = ["…"] some, by their ids'
    return f"to block on this, write [run] block = {json.dumps(list(tests))}"


def describe_warnings(report: Report) -> str:
    """How many checks warn, and what would make them block; empty where none does."""
    number = sum(map(_view.is_warning, report.checks))
    if not number:
        return ""
    parts = (f"{format_count(number, 'warning')}, not blocking", describe_promotion(report))
    return "; ".join(filter(None, parts))


def list_repeat_commands(row: CheckRow, report: Report, run_path: str = "") -> list[str]:
    """The commands that show it again, from any folder: the one request where there is one, and the check.

    A check of the whole run has none: `aiharness rerun` refuses it.
    """
    example = _view.find_smallest(row)
    commands = [example.curl] if example and example.curl else []
    if row.id.startswith(WHOLE_RUN):
        return commands
    run = run_path or fold_line(report.run.id, 200)
    return [*commands, shlex.join(["aiharness", "rerun", run, show_command(row.id, 2000)])]


def write_pytest_command(row: CheckRow, report: Report) -> str:
    """The command of pytest that judges the check again in the folder of the configuration; empty for no test."""
    if "::" not in row.id:
        return ""
    options = (f"--ai-suite={row.suite}", f"--ai-endpoint={report.target.url}")
    return show_command(shlex.join(["pytest", *options, row.id]), 4000)


def describe_evidence(row: CheckRow, report: Report, run_path: str = "") -> str:
    """All that a reader of another format needs of an open check, a line for each thing."""
    parts = [f"{row.verdict} ({row.level}): {row.reason}", f"checked: {row.title}"]
    if row.estimate is not None:
        parts.append(
            f"{row.metric or 'estimate'}: {_view.format_figure(row, row.estimate)}, bounds {_view.format_bounds(row)}, "
            f"limit {format_direction(row.direction)} {_view.format_figure(row, row.limit)}, n {row.n}"
        )
    if example := _view.find_smallest(row):
        parts += [f"counterexample: {example.summary}", describe_answer(row)]
        if example.curl:
            parts.append(f"curl: {example.curl}")
    if row.id == PROOF_ID:
        parts += [f"not shown: {line}" for line in list_unshown_checks(report)]
    parts += [
        describe_hint(row),
        *(f"again: {command}" for command in list_repeat_commands(row, report, run_path)[-1:]),
        _view.advise_on(row),
        *row.notes,
    ]
    return "\n".join(filter(None, parts))


def describe_decision(report: Report) -> str:
    """How much was judged, the exit status, and what the decision must not hide, a line for each thing."""
    run = report.run
    lines = (
        *(_view.format_coverage(report), f"exit status {run.exit_status}", *run.loosened, run.interrupted or ""),
        describe_warnings(report),
    )
    return "\n".join(filter(None, lines))


def split_test_id(row: CheckRow) -> tuple[str, str]:
    """`ai-suite/smoke/test_a.py::TestX::test_b[c]` as (`ai-suite.smoke.test_a.TestX`, `test_b[c]`)."""
    test, bracket, case = row.id.partition("[")
    module, _, name = test.rpartition("::")
    classname = module.replace(".py", "").replace("::", ".").replace("/", ".") or row.suite
    return classname, f"{name}{bracket}{case}"
