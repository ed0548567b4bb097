"""The table of docs/detection.md: what a run finds that is given a URL and no promise, and what shows the rest."""

from __future__ import annotations

import json
from pathlib import Path

from detection.catalogue import load_switch
from detection.switch import Defect
from docs.trap_table import find_catcher

_PATH = Path(__file__).with_name("bare_url.json")


def read_bare_runs() -> dict[str, list[str]]:
    """The checks that failed in the run without promises on each seeded defect, by its name."""
    return {name: row["by"] for name, row in json.loads(_PATH.read_text("utf-8")).items()}


def format_bare_table() -> str:
    """How many defects are found without a promise, and the table of those that take one, as Markdown."""
    runs = read_bare_runs()
    shown = [name for name, checks in runs.items() if checks]
    promised = [name for name in shown if load_switch(Defect, name).promises]
    others = [f"`{name}` (by `{_shorten(runs[name][0])}`)" for name in promised]
    lines = [
        f"Of {len(runs)} seeded defects {len(shown)} are found ({len(shown) / len(runs):.0%}), {len(promised)} of them "
        f"although they were made to break a promise: {', '.join(others)}. The other {len(runs) - len(shown)}:",
        "",
        "| defect | what is wrong | configuration that shows it | check |",
        "|---|---|---|---|",
    ]
    for name in sorted(runs.keys() - set(shown)):
        check, configuration = find_catcher(name)
        lines.append(f"| `{name}` | {load_switch(Defect, name).title} | {configuration} | `{_shorten(check)}` |")
    return "\n".join(lines) + "\n"


def _shorten(check: str) -> str:
    return check.removeprefix("ai-suite/")
