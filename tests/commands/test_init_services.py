"""`aiharness init` and then the gate, on services as tutorials write them: PASS without an edit, FAIL once broken."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.programs import run_module
from tests.tutorials import (
    HTML,
    TUTORIALS,
    Reply,
    Tutorial,
    document,
    list_object,
    make_keyed,
    make_named,
    reply,
    serving_tutorial,
)

WHOLE_RUNS = (
    "named",
    "nested",
    "flask_fields",
    "sentiment",
    "upload",
    "event_stream",
    "texts",
    "list_body",
    "series",
    "writer",
    "recommender",
    "query",
    "get",
)
PASSING = ("named", "batch", "flask_fields", "upload", "text_stream", "query", "get", "page_upload", "texts", "series")
"""One of each way to take an input; the others are the same with other names."""


def init(folder: Path, url: str, *options: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = run_module("harness", "init", url, *options, cwd=folder, env=env, timeout=120)
    return done.returncode, done.stdout + done.stderr


def leave_out_objective(folder: Path) -> None:
    """What the endpoint is like decides; 300 requests over seven seconds that judge its latency add nothing."""
    path = folder / "aiharness.toml"
    before, objective, after = path.read_text().partition('\n[[objective]]\nsuite = "smoke"\n')
    assert objective
    path.write_text(before + after.partition("\n\n")[2])


def read_endpoint(folder: Path) -> dict[str, Any]:
    endpoint: dict[str, Any] = tomllib.loads((folder / "aiharness.toml").read_text())["endpoint"]
    return endpoint


@pytest.mark.parametrize("name", sample_cases(TUTORIALS, *PASSING))
def test_the_written_file_passes_without_an_edit(tmp_path: Path, name: str) -> None:
    tutorial = TUTORIALS[name]()
    with serving_tutorial(tutorial) as url:
        status, out = init(tmp_path, url, "--yes")
        assert status == 0, out
        assert f"proved: {tutorial.method} /" in out
        assert set(tutorial.posted) == {next(iter(tutorial.routes))}
        if name != "named":
            leave_out_objective(tmp_path)
        assert run_gate(tmp_path).status == 0
    if "stream" not in name:
        assert read_endpoint(tmp_path)["other_samples"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_cases(WHOLE_RUNS, "event_stream", "get"))
def test_the_integration_suite_passes_too(tmp_path: Path, name: str) -> None:
    with serving_tutorial(TUTORIALS[name]()) as url:
        assert init(tmp_path, url, "--yes")[0] == 0
        outcome = run_gate(tmp_path, suite="integration", timeout=180)
    assert outcome.status == 0, outcome.out


BREAKAGES: dict[str, tuple[Callable[[], Reply], str]] = {
    "500": (lambda: (500, HTML, b"<h1>Internal Server Error</h1>"), "HTTP 500"),
    "null": (lambda: reply({"prediction": None}), "null where the answer was expected"),
    "empty": (lambda: reply({}), "no member 'prediction'"),
    "404": (lambda: reply({"detail": "Not Found"}, 404), "HTTP 404"),
    "page": (lambda: (200, HTML, b"<h1>Please log in</h1>"), "JSON"),
}


@pytest.mark.parametrize("breakage", sample_cases(BREAKAGES, "500", "null", "page"))
def test_a_service_that_breaks_afterwards_fails(tmp_path: Path, breakage: str) -> None:
    tutorial = make_named()
    with serving_tutorial(tutorial) as url:
        assert init(tmp_path, url, "--yes")[0] == 0
        leave_out_objective(tmp_path)
        tutorial.broken, message = BREAKAGES[breakage]
        outcome = run_gate(tmp_path)
    assert outcome.status == 1
    assert message in outcome.out


@pytest.mark.parametrize(("name", "refused"), [("named", "missing_field"), ("upload", "file_of_text (protocol)")])
def test_bad_inputs_that_are_refused_are_promised_to_be(tmp_path: Path, name: str, refused: str) -> None:
    with serving_tutorial(TUTORIALS[name]()) as url:
        assert init(tmp_path, url, "--yes")[0] == 0
    assert refused in tomllib.loads((tmp_path / "aiharness.toml").read_text())["promises"]["refuses"]


def test_without_consent_nothing_is_sent_and_the_sample_is_the_documents(tmp_path: Path) -> None:
    tutorial = make_named()
    with serving_tutorial(tutorial) as url:
        status, out = init(tmp_path, url)
        assert (status, tutorial.posted) == (0, [])
        assert "nothing was sent that could be an inference" in out
        leave_out_objective(tmp_path)
        assert run_gate(tmp_path).status == 0


@pytest.mark.parametrize(("reply_typed", "is_sent"), [("y", True), ("n", False), ("", False)])
def test_a_person_at_a_terminal_is_asked_before_inferences_are_sent(
    tmp_path: Path, reply_typed: str, is_sent: bool
) -> None:
    tutorial = make_named()
    with serving_tutorial(tutorial) as url:
        status, out = type_into([sys.executable, "-m", "harness", "init", url], tmp_path, reply_typed)
    assert status == 0, out
    assert (
        "Send inferences to POST /predict, at most 168 of them, to find a valid input and what is refused? [y/N]" in out
    )
    assert bool(tutorial.posted) is is_sent
    assert ("proved: POST /predict" in out) is is_sent


def type_into(command: list[str], folder: Path, text: str) -> tuple[int, str]:
    """Run a program at a terminal of its own, and type a line once it asks; its exit status and what it showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    shown, has_typed, deadline = b"", False, time.monotonic() + 120
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1.0)[0]:
            continue
        try:
            data = os.read(master, 4096)
        except OSError:  # the program has ended
            break
        if not data:
            break
        shown += data
        if not has_typed and b"[y/N]" in shown:
            os.write(master, text.encode() + b"\n")
            has_typed = True
    os.close(master)
    return process.wait(60), shown.decode().replace("\r\n", "\n")


