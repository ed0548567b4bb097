"""A differential oracle: the same weights say the same words in Ollama, transformers and vLLM.

Greedy decoding of this model is far from ties, so what differs is an engine's mistake, or ours in asking.
"""

from __future__ import annotations

import httpx
import pytest

from tests.servers.processes import ServerProcess
from tests.servers.row import Row
from tests.servers.rows import ollama, transformers, vllm

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
ENGINES: dict[str, tuple[Row, str]] = {
    "ollama": (ollama.ROWS[0], "tiny"),
    "transformers": (transformers.ROWS[0], "tiny-chat"),
    "vllm": (vllm.ROWS[0], "tiny-chat"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The texts by engine and prompt; one engine after another, since each fills the machine."""
    found = {}
    for engine, (row, model) in ENGINES.items():
        with row.started(tmp_path_factory.mktemp(engine)) as server:
            found[engine] = {prompt: _text(server, model, prompt) for prompt in PROMPTS}
    return found


def _text(server: ServerProcess, model: str, prompt: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": 32}
    answer = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=120, trust_env=False)
    assert answer.status_code == 200, answer.text
    content = answer.json()["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_engine_says_the_same(said: dict[str, dict[str, str]], prompt: str) -> None:
    texts = {engine: each[prompt] for engine, each in said.items()}
    assert len(set(texts.values())) == 1, texts
    expected = PROMPTS[prompt]
    assert expected is None or texts["ollama"].startswith(expected)
