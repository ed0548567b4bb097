"""The table of docs/traps.md: which trap of a public list is named by which check, under which configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detection.catalogue import load_switch, switch_names
from detection.model_defect import load_model_defects
from detection.switch import Defect
from harness.suite import list_checks

_PATH = Path(__file__).with_name("traps.toml")
UNSEEN: Mapping[str, str] = {
    "files": "in the model's files",
    "inside": "in the engine's own figures",
    "machine": "on the machine, or before it starts",
    "measuring": "a mistake of who measures",
    "model": "the model is so",
    "speed": "it is only slow",
}
"""Why requests do not show a trap, by the word in the file."""
_IN_ENDPOINT = ("model", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """One trap: the seeded `defect` by which a check names it, or what we `lack`; or why requests do not show it.

    `probed`: the list itself names a probe of the endpoint for it.
    """

    title: str
    defect: str = ""
    lack: str = ""
    unseen: str = ""
    probed: bool = False


def read_traps() -> dict[int, Trap]:
    """The traps by their number in the list."""
    rows = tomllib.loads(_PATH.read_text("utf-8"))["traps"]
    return {int(number): Trap(**row) for number, row in rows.items()}


def find_catcher(name: str) -> tuple[str, str]:
    """The id of the check that catches a seeded defect, or its beginning, and the configuration that it needs."""
    if name not in switch_names(Defect):
        defect = load_model_defects()[name]
        return f"ai-suite/validation/{defect.caught_by}", "the trial's own `aiharness.toml`, with data"
    switch = load_switch(Defect, name)
    if switch.load is not None:
        return switch.caught_by, "`[load]`, an objective"
    words = [f"`[promises] {key} = {_format_value(value)}`" for key, value in switch.promises.items()]
    if switch.caught_by.startswith("ai-suite/adversarial/"):
        words.append("`--ai-suite=adversarial`")
    specs = [
        check.spec
        for suite in ("smoke", "integration")
        for check in list_checks(suite)
        if check.id.startswith(switch.caught_by.partition("[")[0])
    ]
    needed = {ground for spec in specs for ground in spec.grounds}
    words += [f"`[endpoint] {name}`" for name in _IN_ENDPOINT if name in needed]
    return switch.caught_by, ", ".join(words) or "none"


def _format_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def format_trap_table() -> str:
    """How many traps are named, and the table of them all, as Markdown."""
    traps = read_traps()
    rows = [_count_traps(traps), ""]
    rows += ["| trap | what it is | seen by requests | check | configuration | defect |", "|---|---|---|---|---|---|"]
    for number, trap in traps.items():
        rows.append(f"| {number} | {trap.title} | {_describe(trap)} |")
    return "\n".join(rows) + "\n"


def _count_traps(traps: Mapping[int, Trap]) -> str:
    seen = [trap for trap in traps.values() if not trap.unseen]
    probed = [trap for trap in traps.values() if trap.probed]
    named, named_probed = sum(bool(trap.defect) for trap in seen), sum(bool(trap.defect) for trap in probed)
    defects = len({trap.defect for trap in seen if trap.defect})
    return (
        f"Of {len(traps)} traps requests show {len(seen)}, and checks name {named} of these, each by a seeded defect "
        f"of its kind ({defects} defects). For {len(probed)} of the {len(traps)} the list itself names a probe of the "
        f"endpoint: {named_probed} of those are named."
    )


def _describe(trap: Trap) -> str:
    if trap.unseen:
        return f"no: {UNSEEN[trap.unseen]} | | |"
    if trap.lack:
        return f"yes | not named: we lack {trap.lack} | |"
    check, configuration = find_catcher(trap.defect)
    return f"yes | `{check.removeprefix('ai-suite/')}` | {configuration} | `{trap.defect}`"
