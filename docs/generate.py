"""Write what is made from the code: tables of faults, probes, defects and variants, and the schema of aiharness.toml.

`make generate` runs it; tests compare the files with the code. With `--power` the simulated table of what each metric
can see is made anew, which takes a minute; without it only metrics that the table lacks are simulated.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.validation_power import format_head, format_table
from detection.catalogue import load_switch, switch_names
from detection.model_defect import load_model_defects
from detection.switch import CHAT, COMPLETIONS, EMBEDDINGS, PLAIN, V2, Defect, Switch, Variant
from docs.bare_table import format_bare_table
from docs.server_cards import format_card_table, make_card_pages
from docs.trap_table import format_trap_table
from harness.config.schema import format_schema
from harness.core.disturbance import Disturbance
from harness.core.fault import FaultKind, Parameter, list_faults, load_fault
from harness.core.http_request import CONDITIONS
from harness.core.platform_action import PlatformAction
from harness.core.probe import ProbeKind
from harness.core.registry import list_plugins, load_plugin
from harness.metrics.quality_metric import list_metrics

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- make generate writes this table: {} -->\n", "<!-- end of the table -->\n"
_PROTOCOL_WORDS = {PLAIN: "plain", V2: "v2", CHAT: "chat", COMPLETIONS: "completions", EMBEDDINGS: "embeddings"}


def make_pages() -> dict[Path, str]:
    """The content of every generated file, or file with a generated table, by its path."""
    pages = ("configuration.md", "reference.md", "security.md", "servers.md", "traps.md", "validation.md")
    configuration, reference, security, servers, traps, validation = (ROOT / "docs" / name for name in pages)
    switches = _replace_table(reference.read_text("utf-8"), "defects", _format_defect_table())
    metrics = _replace_table(validation.read_text("utf-8"), "metrics", _format_metric_table())
    return {
        configuration: _replace_table(configuration.read_text("utf-8"), "faults", _format_fault_table()),
        security: _replace_table(security.read_text("utf-8"), "probes", _format_probe_table()),
        ROOT / "docs" / "detection.md": _replace_table(
            (ROOT / "docs" / "detection.md").read_text("utf-8"), "bare URL", format_bare_table()
        ),
        traps: _replace_table(traps.read_text("utf-8"), "traps", format_trap_table()),
        validation: _replace_table(metrics, "model defects", _format_model_defect_table()),
        reference: _replace_table(switches, "variants", _format_variant_table()),
        ROOT / "docs" / "servers.md": _replace_table(servers.read_text("utf-8"), "cards", format_card_table()),
        ROOT / "harness" / "data" / "config.schema.json": format_schema(),
    }


def _replace_table(page: str, name: str, table: str) -> str:
    """The page with this table between the two comments that enclose it. Raises `ValueError` without them."""
    begin = page.index(BEGIN.format(name)) + len(BEGIN.format(name))
    return page[:begin] + table + page[page.index(END, begin) :]


def _format_fault_table() -> str:
    """The table of every fault, as Markdown."""
    rows = ["| kind | what it does | attributes | example |", "|---|---|---|---|"]
    for name in sorted(list_faults()):
        kind = load_fault(name)
        attributes = "; ".join(map(_describe_parameter, _list_own_parameters(kind))) or "none"
        title = "; ".join([kind.title, *_list_conditions(kind)])
        rows.append(f"| `{kind.name}` | {title} | {attributes} | {_format_example(kind)} |")
    return "\n".join(rows) + "\n"


def _format_metric_table() -> str:
    """The table of every figure of answered rows, as Markdown."""
    rows = ["| metric | what it is | limit | needs | bounds |", "|---|---|---|---|---|"]
    for quality in list_metrics():
        metric = quality.metric
        keys = "".join(f", `{key}`" for key in metric.takes)
        limit = f"`{metric.direction}` {metric.unit}".rstrip()
        needs = ", ".join(quality.needs)
        rows.append(f"| `{metric.name}`{keys} | {metric.definition} | {limit} | {needs} | {quality.method} |")
    return "\n".join(rows) + "\n"


def _list_conditions(kind: FaultKind[Any]) -> list[str]:
    conditions = []
    if isinstance(kind, Disturbance):
        conditions.append("made by clients: without a link")
    if isinstance(kind, PlatformAction):
        conditions.append("made by the platform: with `platform` in place of `link`")
    if kind.needs_own_proxy:
        conditions.append("only with `aiharness proxy`")
    if kind.needs_streaming:
        conditions.append("only for streams")
    if len(kind.streams) == 1:
        conditions.append(f"only `{kind.streams[0]}`")
    if kind.by_request:
        conditions.append("strikes single requests")
    return conditions


def _list_own_parameters(kind: FaultKind[Any]) -> list[Parameter]:
    """Those that are not common to all faults on HTTP requests."""
    common = CONDITIONS if kind.by_request else ()
    return [parameter for parameter in kind.parameters if parameter.name not in common]


def _describe_parameter(parameter: Parameter) -> str:
    allowed = parameter.range.removeprefix("a whole number from ").replace("'", "`")
    default = "empty" if parameter.default == "" else f"`{parameter.default}`"
    return f"`{parameter.name}`: {parameter.title} ({allowed}, default {default})"


def _format_example(kind: FaultKind[Any]) -> str:
    values = asdict(kind.example)
    changed = [parameter.name for parameter in kind.parameters if values[parameter.name] != parameter.default]
    return f"`{{ {', '.join(f'{name} = {values[name]!r}' for name in changed)} }}`" if changed else "no attributes"


def _format_defect_table() -> str:
    """The table of every seeded defect, as Markdown."""
    rows = ["| name | what is wrong | in | caught by |", "|---|---|---|---|"]
    for name in switch_names(Defect):
        defect = load_switch(Defect, name)
        rows.append(f"{_describe_switch(defect)} `{defect.caught_by.removeprefix('ai-suite/')}` |")
    return "\n".join(rows) + "\n"


def _format_probe_table() -> str:
    """The table of every probe of a language model, as Markdown."""
    rows = ["| probe | what must hold | level | forms | needs | risks |", "|---|---|---|---|---|---|"]
    for name in list_plugins("probes"):
        kind: ProbeKind = load_plugin("probes", name).PROBE
        needs = ", ".join(f"`[promises] {ground}`" for ground in kind.grounds) or "nothing"
        forms = len(kind.make_forms(str))
        rows.append(f"| `{name}` | {kind.title} | {kind.level} | {forms} | {needs} | {', '.join(kind.tags)} |")
    return "\n".join(rows) + "\n"


def _format_model_defect_table() -> str:
    """The table of every seeded defect of a model, as Markdown."""
    rows = ["| name | what is wrong | named by | rows or prompts |", "|---|---|---|---|"]
    for defect in load_model_defects().values():
        rows.append(f"| `{defect.name}` | {defect.title} | `{defect.caught_by}` | {defect.n:,} |")
    return "\n".join(rows) + "\n"


def _format_variant_table() -> str:
    """The table of every healthy variant, as Markdown."""
    rows = ["| name | what is odd | in |", "|---|---|---|"]
    rows += [_describe_switch(load_switch(Variant, name)) for name in switch_names(Variant)]
    return "\n".join(rows) + "\n"


def _describe_switch(switch: Switch) -> str:
    words = ", ".join(_PROTOCOL_WORDS[protocol] for protocol in switch.protocols)
    return f"| `{switch.name}` | {switch.title} | {words} |"


def _write_power_table(*, anew: bool) -> None:
    page = ROOT / "docs" / "validation.md"
    text = page.read_text("utf-8")
    known = {} if anew else list_power_rows(text)
    missing = [metric.metric.name for metric in list_metrics() if metric.metric.name not in known]
    if missing or len(known) > len(list_metrics()):
        known |= list_power_rows(format_table(missing))
        lines = [known[metric.metric.name] for metric in list_metrics()]
        page.write_text(_replace_table(text, "power", format_head() + "".join(lines)), "utf-8")


def list_power_rows(page: str) -> dict[str, str]:
    """The lines of the table of what each metric can see, by metric."""
    _, _, table = page.rpartition(BEGIN.format("power"))
    lines = [line for line in table.splitlines(keepends=True) if line.startswith("| `")]
    return {line.split("`")[1]: line for line in lines}


def main() -> None:
    """Write every generated file."""
    for path, content in (make_pages() | make_card_pages()).items():
        path.write_text(content, "utf-8")
    _write_power_table(anew="--power" in sys.argv[1:])


if __name__ == "__main__":
    main()
