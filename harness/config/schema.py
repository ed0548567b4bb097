"""The JSON Schema of aiharness.toml, for editors; `python -m harness.config.schema` prints it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.config.sections import ConfigFile
from harness.core.fault import FaultKind, Parameter, load_fault
from harness.core.objective import METRICS
from harness.core.registry import list_plugins
from harness.core.verdict import Level


def config_schema() -> dict[str, Any]:
    """The schema (draft 2020-12); an unknown key is an error in it, as it is for the harness."""
    made = msgspec.json.schema(ConfigFile)
    records = made["$defs"]
    for record in records.values():
        record["additionalProperties"] = False
    records["ObjectiveSection"]["properties"]["suite"]["enum"] = list(METRICS)
    records["ObjectiveSection"]["properties"]["level"]["enum"] = list(Level)
    kinds = [load_fault(name) for name in list_plugins("faults")]
    records["Fault"]["properties"]["kind"]["enum"] = [kind.name for kind in kinds]
    records["Fault"]["allOf"] = [_describe_kind(kind) for kind in kinds]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "aiharness.toml", **made}


def _describe_kind(kind: FaultKind[Any]) -> dict[str, Any]:
    """What a `[[fault]]` of this kind may say."""
    attributes = {parameter.name: _describe_parameter(parameter) for parameter in kind.parameters}
    properties = {
        "attributes": {"properties": attributes, "additionalProperties": False},
        "stream": {"enum": list(kind.streams)},
    }
    selector = {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]}
    return {"if": selector, "then": {"description": kind.title, "properties": properties}}


def _describe_parameter(parameter: Parameter) -> dict[str, Any]:
    row: dict[str, Any] = {"description": parameter.title, "default": parameter.default}
    if isinstance(parameter.default, str):
        choices = {"enum": list(parameter.choices)} if parameter.choices else {}
        return {**row, "type": "string", **choices}
    unit = f" ({parameter.unit})" if parameter.unit else ""
    row["description"] += unit
    return {**row, "type": "integer", "minimum": parameter.low, "maximum": parameter.high}


def format_schema() -> str:
    """The schema as the file holds it."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(format_schema(), end="")
