from __future__ import annotations

import json
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

from harness.commands.main import main
from harness.core.endpoint import Endpoint
from harness.core.report import CheckRow, Report, Target
from harness.core.settings import Settings
from harness.core.verdict import Status
from harness.data.schema import format_gate_schema, list_records, read_field_notes
from harness.io.rundir import read_gate
from harness.run.baseline import find_baseline

if TYPE_CHECKING:
    from tests.reports.conftest import Render


@pytest.fixture(scope="module")
def shipped_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(files("harness.data").joinpath("gate.schema.json").read_text("utf-8"))
    return schema


def test_the_shipped_schema_is_in_step_with_the_model() -> None:
    on_disk = files("harness.data").joinpath("gate.schema.json").read_text("utf-8")
    assert on_disk == format_gate_schema(), "run: python -m harness.data.schema > harness/data/gate.schema.json"


def test_the_schema_is_valid_and_every_field_is_described(shipped_schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(shipped_schema)
    for name, definition in shipped_schema["$defs"].items():
        assert definition.get("title"), name
        for field, described in definition.get("properties", {}).items():
            assert described.get("description"), f"{name}.{field}"


def test_the_sentence_below_a_field_describes_it_where_records_extend_it_too() -> None:
    assert read_field_notes(Target)["url"] == "Without credentials."
    assert read_field_notes(CheckRow)["estimate"] == "The point estimate."
    assert {Report, Target, CheckRow} <= list_records(Report)


@pytest.mark.parametrize("kind", ["sample", "empty", "hostile", pytest.param("huge", marks=pytest.mark.slow)])
def test_rendered_reports_are_valid_and_read_back(
    kind: str, render: Render, shipped_schema: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(kind)
    text = render("json", report)
    if kind == "huge":
        report = replace(report, checks=report.checks[:200])
        text = render("json", report)
    jsonschema.validate(json.loads(text, parse_constant=pytest.fail), shipped_schema)
    read = msgspec.json.decode(text, type=Report)
    assert read.run.verdict is report.run.verdict
    if kind != "hostile":
        assert msgspec.to_builtins(read) == msgspec.to_builtins(report)


def test_a_gate_json_with_fields_that_are_gone_is_still_read(
    tmp_path: Path, sample: Report, render: Render, shipped_schema: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """Reports written before `p_raw` and a slice's `verdict` were removed: as a baseline, and by `aiharness report`."""
    gate = json.loads(render("json", sample))
    for row in gate["checks"]:
        row["p_raw"] = 0.03
        for part in row["slices"]:
            part["verdict"] = "PASS"
    assert any(row["slices"] for row in gate["checks"])
    jsonschema.validate(gate, shipped_schema)
    path = tmp_path / "gate.json"
    path.write_text(json.dumps(gate))
    assert msgspec.to_builtins(read_gate(path)) == msgspec.to_builtins(sample)
    baseline = find_baseline(Settings(Endpoint("http://127.0.0.1:1", "openai_chat"), ("smoke",), baseline=str(path)))
    assert baseline is not None
    assert baseline.report is not None
    assert main(["report", str(path), "--format=json"]) == sample.run.exit_status
    assert json.loads(capfd.readouterr().out) == json.loads(render("json", sample))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda gate: gate.pop("schema"),
        lambda gate: gate.update(schema="aiharness.gate/2"),
        lambda gate: gate["run"].update(verdict="GREEN"),
        lambda gate: gate["checks"][0].pop("verdict"),
        lambda gate: gate["checks"][0].update(ci=[0.1]),
        lambda gate: gate["distributions"][0]["bounds"].append(None),
    ],
)
def test_the_schema_refuses_what_is_no_report(
    spoil: Any, sample: Report, render: Render, shipped_schema: dict[str, Any]
) -> None:
    gate = json.loads(render("json", sample))
    spoil(gate)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(gate, shipped_schema)


def test_figures_that_are_not_finite_become_null_with_a_note(sample: Report, render: Render) -> None:
    row = replace(sample.checks[0], estimate=float("nan"), ci=(float("-inf"), 0.5))
    gate = json.loads(render("json", replace(sample, checks=(row,))))
    assert gate["checks"][0]["estimate"] is None
    assert gate["checks"][0]["ci"] == [None, 0.5]
    assert "checks[0].estimate, checks[0].ci[0]" in gate["notes"][-1]


def test_the_fields_keep_the_models_order(sample: Report, render: Render) -> None:
    gate = json.loads(render("json", sample))
    assert list(gate) == ["schema", *(field.name for field in fields(Report) if field.name != "schema")]
    assert {row["verdict"] for row in gate["checks"]} <= {str(status) for status in Status}
