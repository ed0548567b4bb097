"""Without a sample of its own, the endpoint is asked the first row of the data, where its form is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings

NUMBERS, FIELDS, TEXTS = "a,b,label\n1,2,x\n3,4,y\n", "age,zip,label\n1,k,x\n2,m,y\n", "prompt,label\nhello,yes\n"


@pytest.mark.parametrize(
    ("rows", "body", "data", "sample"),
    [
        (NUMBERS, None, "", [[1.0, 2.0]]),
        (NUMBERS, None, "shape = [2, 1]", [[[1.0], [2.0]]]),
        (FIELDS, None, "", [{"age": 1.0, "zip": "k"}]),
        (FIELDS, '{"rows": [{{input}}]}', "", {"age": 1.0, "zip": "k"}),
        (NUMBERS, '{"rows": [ {{input}} ]}', "", [1.0, 2.0]),
        (FIELDS, '{"person": {"age": {{age}}, "zip": {{zip}}}}', "", {"age": 1.0, "zip": "k"}),
        (NUMBERS, '{"a": {{a}}, "b": {{b}}}', "", {"a": 1.0, "b": 2.0}),
        (NUMBERS, "{{input}}", "", None),
        (TEXTS, None, "", None),
    ],
)
def test_the_first_row_has_the_form_of_the_template(
    tmp_path: Path, rows: str, body: str | None, data: str, sample: Any
) -> None:
    (tmp_path / "rows.csv").write_text(rows)
    template = "" if body is None else f"[endpoint.template]\nbody = '{body}'\n"
    (tmp_path / "aiharness.toml").write_text(f'{template}[data]\nfile = "rows.csv"\n{data}\n')
    options = Options(suites=("validation",), endpoint="http://127.0.0.1:1")
    assert resolve_settings(options, {}, [tmp_path]).endpoint.data_sample == sample


@pytest.mark.parametrize(
    ("metrics", "data", "answers"),
    [
        (("mae", "r2"), "", "numbers"),
        (("recall_at_k",), "", "vectors"),
        (("accuracy",), "", "classes"),
        (("mae", "macro_f1"), "", "classes"),
        (("mae",), 'task = "multiclass"', "classes"),
        ((), "", "classes"),
    ],
)
def test_whole_numbers_are_what_the_metrics_take_them_for(
    tmp_path: Path, metrics: tuple[str, ...], data: str, answers: str
) -> None:
    (tmp_path / "rows.csv").write_text("a,label\n1,151\n2,75\n")
    lines = [f'[data]\nfile = "rows.csv"\n{data}\n']
    for metric in metrics:
        limit = "<= 5" if metric == "mae" else ">= 0.5"
        k = "k = 1" if metric.endswith("_k") else ""
        lines.append(f'[[objective]]\nsuite = "validation"\nmetric = "{metric}"\nlimit = "{limit}"\n{k}\n')
    (tmp_path / "aiharness.toml").write_text("".join(lines))
    settings = resolve_settings(Options(suites=("validation",), endpoint="http://127.0.0.1:1"), {}, [tmp_path])
    assert settings.data is not None
    assert settings.data.dataset is not None
    assert settings.data.dataset.answers == answers
