"""The shipped JSON Schema of aiharness.toml takes what the harness takes, and refuses what it refuses."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.commands import demo, init_file
from harness.config import schema as config_schema

ROOT = Path(__file__).parents[2]
PUT_IN = {
    "@METRIC@": '"latency p95"',
    "@URL@": '"http://h:1"',
    "@PROTOCOL@": '"v2"',
    "@MODEL@": 'model = "m"',
    "@SAMPLE@": "sample = [1.0]",
    "@EXPECT@": "expect = 1.0",
    "@CREDENTIALS@": "",
    "@REFUSES@": 'refuses = ["missing_field"]',
    "@TEMPLATE@": "",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(files("harness.data").joinpath("config.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def test_the_shipped_schema_is_the_one_that_the_code_makes() -> None:
    on_disk = files("harness.data").joinpath("config.schema.json").read_text("utf-8")
    assert on_disk == config_schema.format_schema(), "run: make generate"


@pytest.mark.parametrize("path", [demo.CONFIG, init_file.TEMPLATE, *sorted((ROOT / "examples").glob("*.toml"))])
def test_takes_every_configuration_of_ours(path: Path, schema: dict[str, Any]) -> None:
    text = path.read_text("utf-8")
    if path == init_file.TEMPLATE:
        text = re.sub(r"^# (?=\[|[a-z0-9_]+ = )", "", text, flags=re.MULTILINE)
        for name, value in PUT_IN.items():
            text = text.replace(name, value)
    jsonschema.validate(tomllib.loads(text), schema)


@pytest.mark.parametrize(
    "text",
    [
        "[endpoint]\nulr = 1",
        '[[objective]]\nsuite = "smoke"\nmetric = "latency"',
        '[[objective]]\nsuite = "smok"\nmetric = "latency"\nlimit = "<= 1s"',
        '[[fault]]\nlink = "a"\nkind = "latncy"',
        "[links.a]\napi = 8474",
        "[load]\nrate = 'fast'",
        "[adversarial]\neps = 'much'",
    ],
)
def test_refuses_what_the_harness_refuses(text: str, schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), schema)
