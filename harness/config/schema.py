"""The JSON Schema of aiharness.toml, for editors; `python -m harness.config.schema` prints it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.config.file import CONFIG_FILE
from harness.config.sections import ConfigFile
from harness.core.fault import FaultKind, Parameter, list_faults, load_fault
from harness.core.registry import list_plugins
from harness.core.suite_policy import find_policy, list_sections, sort_suites
from harness.core.verdict import Level


def _build_schema() -> dict[str, Any]:
    """The schema (draft 2020-12); an unknown key is an error in it, as it is for the harness.

    It has the own sections of all suites that are installed.
    """
    sections = {name: section.record for name, section in list_sections().items()}
    models = msgspec.json.schema_components([ConfigFile, *sections.values()], ref_template="#/$defs/{name}")[1]
    for model in models.values():
        model["additionalProperties"] = False
    own_sections = models["ConfigFile"]["properties"]
    for name, record in sections.items():
        own_sections[name] = {"$ref": f"#/$defs/{record.__name__}"}
    objective = models["ObjectiveSection"]["properties"]
    objective["suite"]["enum"] = [name for name in sort_suites(list_plugins("suites")) if find_policy(name).metrics]
    objective["class"] = objective.pop("class_")
    objective["level"]["enum"] = list(Level)
    kinds = [load_fault(name) for name in list_faults()]
    models["FaultSection"]["properties"]["kind"]["enum"] = [kind.name for kind in kinds]
    models["FaultSection"]["allOf"] = [_describe_kind(kind) for kind in kinds]
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": CONFIG_FILE, "$ref": "#/$defs/ConfigFile", "$defs": models}


def _describe_kind(kind: FaultKind[Any]) -> dict[str, Any]:
    """The schema of a `[[fault]]` of this kind."""
    attributes = {parameter.name: _describe_parameter(parameter) for parameter in kind.parameters}
    properties = {
        "attributes": {"properties": attributes, "additionalProperties": False},
        "stream": {"enum": list(kind.streams)},
    }
    selector = {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]}
    return {"if": selector, "then": {"description": kind.title, "properties": properties}}


def _describe_parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": parameter.title, "default": parameter.default}
    if isinstance(parameter.default, str):
        schema["type"] = "string"
        if parameter.choices:
            schema["enum"] = list(parameter.choices)
        return schema
    if parameter.unit:
        schema["description"] += f" ({parameter.unit})"
    return {**schema, "type": "integer", "minimum": parameter.low, "maximum": parameter.high}


def format_schema() -> str:
    """The schema as the file holds it."""
    return json.dumps(_build_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(format_schema(), end="")