def test_without_consent_and_document_the_lines_are_commented(tmp_path: Path) -> None:
    tutorial = TUTORIALS["flask"]()
    with serving_tutorial(tutorial) as url:
        status, out = init(tmp_path, url)
        assert (status, tutorial.posted) == (21, [])
        assert "fill in the commented lines under [endpoint]" in out
        text = (tmp_path / "aiharness.toml").read_text()
        assert "template" not in read_endpoint(tmp_path)
        filled = text.replace("# sample = [[0.0, 0.0]]", "sample = [5.1, 3.5, 1.4, 0.2]")
        filled = filled.replace("# [endpoint.template]", "[endpoint.template]")
        filled = filled.replace("# body = '{{input}}'", "body = '{\"input\": {{input}}}'")
        (tmp_path / "aiharness.toml").write_text(filled)
        leave_out_objective(tmp_path)
        assert run_gate(tmp_path).status == 0


def test_a_key_goes_into_the_header_that_the_document_names(tmp_path: Path) -> None:
    tutorial = make_keyed()
    wrong, right = ({"AIHARNESS_API_KEY": secret} for secret in ("wrong-0123456789", "secret-0123456789"))
    with serving_tutorial(tutorial) as url:
        status, out = init(tmp_path, url, "--yes")
        assert (status, len(tutorial.posted)) == (21, 1)
        assert "put the secret into AIHARNESS_API_KEY" in out
        assert "it refuses the secret of AIHARNESS_API_KEY" in init(tmp_path, url, "--yes", "--force", env=wrong)[1]
        assert init(tmp_path, url, "--yes", "--force", env=right)[0] == 0
        credentials = read_endpoint(tmp_path)["credentials"]
        assert credentials == {"scheme": "header", "env": "AIHARNESS_API_KEY", "header": "X-Token"}
        assert run_gate(tmp_path, env=right).status == 0


def test_the_range_that_the_document_promises_is_expected(tmp_path: Path) -> None:
    tutorial = make_named()
    answer = list_object({"prediction": {"type": "string", "enum": ["setosa", "versicolor", "virginica"]}})
    content = {"application/json": {"schema": answer}}
    tutorial.document["paths"]["/predict"]["post"]["responses"] = {"200": {"content": content}}
    with serving_tutorial(tutorial) as url:
        assert init(tmp_path, url, "--yes")[0] == 0
        assert read_endpoint(tmp_path)["expect"] == {"one_of": ["setosa", "versicolor", "virginica"]}
        tutorial.broken = lambda: reply({"prediction": "error: model not found"})
        assert run_gate(tmp_path).status == 1


def test_the_answer_beside_probabilities_is_proposed_as_the_expected_one(tmp_path: Path) -> None:
    tutorial = make_named()
    inner = tutorial.routes["/predict"]

    def predict(raw: bytes) -> Reply:
        status, kind, body = inner(raw)
        if status != 200:
            return status, kind, body
        label = json.loads(body)["prediction"]
        return reply(
            {
                "label": ("setosa", "versicolor", "virginica").index(label),
                "probabilities": [0.25, 0.75] if label == "setosa" else [0.5, 0.5],
            }
        )

    tutorial.routes["/predict"] = predict
    with serving_tutorial(tutorial) as url:
        assert init(tmp_path, url, "--yes")[0] == 0
    text = (tmp_path / "aiharness.toml").read_text()
    assert '# expect = { path = "$.label", equals = 0 }' in text


def test_of_several_routes_one_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    tutorial = make_named()
    post = {"post": {"operationId": "x", "requestBody": tutorial.document["paths"]["/predict"]["post"]["requestBody"]}}
    changing = ("/predictions/delete", "/train_and_predict", "/upload_features", "/predict/{id}")
    tutorial.document["paths"] |= dict.fromkeys((*changing, "/predict_batch", "/explain"), post)
    with serving_tutorial(tutorial) as url:
        status, out = init(tmp_path, url, "--yes")
    assert status == 0
    assert set(tutorial.posted) == {"/predict"}
    assert "others that may be: /predict_batch" in out
    assert not any(path in out for path in changing)


def test_a_service_that_offers_no_inference_is_not_posted_to(tmp_path: Path) -> None:
    item = list_object({"name": {"type": "string"}})
    tutorial = Tutorial({"/orders": lambda _: reply({})}, document("/orders", item))
    tutorial.document["paths"]["/orders"]["post"] |= {"summary": "Create Order", "operationId": "create_order"}
    with serving_tutorial(tutorial) as url:
        status, out = init(tmp_path, url, "--yes")
    assert (status, tutorial.posted) == (21, [])
    assert "no path is announced that looks like an inference" in out
