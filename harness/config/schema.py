"""The JSON Schema of aiharness.toml, for editors; `python -m harness.config.schema` prints it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.config.sections import ConfigFile
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
    records["Fault"]["properties"]["kind"]["enum"] = list(list_plugins("faults"))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "aiharness.toml", **made}


def format_schema() -> str:
    """The schema as the file holds it."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(format_schema(), end="")
