"""The adversarial suite on real servers: a forest and a torch network, with labels and with scores, and chat models."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.conftest import run_gate
from tests.servers.environments import python_environment, run
from tests.servers.row import EXAMPLES, Place, Row, rows

pytestmark = pytest.mark.servers
EPS, INPUTS = 2.5, 20
CONFIG = f"""
[endpoint]
protocol = "plain_json"
[data]
file = "digits_heldout.csv"
group = "parity"
shape = [8, 8]
[adversarial]
eps = {EPS}
eps_l2 = 6
high = 16
budget = 80
inputs = {INPUTS}
attacks = ["square", "rays", "hop_skip_jump"]
[[objective]]
suite = "adversarial"
metric = "robust_accuracy"
limit = ">= 0.5"
"""


def serve_forest(place: Place) -> Sequence[str]:
    """LitServe's app answers with labels alone."""
    place.train("digits.joblib", "forest")
    return [str(place.python), place.app("litserve_app.py"), str(place.port)]


def serve_forest_with_scores(place: Place) -> Sequence[str]:
    place.train("digits.joblib", "forest")
    place.app("fastapi_app.py")
    return [place.tool("uvicorn"), "fastapi_app:app", "--host", "127.0.0.1", "--port", str(place.port)]


def serve_torch(*options: str) -> Callable[[Place], Sequence[str]]:
    """Torch is that of the environment which other tests install it in."""

    def serve(place: Place) -> Sequence[str]:
        env = {**find_torch(), "PATH": f"{place.python.parent}:{os.environ['PATH']}"}
        train = [str(place.python), place.app("torchserve_train.py"), "digits.pt"]
        run(train, env=env, cwd=place.folder)
        return [str(place.python), place.app("litserve_torch_app.py"), str(place.port), *options]

    return serve


def find_torch() -> dict[str, str]:
    packages = next(python_environment("torch").parents[1].glob("lib/python*/site-packages"))
    return {"PYTHONPATH": str(packages)}


def make_row(name: str, requirements: str, serve: Callable[[Place], Sequence[str]]) -> Row:
    return Row(name, requirements, serve, "/health", CONFIG, ("plain_json",), {})


SERVED = [
    make_row("forest-labels", "litserve", serve_forest),
    make_row("forest-scores", "web", serve_forest_with_scores),
    make_row("torch-labels", "litserve", serve_torch("labels")),
    make_row("torch-scores", "litserve", serve_torch()),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in SERVED])
def test_classifiers_are_attacked_by_what_they_answer(tmp_path: Path, row: Row) -> None:
    shutil.copy(EXAMPLES / "digits_heldout.csv", tmp_path)
    (tmp_path / "aiharness.toml").write_text(row.config)
    if row.name.startswith("torch"):
        row = replace(row, env=find_torch())
    (tmp_path / "server").mkdir()
    with row.run_server(tmp_path / "server") as server:
        options = ("-k", "test_square or test_attack or test_union", "--ai-allow-partial", "--ai-wait-ready=120")
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", *options, suite="adversarial")
        assert outcome.gate is not None, outcome.out + outcome.err
        findings = check_findings(outcome.run_dir, server.url)
    assert "Traceback" not in outcome.out + outcome.err
    verdicts = {check["id"]: check["verdict"] for check in outcome.gate["checks"]}
    assert "ERROR" not in verdicts.values(), outcome.out
    assert findings, "no attack found anything"
    union = outcome.check("test_union[robust_accuracy]")
    assert union["n"] == INPUTS
    square = outcome.check("test_square[robust_accuracy]")
    is_replaced = any("rays took its place" in note for note in square["notes"])
    assert is_replaced == row.name.endswith("labels")


def check_findings(run_dir: Path, url: str) -> int:
    """Ask the server for each finding without the harness; returns how many there were."""
    count = 0
    for path in (run_dir / "adversarial").glob("*.findings.jsonl"):
        for line in map(json.loads, path.read_text().splitlines()):
            answer = httpx.post(f"{url}/predict", json={"instances": [line["row"]]}, timeout=30).json()
            wrong = str(answer["predictions"][0]) != line["label"]
            assert wrong or line["state"] == "flaky", line
            assert line["norm"] != "linf" or line["distance"] <= EPS + 1e-6
            count += line["state"] == "confirmed"
    return count


CHAT = [row for row in rows() if row.name in ("llamacpp-openai_chat", "transformers")]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in CHAT])
def test_probes_of_a_model_that_knows_nothing_claim_nothing(tmp_path: Path, row: Row) -> None:
    """The tiny model follows no order: no probe passes for a model that shows no ability to give way.

    That names of special tokens in a message are read as the tokens is true of both servers (docs/findings.md).
    """
    (tmp_path / "aiharness.toml").write_text(row.config)
    (tmp_path / "server").mkdir()
    with row.run_server(tmp_path / "server") as server:
        options = ("-k", "test_probes or test_canary", "--ai-allow-partial", "--ai-wait-ready=120")
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", *options, suite="adversarial")
    assert outcome.gate is not None, outcome.out + outcome.err
    assert "Traceback" not in outcome.out + outcome.err
    checks = [check for check in outcome.gate["checks"] if "test_probes" in check["id"] or "test_canary" in check["id"]]
    assert len(checks) > 10
    verdicts = {check["id"].partition("::")[2]: check["verdict"] for check in checks}
    special = outcome.check("test_special_tokens")
    assert special["verdict"] == "FAIL"
    assert special["reason"].startswith("<|end|>: 16 times <|end|> in a user's message is"), special["reason"]
    assert {name for name, verdict in verdicts.items() if verdict == "FAIL"} == {"test_special_tokens"}, outcome.out
    assert not {"ERROR", "MISSING"} & set(verdicts.values())
    for name in ("test_own_prompt", "test_injection_document", "test_instruction_hierarchy", "test_output_markup"):
        assert verdicts[name] == "INCONCLUSIVE", outcome.out
