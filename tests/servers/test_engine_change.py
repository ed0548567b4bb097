"""From llama.cpp's server to llama-cpp-python's and back: the same weights pass, a wrong rotary base is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import GateOutcome, run_gate
from tests.servers.row import EXAMPLES, Place
from tests.servers.rows import llama_cpp_python, llamacpp

pytestmark = pytest.mark.servers
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CONFIG = """
[endpoint]
protocol = "openai_chat"
model = "tiny-chat"
[evaluation]
file = "prompts.jsonl"
margin = 0.05
options = { max_tokens = 48, logprobs = true, top_logprobs = 1 }
"""


def list_prompts() -> list[dict[str, object]]:
    """What the tiny model has learnt to answer, and the half of it with a tool that it does not call."""
    rows = [json.loads(line) for line in (EXAMPLES / "chat_labelled.jsonl").read_text().splitlines()]
    asked: list[dict[str, object]] = []
    for row in rows:
        # It adds wrongly: there it is right to write a sum at all.
        reference = row["label"] if row["kind"] != "sum" else "plus"
        asked.append({"prompt": row["input"], "reference": reference, "grader": "contains"})
    tools = [{"prompt": row["input"], "grader": "none", "tools": [WEATHER], "calls": False} for row in rows[::2]]
    return [*asked, {"prompt": "Count.", "grader": "none"}, *tools]


def serve_other_base(place: Place) -> Sequence[str]:
    """The rotary base of another model: it still speaks, a little otherwise."""
    return [*llama_cpp_python.whole(place), "--rope_freq_base", "1000"]


CPP, PYTHON = llamacpp.ROWS[0], llama_cpp_python.ROWS[1]
OTHER_BASE = replace(PYTHON, name="other-base", serve=serve_other_base)


@pytest.fixture(scope="module")
def cpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with CPP.run_server(tmp_path_factory.mktemp("cpp")) as server:
        yield server.url


def compare(folder: Path, url: str, baseline: str) -> GateOutcome:
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in list_prompts()))
    (folder / "aiharness.toml").write_text(CONFIG)
    options = f"--ai-endpoint={url}", f"--ai-baseline={baseline}", "-k", "fidelity", "--ai-allow-partial"
    return run_gate(folder, *options, suite="validation", timeout=200)


def test_the_same_weights_pass(cpp: str, tmp_path: Path) -> None:
    with PYTHON.run_server(tmp_path) as server:
        outcome = compare(tmp_path, server.url, cpp)
    assert outcome.status == 0, outcome.out + outcome.err
    assert "the second endpoint against itself: 0 of 180 differ" in outcome.check("test_chances")["notes"]


def test_a_wrong_rotary_base_is_seen_by_the_log_probabilities_alone(cpp: str, tmp_path: Path) -> None:
    with OTHER_BASE.run_server(tmp_path) as server:
        outcome = compare(tmp_path, server.url, cpp)
    assert outcome.gate is not None
    failed = [check["id"].split("::")[1] for check in outcome.gate["checks"] if check["verdict"] == "FAIL"]
    assert failed == ["test_chances"], outcome.out
