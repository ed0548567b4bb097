"""`gate.json`: the whole report, the only source of every other format.

Its schema is `harness/data/gate.schema.json`.
"""

from __future__ import annotations

from harness.core.report import Report

from ._plain import convert_report, write_json

SUFFIX = ".json"


def render(report: Report) -> str:
    """The report as indented JSON, fields in the order of the model: the same report gives the same bytes."""
    return write_json(convert_report(report))
