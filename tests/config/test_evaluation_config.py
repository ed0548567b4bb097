"""Mistakes in `[evaluation]` and its file are one clear error; its helpers never get the secret of the endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import ConfigError
from harness.core.settings import Settings

QUESTIONS = [{"prompt": f"{i}?", "reference": str(i)} for i in range(3)]
OBJECTIVE = '[[objective]]\nsuite = "validation"\nmetric = "%s"\nlimit = "%s"\n'
VECTORS = '[evaluation]\nfile = "q.jsonl"\n[evaluation.embeddings]\nurl = "http://127.0.0.1:1"\nmodel = "e"\n'


def read(folder: Path, text: str, rows: list[Any] | None = None, environ: dict[str, str] | None = None) -> Settings:
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS if rows is None else rows)))
    (folder / "aiharness.toml").write_text(text)
    options = Options(endpoint="http://127.0.0.1:9", suites=("validation",))
    return resolve_settings(options, environ or {}, [folder])


def test_the_items_are_read_with_their_references(tmp_path: Path) -> None:
    rows = [
        *QUESTIONS,
        QUESTIONS[0],
        {"messages": [{"role": "user", "content": "x"}], "reference": ["a", "b"], "id": 7},
    ]
    evaluation = read(tmp_path, '[evaluation]\nfile = "q.jsonl"\nrepeats = 3\n', rows).evaluation
    assert evaluation is not None
    assert [item.id for item in evaluation.items] == ["row 1", "row 2", "row 3", "item 7"]
    assert (evaluation.repeated, evaluation.repeats, evaluation.k, evaluation.claims) == (1, 3, 3, "items")
    assert evaluation.describe()["digest"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[evaluation]\nfile = "nowhere.jsonl"', r"toml:2: evaluation.file: .*nowhere.jsonl does not exist"),
        ('[evaluation]\nfile = "q.jsonl"\ngrader = "exakt"', r"toml:3: evaluation.grader: .*Did you mean 'exact'"),
        ('[evaluation]\nfile = "q.jsonl"\nk = 2', r"toml:3: evaluation.k: must be at most repeats, which is 1"),
        ('[evaluation]\nfile = "q.jsonl"\nrepeats = 0', r"toml:3: evaluation.repeats: must be over 0"),
        ('[evaluation]\nfile = "q.jsonl"\ntolerance = -1.0', r"toml:3: evaluation.tolerance: must be 0 or more"),
        ('[evaluation]\nfile = "q.jsonl"\nclaims = "all"', r"toml:3: evaluation.claims: must be one of"),
        ('[evaluation]\nfile = "q.jsonl"\ngrader = "function"', r"q.jsonl: row 1: reference: .*function = "),
        ('[evaluation]\nfile = "q.jsonl"\ngrader = "embedding"', r"row 1: reference: .*\[evaluation.embeddings\] url"),
        (OBJECTIVE % ("graded_accuracy", ">= 90%"), r"objective\[0\].metric: graded_accuracy needs prompts"),
        (
            '[evaluation]\nfile = "q.jsonl"\n' + OBJECTIVE % ("loop_rate", ">= 1%"),
            r"loop_rate takes an upper bound between 0 and 1",
        ),
        (
            f'{VECTORS}credentials = {{ scheme = "bearer" }}',
            r"evaluation.embeddings.credentials: name its own secret",
        ),
        ('[judge]\nurl = "http://127.0.0.1:1"\nmodel = "j"', r"toml:1: judge: needs prompts"),
    ],
)
def test_mistakes_of_the_section_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"reference": "a"}, r"q.jsonl:2: prompt: has no prompt"),
        ({"prompt": " ", "reference": "a"}, r"q.jsonl:2: prompt: has no prompt"),
        ({"prompt": "x", "reference": ""}, r"row 2: reference: the reference is blank"),
        ({"prompt": "x"}, r"row 2: reference: the reference must be a text"),
        ({"prompt": "x", "reference": "a", "tools": []}, r"q.jsonl:2: tools: must be a list of tools"),
        ({"prompt": "x", "reference": "a", "calls": "yes"}, r"q.jsonl:2: calls: must be true or false"),
        ({"prompt": "x", "reference": "a", "grader": "exakt"}, r"unknown grader 'exakt'"),
        ({"prompt": "0?", "reference": "other"}, r"row 2: asks the same as row 1 and has another reference"),
        ({"messages": ["x"], "reference": "a"}, r"q.jsonl:2: messages: messages must be a list of objects"),
        ("text", r"q.jsonl:2: must be an object"),
    ],
)
def test_mistakes_of_a_row_are_named(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, '[evaluation]\nfile = "q.jsonl"\n', [QUESTIONS[0], row])


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    read(tmp_path, '[evaluation]\nfile = "q.jsonl"\n')
    (tmp_path / "q.jsonl").write_text('{"prompt": "x", "reference": "a", "reference": "b"}')
    with pytest.raises(ConfigError, match="the key 'reference' occurs 2 times"):
        resolve_settings(Options(endpoint="http://127.0.0.1:9", suites=("validation",)), {}, [tmp_path])


def test_without_any_reference_only_what_needs_none_is_judged(tmp_path: Path) -> None:
    settings = read(tmp_path, '[evaluation]\nfile = "q.jsonl"\n', [{"prompt": "a"}, {"prompt": "b"}])
    assert settings.evaluation is not None
    assert {item.grader for item in settings.evaluation.items} == {"none"}
    assert settings.evaluation.count_samples("graded_accuracy", 10) == 0


def test_a_helper_has_a_secret_of_its_own_which_no_output_shows(tmp_path: Path) -> None:
    text = f'{VECTORS}credentials = {{ env = "VECTOR_KEY" }}\n'
    secrets = {"AIHARNESS_API_KEY": "secret-of-the-endpoint", "VECTOR_KEY": "secret-of-the-vectors"}
    settings = read(tmp_path, text, environ=secrets)
    assert settings.evaluation is not None
    assert settings.evaluation.embeddings is not None
    assert settings.evaluation.embeddings.credentials is not None
    assert settings.evaluation.embeddings.credentials.secret.value == "secret-of-the-vectors"
    assert {"secret-of-the-endpoint", "secret-of-the-vectors"} <= set(settings.list_secrets())
    assert "secret-of" not in repr(settings)
    bare = read(tmp_path, VECTORS, environ=secrets).evaluation
    assert bare is not None
    assert bare.embeddings is not None
    assert bare.embeddings.credentials is None
