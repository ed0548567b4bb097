"""A server whose model embeds or reranks is judged as such, though its list of models does not say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.checks.generation.thinking import EMPTY_TRIES
from harness.core.endpoint import Endpoint
from harness.io.client import Client
from harness.reference.settings import EMBEDDING_MODEL
from harness.run.preflight import Preflight, describe_model_choice, run_preflight
from tests.programs import run_module
from tests.services import QUICK, Answered, serving

REFUSED = {"error": {"message": "not found", "type": "invalid_request_error"}}


def chat(text: str | None, finish: str = "stop", **usage: int) -> Answered:
    message = {"role": "assistant", "content": text}
    return 200, {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage or None}


def embed(model: str) -> Answered:
    return 200, {"object": "list", "model": model, "data": [{"index": 0, "embedding": [0.6, 0.8]}]}


class Models:
    """An OpenAI-like server: its models, what each route answers, and the paths that were posted to."""

    def __init__(self, models: Sequence[str], **routes: Callable[[dict[str, Any]], Answered]) -> None:
        self.models, self.routes = models, routes
        self.posted: list[str] = []

    def answer(self, path: str, body: Any) -> Answered:
        if body is None:
            if path == "/v1/models":
                return 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}
            return 404, REFUSED
        name = path.rpartition("/")[2]
        self.posted.append(name)
        return self.routes[name](body) if name in self.routes else (404, REFUSED)


@contextmanager
def look_at(server: Models, **changes: Any) -> Iterator[Preflight]:
    with serving(server.answer) as url:
        endpoint = Endpoint(url, deadlines=QUICK, **changes)
        with Client(endpoint) as client:
            yield run_preflight(endpoint, client)


def find_protocol(server: Models, **changes: Any) -> str:
    with look_at(server, **changes) as preflight:
        assert preflight.obstacle is None
        return preflight.protocol


def embed_only(body: dict[str, Any]) -> Answered:
    return embed(body["model"]) if "input" in body and "model" in body else (400, REFUSED)


@pytest.mark.parametrize(
    "refusal",
    [
        (400, {"error": {"message": "this model does not support chat"}}),
        (404, REFUSED),
        (405, {"detail": "Method Not Allowed"}),
        (422, {"detail": []}),
        (501, REFUSED),
        (500, {"error": {"message": "the tokenizer has no chat template"}}),
        chat(""),
        chat(None, completion_tokens=0),
    ],
    ids=lambda refusal: f"{refusal[0]}",
)
@pytest.mark.parametrize("model", ["model-a", "org/bge-small"])
def test_a_model_that_embeds_is_no_chat(refusal: Answered, model: str) -> None:
    server = Models([model], completions=lambda _: refusal, embeddings=embed_only)
    with look_at(server) as preflight:
        assert preflight.obstacle is None
        assert preflight.protocol == preflight.detected[0].protocol == "openai_embeddings"
        assert preflight.facts.models == (model,)
    assert len(server.posted) <= EMPTY_TRIES + 1


def test_an_unexplained_error_of_the_server_is_certain_by_the_name_only() -> None:
    routes: dict[str, Any] = {"completions": lambda _: (500, {"detail": "Internal Server Error"})}
    assert find_protocol(Models(["nomic-embed-text"], embeddings=embed_only, **routes)) == "openai_embeddings"
    with look_at(Models(["model-a"], embeddings=embed_only, **routes)) as preflight:
        assert preflight.no_protocol is not None
        assert "--ai-protocol=openai_embeddings or --ai-protocol=openai_chat" in preflight.no_protocol
    assert find_protocol(Models(["model-a"], **routes)) == "openai_chat"


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503])
def test_a_busy_or_closed_chat_stays_a_chat(status: int) -> None:
    server = Models(["model-a"], completions=lambda _: (status, REFUSED), embeddings=embed_only)
    assert find_protocol(server) == "openai_chat"
    assert server.posted == ["completions"]


@pytest.mark.parametrize(
    "answers",
    [
        [chat(""), chat("Hello.")],
        [chat("", "length", completion_tokens=16)],
        [chat("", completion_tokens=9)],
        [(200, {"choices": [{"message": {"content": "", "reasoning_content": "Hm."}, "finish_reason": "stop"}]})],
        [chat(""), chat(""), chat("Hello.")],
        [chat(""), (503, REFUSED)],
    ],
)
def test_a_chat_model_that_thinks_or_is_empty_once_stays_a_chat(answers: list[Answered]) -> None:
    left = list(answers)
    server = Models(["model-a"], completions=lambda _: left.pop(0) if len(left) > 1 else left[0], embeddings=embed_only)
    assert find_protocol(server) == "openai_chat"
    assert "embeddings" not in server.posted


def test_another_model_that_embeds_proves_nothing() -> None:
    def embed_one(body: dict[str, Any]) -> Answered:
        return embed("bge-m3") if body["model"] == "bge-m3" else (404, REFUSED)

    server = Models(["model-a", "bge-m3"], completions=lambda _: (400, REFUSED), embeddings=embed_one)
    assert find_protocol(server) == "openai_chat"
    assert find_protocol(server, model="bge-m3") == "openai_embeddings"


def test_a_mixed_list_is_asked_for_its_chat_model_and_says_so() -> None:
    def talk(body: dict[str, Any]) -> Answered:
        return chat("Hello.") if body["model"] == "model-a" else (400, REFUSED)

    server = Models(["bge-m3", "model-a"], completions=talk, embeddings=embed_only)
    with look_at(server) as preflight:
        assert (preflight.protocol, preflight.facts.models[0]) == ("openai_chat", "model-a")
        choice = describe_model_choice(Endpoint("http://h"), preflight)
        assert "'model-a' is asked, of 2" in choice
        assert "--ai-model=NAME" in choice
        assert describe_model_choice(Endpoint("http://h", model="bge-m3"), preflight) == ""


def test_a_name_that_misleads_is_put_right_by_the_answers() -> None:
    server = Models(["embed-helper"], completions=lambda _: chat("Hello."))
    assert find_protocol(server) == "openai_chat"


def test_a_model_that_reranks() -> None:
    scores = (200, {"results": [{"index": i, "relevance_score": 1.0 - i / 4} for i in range(3)]})
    for name in ("model-a", "bge-reranker-base"):
        server = Models([name], completions=lambda _: (400, REFUSED), rerank=lambda _: scores)
        assert find_protocol(server) == "rerank"


def test_who_names_the_protocol_keeps_it() -> None:
    server = Models(["model-a"], completions=lambda _: (400, REFUSED), embeddings=embed_only)
    assert find_protocol(server, protocol="openai_chat") == "openai_chat"
    assert server.posted == ["completions"]


def test_detect_and_init_send_with_consent_only(tmp_path: Path) -> None:
    server = Models(["model-a"], completions=lambda _: (400, REFUSED), embeddings=embed_only)
    with serving(server.answer) as url:
        assert "speaks openai_chat" in run_module("harness", "detect", url, cwd=tmp_path).stdout
        assert run_module("harness", "init", url, "--output=asked.toml", cwd=tmp_path).returncode == 0
        assert server.posted == []
        assert "speaks openai_embeddings" in run_module("harness", "detect", url, "--yes", cwd=tmp_path).stdout
        assert run_module("harness", "init", url, "--yes", cwd=tmp_path).returncode == 0
        text = (tmp_path / "aiharness.toml").read_text("utf-8")
        assert 'protocol = "openai_embeddings"' in text
        assert 'model = "model-a"' in text
        gate = run_module("harness", "gate", "--suite=smoke", cwd=tmp_path)
        assert "openai_embeddings" in gate.stdout
        assert gate.returncode in (0, 1), gate.stdout


def test_the_embeddings_of_the_reference(reference: str) -> None:
    endpoint = Endpoint(reference, deadlines=QUICK, model=EMBEDDING_MODEL)
    with Client(endpoint) as client:
        assert run_preflight(endpoint, client).protocol == "openai_embeddings"
