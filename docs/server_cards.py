"""Server cards: one page for each real server that was judged, from the data that `make cards` measured.

`docs/servers/data/NAME.json` holds what a card needs of two runs of smoke and integration: `default`, from the bare
URL, and `strict`, with every promise of the row and the strict profile. The pages decide nothing; `make generate`
writes them. `docs/servers/findings.toml` says which failure is which finding of the documents.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from harness.core.registry import list_plugins
from harness.core.visible_text import fold_line
from harness.run.unprovoked import CHECK_ID
from harness.suite import list_checks

DOCS = Path(__file__).parent
CARDS = DOCS / "servers"
MODES = ("default", "strict")


@dataclass(frozen=True, slots=True)
class ServerFinding:
    """A defect that a page describes, with the patterns of the rows and the names of the checks that show it."""

    id: str
    page: str
    rows: tuple[str, ...]
    checks: tuple[str, ...]

    def covers(self, row: str, check: str, case: str) -> bool:
        """Whether a check's failure on a row is this finding; a check without `[case]` stands for all its cases."""
        name = check.rpartition("::")[2]
        is_named = name in self.checks or f"{name}[{case}]" in self.checks
        return is_named and any(fnmatch(row, pattern) for pattern in self.rows)


@cache
def list_server_findings() -> tuple[ServerFinding, ...]:
    """The findings of docs/servers/findings.toml, in its order."""
    findings = tomllib.loads((CARDS / "findings.toml").read_text("utf-8"))
    return tuple(
        ServerFinding(name, page, tuple(value["rows"].split()), tuple(value["checks"].split()))
        for page, values in findings.items()
        for name, value in values.items()
    )


