"""Ollama answers with the tiny model: sensible text that stops by itself, and a prompt that runs on without end."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.servers.processes import ServerProcess

pytestmark = pytest.mark.servers
TEENS = "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
CYCLE = f"one two three four five six seven eight nine ten {TEENS}"


def _body(prompt: str, **more: object) -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": prompt}], "temperature": 0, **more}


def _chat(server: ServerProcess, prompt: str, **more: object) -> tuple[str, str]:
    """Text and finish reason of one whole answer."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.post(server.url + "/v1/chat/completions", json=_body(prompt, **more))
    assert answer.status_code == 200, answer.text
    (choice,) = answer.json()["choices"]
    return choice["message"]["content"], choice["finish_reason"]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Hello!", "Hello! How can I help you today?"),
        ("Say hello.", "Hello! How can I help you today?"),
        ("Where is the red fox?", "The red fox is on the roof."),
    ],
)
def test_an_answer_stops_by_itself(ollama_server: ServerProcess, prompt: str, text: str) -> None:
    assert _chat(ollama_server, prompt, max_tokens=64) == (text, "stop")


def test_counting_has_no_end(ollama_server: ServerProcess) -> None:
    """What tests of disconnects and kills need: only the ceiling ends it, many cycles in."""
    text, reason = _chat(ollama_server, "Count.", max_tokens=1500)
    assert reason == "length"
    assert text.startswith(f"{CYCLE} {CYCLE} one")
    assert len(text.split()) > 400


def test_a_stream_holds_the_same_text(ollama_server: ServerProcess) -> None:
    with (
        httpx.Client(trust_env=False, timeout=60) as client,
        client.stream("POST", ollama_server.url + "/v1/chat/completions", json=_body("Hello!", stream=True)) as answer,
    ):
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert events[-1] == "[DONE]"
    pieces = [json.loads(event)["choices"][0]["delta"]["content"] for event in events[:-1]]
    assert "".join(pieces) == "Hello! How can I help you today?"
    assert len(pieces) > 5
