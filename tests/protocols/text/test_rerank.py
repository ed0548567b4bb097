"""Rerank: the shape that its servers share, scores in the documents' order, and who offers it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Response, Usage
from harness.protocols.text.rerank import ADAPTER, DOCUMENTS, QUERY
from tests.protocols.recorded import load

ENDPOINT = Endpoint("http://127.0.0.1:1")
NOWHERE = Response(404, (("content-type", "application/json"),), b'{"detail":"Not Found"}')


def page(value: Any) -> Response:
    return Response(200, (("content-type", "application/json"),), json.dumps(value).encode())


def result(index: Any, score: Any, **more: Any) -> dict[str, Any]:
    return {"index": index, "relevance_score": score, **more}


def decode(*results: dict[str, Any], **more: Any) -> Answer:
    return ADAPTER.decode(ENDPOINT, Response(200, body=json.dumps({"results": results, **more}).encode()))


def test_answer_in_the_documents_order() -> None:
    answer = decode(
        result(2, 0.9, document={"text": "c"}),
        result(0, 0.5, document="a"),
        result(1, -1, document=None),
        id="rerank-1",
        model="bge",
        usage={"prompt_tokens": 12, "total_tokens": 14},
    )
    assert answer.outputs == {"scores": [0.5, -1.0, 0.9]}
    assert (answer.model, answer.usage) == ("bge", Usage(prompt_tokens=12, total_tokens=14))
    assert answer.usage is not None
    assert answer.usage.completion_tokens is None


def test_documents_left_out_are_named() -> None:
    """With `top_n` the scores alone would not say whose they are."""
    answer = decode(result(4, 0.9), result(1, 0.9))
    assert answer.outputs == {"scores": [0.9, 0.9], "index": [1, 4]}
    assert decode(result(0, 0.9)).outputs == {"scores": [0.9]}


@pytest.mark.parametrize(
    ("results", "place"),
    [
        ([], r"^\$\.results: no result"),
        ([result(0, 0.9), result(0, 0.8)], r"^\$\.results\[1\]\.index: index 0 occurs twice"),
        ([result(-1, 0.9)], r"^\$\.results\[0\]\.index: -1 is not the index"),
        ([result(True, 0.9)], r"\.index: True"),
        ([result("0", 0.9)], r"\.index"),
        ([{"relevance_score": 0.9}], r"\.index: None"),
        ([{"index": 0, "score": 0.9}], r"^\$\.results\[0\]\.relevance_score: null"),
        ([result(0, "0.9")], r"\.relevance_score: a string"),
        ([result(0, True)], r"\.relevance_score: a boolean"),
        ([result(0, 10**400)], r"\.relevance_score: .*not finite"),
        ([result(0, 0.1), result(1, 0.2)], r"^\$\.results\[1\]\.relevance_score: .*0\.2 follows 0\.1: the best"),
        ([result(0, 0.9, document=["a"])], r"\.document: an array"),
        (["a"], r"^\$\.results\[0\]: a string"),
    ],
)
def test_refused_results(results: list[Any], place: str) -> None:
    with pytest.raises(ProtocolError, match=place):
        decode(*results)


@pytest.mark.parametrize("body", [b"[]", b'{"results": {}}', b"{}", b'{"error": {"message": "full"}}'])
def test_refused_body(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        ADAPTER.decode(ENDPOINT, Response(200, body=body))


@pytest.mark.parametrize("usage", [{"total_tokens": -1}, {"prompt_tokens": "3"}, [3]])
def test_refused_usage(usage: Any) -> None:
    with pytest.raises(ProtocolError, match=r"\$\.usage"):
        decode(result(0, 1), usage=usage)
    assert decode(result(0, 1), usage=None).usage is None


@given(scores=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30), data=st.data())
def test_any_order_of_documents_there_and_back(scores: list[float], data: st.DataObject) -> None:
    ranked = sorted(range(len(scores)), key=lambda index: -scores[index])
    count = data.draw(st.integers(1, len(scores)))
    answer = decode(*(result(index, scores[index]) for index in ranked[:count]))
    index = answer.outputs.get("index", list(range(count)))
    assert index == sorted(ranked[:count])
    assert answer.outputs["scores"] == [scores[item] for item in index]


@pytest.mark.parametrize(
    ("sample", "inputs", "query", "documents"),
    [
        (None, {"query": "q", "documents": ["a", "b"]}, "q", ["a", "b"]),
        (None, "q", "q", list(DOCUMENTS)),
        (None, ["a"], QUERY, ["a"]),
        ({"query": "s", "documents": ["a", "b"]}, "q", "q", ["a", "b"]),
        ({"query": "s", "documents": ["a", "b"]}, ["c"], "s", ["c"]),
        ({"documents": ["a"]}, {"query": "q"}, "q", ["a"]),
        (None, {"query": "q", "documents": []}, "q", []),
    ],
)
def test_body(sample: Any, inputs: Any, query: str, documents: list[str]) -> None:
    spoken = Endpoint("http://h", model="bge", sample=sample)
    request = ADAPTER.encode(spoken, Query(inputs, options={"top_n": 2, "return_documents": None}), Facts())
    assert request.path == "/v1/rerank"
    assert json.loads(request.body) == {"model": "bge", "query": query, "documents": documents, "top_n": 2}


def test_model_and_path() -> None:
    assert b"model" not in ADAPTER.encode(ENDPOINT, Query("q"), Facts()).body
    request = ADAPTER.encode(ENDPOINT, Query("q"), Facts(("bge",), None, {"path": "/rerank"}))
    assert (request.path, json.loads(request.body)["model"]) == ("/rerank", "bge")
    assert ADAPTER.encode(Endpoint("http://h/api/v1"), Query("q"), Facts()).path == "/rerank"


@pytest.mark.parametrize("inputs", [5, {"query": 5}, {"documents": "a"}, {"query": None}])
def test_refused_input(inputs: Any) -> None:
    with pytest.raises(UsageError, match=r"\[endpoint\] sample"):
        ADAPTER.encode(ENDPOINT, Query(inputs), Facts())


def paths(*routes: str) -> Response:
    return page({"openapi": "3.1.0", "paths": {route: {"post": {}} for route in routes}})


def models(*capabilities: list[str] | None) -> Response:
    cards = [
        {"id": f"m{i}", **({"capabilities": capability} if capability else {})}
        for i, capability in enumerate(capabilities)
    ]
    return page({"object": "list", "data": cards})


@pytest.mark.parametrize(
    ("answers", "score", "path", "known"),
    [
        ({"openapi": paths("/rerank")}, 1.0, "/rerank", ()),
        ({"openapi": paths("/v1/rerank", "/rerank"), "models": models(None)}, 1.0, "/v1/rerank", ("m0",)),
        ({"openapi": paths("/rerank", "/embeddings"), "bare_models": models(["rerank"])}, 1.0, "/rerank", ("m0",)),
        ({"openapi": paths("/rerank"), "bare_models": models(["embed"], ["rerank"])}, 0.9, "/rerank", ("m1",)),
        ({"openapi": paths("/rerank"), "bare_models": models(["embed"])}, 0.0, None, ()),
        ({"openapi": paths("/rerank", "/v1/chat/completions"), "models": models(None)}, 0.3, "/rerank", ("m0",)),
        ({"models": models(["rerank"])}, 0.95, None, ("m0",)),
        ({"models": models(["rerank"], None)}, 0.5, None, ("m0",)),
        ({"models": models(None)}, 0.0, None, ()),
    ],
)
def test_recognition(answers: dict[str, Response], score: float, path: str | None, known: tuple[str, ...]) -> None:
    recognition = ADAPTER.recognise(ENDPOINT, {**answers, "nowhere": NOWHERE})
    assert (recognition.score, recognition.facts.inputs.get("path"), recognition.facts.models) == (score, path, known)


def test_recorded_refusal_of_a_model_that_embeds() -> None:
    status, _, body = load("rows")["infinity-minilm/no-reranker"]
    assert status == 400
    with pytest.raises(ProtocolError, match="ModelNotDeployedError"):
        ADAPTER.decode(ENDPOINT, Response(200, body=body.encode()))