def load_cards() -> dict[str, dict[str, Any]]:
    """The data of every card, by the name of its row."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((CARDS / "data").glob("*.json"))}


def make_card_pages() -> dict[Path, str]:
    """The page of every card, by its path."""
    return {CARDS / f"{name}.md": format_server_card(data) for name, data in load_cards().items()}


def format_card_table() -> str:
    """The table of all cards, as Markdown, with links as docs/servers.md needs them."""
    lines = ["| server | software | protocol | `default` | `strict` |", "|---|---|---|---|---|"]
    for name, data in load_cards().items():
        runs = " | ".join(_summarise(data["runs"][mode]) for mode in MODES)
        lines.append(f"| [{name}](servers/{name}.md) | {data['software']} | `{data['protocol']}` | {runs} |")
    return "\n".join(lines) + "\n"


def _summarise(run: dict[str, Any]) -> str:
    counts = _count_verdicts(run)
    counts["not run"] = run["missing"]
    shown = ("FAIL", "INCONCLUSIVE", "ERROR", "not run")
    parts = [f"{counts[verdict]} {verdict}" for verdict in shown if counts[verdict]]
    return f"**{run['verdict']}**" + (f": {', '.join(parts)}" if parts else "")


def _count_verdicts(run: dict[str, Any]) -> dict[str, int]:
    counts = dict.fromkeys(("PASS", "FAIL", "INCONCLUSIVE", "ERROR", "SKIPPED"), 0)
    counts["PASS"] = sum(run["passed"].values())
    for other in run["others"]:
        counts[other["verdict"]] += 1
    return counts


def format_server_card(data: dict[str, Any]) -> str:
    """One card as Markdown."""
    parts = [
        f"# Server card: {data['row']}\n",
        f"<!-- make generate writes this page from data/{data['row']}.json, which make cards measures -->\n",
        f"{_write_prose(data['description'])}\n",
        "[All cards](../servers.md#server-cards) · [what was found](../findings.md)\n",
        f"| software | `{data['software']}` |\n|---|---|\n| protocol | `{data['protocol']}` |\n"
        f"| `aiharness detect` names | {', '.join(f'`{name}`' for name in data['detected'])} |\n"
        f"| promises of `strict` | {_list_promises(data['promises'])} |\n",
        "## Decisions\n",
        _format_decisions(data),
        "## What fails\n",
        _format_failures(data),
        "## What is undecided\n",
        _format_undecided(data),
        "## What is not judged, and what would let it be\n",
        _format_unjudged(data),
        "## What the protocol or the endpoint does not offer\n",
        _format_skipped(data),
        "## What holds\n",
        _format_holding(data),
    ]
    return "\n".join(parts)


def _list_promises(promises: dict[str, Any]) -> str:
    return ", ".join(f"`{name} = {json.dumps(value)}`" for name, value in promises.items()) or "none"


def _format_decisions(data: dict[str, Any]) -> str:
    lines = ["| run | decision | PASS | FAIL | INCONCLUSIVE | SKIPPED | why |", "|---|---|---|---|---|---|---|"]
    for mode in MODES:
        run = data["runs"][mode]
        counts = _count_verdicts(run)
        figures = " | ".join(str(counts[verdict]) for verdict in ("PASS", "FAIL", "INCONCLUSIVE", "SKIPPED"))
        decision = f"**{run['verdict']}** (exit {run['exit_status']})"
        lines.append(f"| `{mode}` | {decision} | {figures} | {_write_prose(run['reason'])} |")
    lines += [f"\nOf `{mode}`, {text}" for mode in MODES if (text := _describe_silence(data["runs"][mode]))]
    commands = "".join(f"    {data['runs'][mode]['command']}\n" for mode in MODES)
    return "\n".join(lines) + f"\n\n{commands}"


def _describe_silence(run: dict[str, Any]) -> str:
    """In how many runs before this one the server fell silent for good."""
    times = run.get("silenced", 0)
    before = "the run before this one" if times == 1 else f"{times} runs before this one"
    return (
        f"{before} ended with a server that no longer answered anything ([L1](../servers-llm.md#l1))." if times else ""
    )


def _list_others(data: dict[str, Any], *verdicts: str) -> dict[tuple[str, str], dict[str, dict[str, str]]]:
    """What ended with one of these verdicts: by check and case, by run."""
    cases: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for mode in MODES:
        for other in data["runs"][mode]["others"]:
            if other["verdict"] in verdicts:
                cases.setdefault((other["check"], other["case"]), {})[mode] = other
    return cases


def _format_failures(data: dict[str, Any]) -> str:
    lines = ["| check | `default` | `strict` | what happened | finding |", "|---|---|---|---|---|"]
    for (check, case), modes in _list_others(data, "FAIL").items():
        levels = " | ".join(_describe_failure(data, mode, check, modes) for mode in MODES)
        reason = next(modes[mode]["reason"] for mode in reversed(MODES) if mode in modes)
        named = [item for item in list_server_findings() if item.covers(data["row"], check, case)]
        links = ", ".join(f"[{item.id}](../{item.page}.md#{item.id.lower()})" for item in named)
        lines.append(f"| {_name_check(check, case)} | {levels} | {_write_prose(reason)} | {links} |")
    return _table_or_nothing(lines)


def _describe_failure(data: dict[str, Any], mode: str, check: str, modes: dict[str, dict[str, str]]) -> str:
    if mode in modes:
        return modes[mode]["level"]
    run = data["runs"][mode]
    others = [other["verdict"] for other in run["others"] if other["check"] == check]
    if check in run["passed"]:
        return "holds"
    missing = "did not run" if run["missing"] or not run["passed"] else "not judged"
    return others[0] if others else missing


def _format_undecided(data: dict[str, Any]) -> str:
    lines = ["| check | run | why |", "|---|---|---|"]
    for mode in MODES:
        run = data["runs"][mode]
        if run["missing"]:
            lines.append(f"| {run['missing']} that did not run | `{mode}` | {_write_prose(run['reason'])} |")
    for (check, case), modes in _list_others(data, "INCONCLUSIVE", "ERROR").items():
        reason = next(iter(modes.values()))["reason"]
        lines.append(f"| {_name_check(check, case)} | {_name_modes(modes)} | {_write_prose(reason)} |")
    return _table_or_nothing(lines)


def _format_unjudged(data: dict[str, Any]) -> str:
    groups: dict[str, dict[str, list[str]]] = {}
    for mode in MODES:
        for sentence in data["runs"][mode]["not_judged"]:
            title, _, why = sentence.partition(": ")
            groups.setdefault(why, {}).setdefault(title, []).append(mode)
    lines = ["| what is missing | checks | run |", "|---|---|---|"]
    for why, titles in groups.items():
        for modes in dict.fromkeys(map(tuple, titles.values())):
            shown = "; ".join(title for title in titles if tuple(titles[title]) == modes)
            lines.append(f"| {_write_prose(why)} | {_write_prose(shown, 2000)} | {_name_modes(modes)} |")
    return _table_or_nothing(lines)


def _format_skipped(data: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for (check, case), modes in _list_others(data, "SKIPPED").items():
        groups.setdefault(next(iter(modes.values()))["reason"], []).append(_name_check(check, case))
    lines = [f"- {_write_prose(reason)}: {', '.join(names)}" for reason, names in groups.items()]
    return "\n".join(lines or ["Nothing."]) + "\n"


def _format_holding(data: dict[str, Any]) -> str:
    lines = ["| what holds | check | cases in `default` | in `strict` |", "|---|---|---|---|"]
    default, strict = (data["runs"][mode]["passed"] for mode in MODES)
    for check in dict.fromkeys([*default, *strict]):
        title = _write_prose(list_card_titles().get(check, check))
        lines.append(f"| {title} | {_name_check(check, '')} | {default.get(check, '')} | {strict.get(check, '')} |")
    return _table_or_nothing(lines)


def _write_prose(text: str, limit: int = 500) -> str:
    """Words of a report as one cell of a table, without what Markdown or HTML would take for markup."""
    shown = fold_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$#])", r"\\\1", shown)


def _table_or_nothing(lines: list[str]) -> str:
    return "\n".join(lines if len(lines) > 2 else ["Nothing."]) + "\n"


def _name_check(check: str, case: str) -> str:
    name = check.rpartition("::")[2]
    return f"`{name}[{case}]`".replace("|", "\\|") if case else f"`{name}`"


def _name_modes(modes: Iterable[str]) -> str:
    names = tuple(modes)
    return "both" if len(names) == len(MODES) else f"`{names[0]}`"


@cache
def list_card_titles() -> dict[str, str]:
    """The title of every check that a card may name, by its id."""
    declared = (check for suite in list_plugins("suites") for check in list_checks(suite))
    return {check.id: check.spec.title for check in declared} | {CHECK_ID: "unprovoked failures"}
