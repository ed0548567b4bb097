"""The JSON Schema of `gate.json`, made from the report model; `gate.schema.json` beside this file is its output.

`python -m harness.data.schema > harness/data/gate.schema.json` writes it again; a test compares the two.

Tested in tests/reports/test_gate_schema.py.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from harness.core.report import SCHEMA, Report

_FIELD_NOTE = re.compile(r'^    (\w+): .+\n    """(.+)"""$', re.MULTILINE)


def list_records(hint: Any) -> set[Any]:
    """The records that values of this type are or hold."""
    if is_dataclass(hint):
        return {hint}.union(*map(list_records, get_type_hints(hint).values()))
    return set().union(*map(list_records, get_args(hint)))


def read_field_notes(record: type) -> dict[str, str]:
    """The sentence below each field of a record, and of the records that it extends."""
    notes: dict[str, str] = {}
    for home in record.__mro__[:-1]:
        notes |= dict(_FIELD_NOTE.findall(inspect.getsource(home)))
    return notes


def make_gate_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `gate.json`; readers must accept unknown fields."""
    schema = msgspec.json.schema(Report)
    definitions = schema["$defs"]
    for record in list_records(Report):
        for name, sentence in read_field_notes(record).items():
            definitions[record.__name__]["properties"][name]["description"] = sentence
    definitions["Report"]["properties"]["schema"]["const"] = SCHEMA
    definitions["Report"]["required"].append("schema")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "aiharness gate report",
        "description": "What one run of aiharness decided, with its evidence: the content of gate.json.",
        **schema,
    }


def format_gate_schema() -> str:
    """The schema as the content of the file."""
    return json.dumps(make_gate_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(format_gate_schema(), end="")
