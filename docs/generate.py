"""Write what is made from the code: the table of faults in configuration.md and the JSON Schema of aiharness.toml.

`make generate` runs it; tests compare the files with the code.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.config.schema import format_schema
from harness.core.fault import FaultKind, Parameter, load_fault
from harness.core.registry import list_plugins

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "configuration.md"
BEGIN, END = "<!-- make generate writes this table -->\n", "<!-- end of the table -->\n"


def format_fault_table() -> str:
    """The table of every fault, as Markdown."""
    rows = ["| kind | what it does | attributes | example |", "|---|---|---|---|"]
    for name in list_plugins("faults"):
        kind = load_fault(name)
        attributes = "; ".join(map(_describe_parameter, kind.parameters)) or "none"
        title = "; ".join([kind.title, *_list_conditions(kind)])
        rows.append(f"| `{kind.name}` | {title} | {attributes} | {_format_example(kind)} |")
    return "\n".join(rows) + "\n"


def _list_conditions(kind: FaultKind[Any]) -> list[str]:
    conditions = []
    if kind.needs_own_proxy:
        conditions.append("only with `aiharness proxy`")
    if kind.needs_streaming:
        conditions.append("only for streams")
    if len(kind.streams) == 1:
        conditions.append(f"only `{kind.streams[0]}`")
    if kind.by_request:
        conditions.append("`toxicity` is the share of requests")
    return conditions


def _describe_parameter(parameter: Parameter) -> str:
    allowed = parameter.range.removeprefix("a whole number from ").replace("'", "`")
    default = "empty" if parameter.default == "" else f"`{parameter.default}`"
    return f"`{parameter.name}`: {parameter.title} ({allowed}, default {default})"


def _format_example(kind: FaultKind[Any]) -> str:
    values = asdict(kind.example)
    changed = [parameter.name for parameter in kind.parameters if values[parameter.name] != parameter.default]
    return f"`{{ {', '.join(f'{name} = {values[name]!r}' for name in changed)} }}`" if changed else "no attributes"


def main() -> None:
    """Write every generated file."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + format_fault_table() + END + rest.partition(END)[2], "utf-8")
    (ROOT / "harness" / "data" / "config.schema.json").write_text(format_schema(), "utf-8")


if __name__ == "__main__":
    main()
