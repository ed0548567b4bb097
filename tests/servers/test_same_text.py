"""A differential oracle: the same weights say the same words in every engine.

Greedy decoding of this model is far from ties, so what differs is an engine's mistake, or ours in asking.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.servers.processes import ServerProcess
from tests.servers.row import Row
from tests.servers.rows import llama_cpp_python, llamacpp, ollama, transformers, vllm

pytestmark = pytest.mark.servers
GREETING = "Hello! How can I help you today?"
PROMPTS = {
    "Hello!": GREETING,
    "Hi.": GREETING,
    "Say hello.": GREETING,
    "Where is the red fox?": "The red fox is on the roof.",
    "Where is the old owl?": "The old owl is on the roof.",
    "What is three plus zero?": None,
    "What is nine plus eight?": None,
    "Count.": "one two three four five six seven eight nine ten",
}
"""What is asked, and what must be answered; None where the model adds badly, the same in each engine."""
QUICK: dict[str, tuple[Row, str]] = {
    "llama.cpp": (llamacpp.ROWS[0], "tiny-chat"),
    "transformers": (transformers.ROWS[0], "tiny-chat"),
}
"""The engines that CI installs, and what the model is called there."""
SLOW: dict[str, tuple[Row, str]] = {
    "llama-cpp-python": (llama_cpp_python.ROWS[0], "tiny-chat"),
    "ollama": (ollama.ROWS[0], "tiny"),
    "vllm": (vllm.ROWS[0], "tiny-chat"),
}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return {engine: _list_texts(*at, tmp_path_factory.mktemp(engine)) for engine, at in QUICK.items()}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return {engine: _list_texts(*at, tmp_path_factory.mktemp(engine)) for engine, at in SLOW.items()}


def _list_texts(row: Row, model: str, folder: Path) -> list[str]:
    """The texts for PROMPTS; one engine after another, since each fills the machine."""
    with row.run_server(folder) as server:
        return [_text(server, model, prompt) for prompt in PROMPTS]


def _text(server: ServerProcess, model: str, prompt: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": 32}
    answer = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=120, trust_env=False)
    assert answer.status_code == 200, answer.text
    content = answer.json()["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


@pytest.mark.ci
def test_two_engines_say_what_was_learnt(quick: dict[str, list[str]]) -> None:
    first, second = quick.values()
    assert first == second
    for (prompt, expected), text in zip(PROMPTS.items(), first, strict=True):
        assert expected is None or text.startswith(expected), prompt


def test_the_others_say_the_same(quick: dict[str, list[str]], slow: dict[str, list[str]]) -> None:
    reference = quick["transformers"]
    assert {engine: texts for engine, texts in slow.items() if texts != reference} == {}
