"""Labelled rows of named fields, over a service that takes nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_gate
from tests.services import Answered, serving


def answer(path: str, body: Any) -> Answered:
    """Class "rich" or "poor" of `{"person": {"age": int}, "income": number, "region": ...}`."""
    if path != "/predict":
        return (404, {"error": "not found"})
    try:
        age, income, region = body["person"]["age"], body["income"], body["region"]
    except (KeyError, TypeError):
        return 422, {"detail": "a field is missing"}
    if type(age) is not int or type(income) not in (int, float) or region not in ("north", "south", None):
        return 422, {"detail": "a field of the wrong type"}
    is_rich = income > (50 if region == "north" else 80)
    return 200, {"prediction": int(is_rich), "took": 0.1}


def write_config(folder: Path, url: str, data: str) -> None:
    (folder / "aiharness.toml").write_text(
        f"""[endpoint]
url = "{url}"
protocol = "plain_json"
sample = {{ age = 30, income = 10.5, region = "north" }}

[endpoint.template]
body = '{{"person": {{"age": {{{{age}}}}}}, "income": {{{{income}}}}, "region": {{{{region}}}}}}'
answer = "$.prediction"

[data]
file = "rows.csv"
{data}

[[objective]]
suite = "validation"
metric = "accuracy"
limit = ">= 90%"
"""
    )
    lines = ["age,income,region,label"]
    for number in range(160):
        region = ("north", "south", "")[number % 3]
        is_rich = number + 0.5 > (50 if region == "north" else 80)
        lines.append(f"{number}.0,{number + 0.5},{region},{'rich' if is_rich else 'poor'}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(("labels", "status"), [("{ poor = 0, rich = 1 }", 0), ("{ poor = 1, rich = 0 }", 1)])
def test_columns_categories_missing_cells_and_renamed_labels(tmp_path: Path, labels: str, status: int) -> None:
    with serving(answer) as url:
        write_config(tmp_path, url, f'missing = "null"\nlabels = {labels}')
        outcome = run_gate(tmp_path, suite="validation")
    assert outcome.status == status, outcome.out


def test_class_names_against_numbers_decide_nothing_and_name_the_map(tmp_path: Path) -> None:
    with serving(answer) as url:
        write_config(tmp_path, url, 'missing = "null"')
        outcome = run_gate(tmp_path, suite="validation")
    assert outcome.status == 20
    assert "map them with [data] labels" in " ".join(outcome.out.split())
