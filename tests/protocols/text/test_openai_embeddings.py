from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Query, Response, Usage
from harness.protocols.shared.detection import rank_protocols
from harness.protocols.text import openai_chat
from harness.protocols.text.openai_embeddings import ADAPTER
from tests.protocols.recorded import exchange

ENDPOINT = Endpoint("http://127.0.0.1:1", model="minilm")
JSON = (("content-type", "application/json"),)


def entry(index: int | None, vector: Any) -> dict[str, Any]:
    return {"object": "embedding", "embedding": vector} | ({} if index is None else {"index": index})


def decode_data(*data: Any, **more: Any) -> Any:
    body = json.dumps({"object": "list", "data": list(data), **more}).encode()
    return ADAPTER.decode(ENDPOINT, Response(200, JSON, body))


def page(value: Any, status: int = 200) -> Response:
    return Response(status, JSON, json.dumps(value).encode())


def test_an_answer_of_infinity() -> None:
    """As recorded, its 384 numbers cut to 3."""
    first, second = [-0.0627717599272728, 0.05495884269475937, 0.05216480419039726], [-0.03, 0.031, 1]
    usage = {"prompt_tokens": 10, "total_tokens": 10}
    answer = decode_data(entry(0, first), entry(1, second), model="minilm", usage=usage, id="infinity-1fa3", created=1)
    assert answer.outputs == {"embedding": [first, second]}
    assert (answer.model, answer.usage, answer.complete) == ("minilm", Usage(10, None, 10), True)


def test_vectors_come_in_the_order_of_their_index() -> None:
    assert decode_data(entry(2, [3.0]), entry(0, [1.0]), entry(1, [2.0])).outputs["embedding"] == [[1.0], [2.0], [3.0]]
    assert decode_data(entry(None, [3.0]), entry(None, [1.0])).outputs["embedding"] == [[3.0], [1.0]]
    assert decode_data().outputs == {"embedding": []}


def test_base64_is_little_endian_float32() -> None:
    text = base64.b64encode(struct.pack("<3f", 0.5, -1.25, 3.0)).decode()
    assert decode_data(entry(0, text)).outputs["embedding"] == [[0.5, -1.25, 3.0]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([entry(0, [1.0]), entry(0, [2.0])], "index 0 occurs twice"),
        ([entry(1, [1.0])], "1 is not an index from 0 to 0"),
        ([entry(-1, [1.0])], "not an index"),
        ([entry(True, [1.0])], "not an index"),
        ([entry(0, [1.0]), entry(None, [1.0])], "not an index"),
        ([entry(0, [1.0, 2.0]), entry(1, [1.0])], "a vector of 1 numbers beside one of 2"),
        ([entry(0, [])], "an empty vector"),
        ([entry(0, [[1.0], [2.0]])], "a vector for each token"),
        ([entry(0, [1.0, None])], "null where a number was expected"),
        ([entry(0, [1.0, "2"])], "a string where a number was expected"),
        ([entry(0, [True])], "a boolean where a number was expected"),
        ([entry(0, [10**400])], "not finite"),
        ([entry(0, base64.b64encode(struct.pack("<f", float("nan"))).decode())], "not finite"),
        ([entry(0, "AAA")], "not base64"),
        ([entry(0, "AAAA")], "3 bytes"),
        ([entry(0, "")], "0 bytes"),
        ([entry(0, None)], "null where an array was expected"),
        ([{"index": 0}], "null where an array was expected"),
        (["x"], "a string where an object was expected"),
    ],
)
def test_what_is_no_vector_is_refused(data: list[Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode_data(*data)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    body = b'{"data":[{"index":0,"embedding":[0.5,%s]}]}' % number.encode()
    with pytest.raises(ProtocolError):
        ADAPTER.decode(ENDPOINT, Response(200, JSON, body))


def test_an_error_in_a_success_and_a_wrong_count_are_refused() -> None:
    with pytest.raises(ProtocolError, match="out of memory"):
        decode_data(error={"message": "out of memory"})
    with pytest.raises(ProtocolError, match=r"usage\.prompt_tokens: a number"):
        decode_data(entry(0, [1.0]), usage={"prompt_tokens": -1})
    assert decode_data(entry(0, [1.0]), usage=None).usage is None


def test_requests() -> None:
    one = ADAPTER.encode(ENDPOINT, Query("Hello", options={"dimensions": 8, "user": None}), Facts())
    assert (one.path, json.loads(one.body)) == (
        "/v1/embeddings",
        {"model": "minilm", "input": "Hello", "dimensions": 8},
    )
    bare = ADAPTER.encode(Endpoint("http://h"), Query(["a", "b"]), Facts(("m",), inputs={"path": "/embeddings"}))
    assert (bare.path, json.loads(bare.body)) == ("/embeddings", {"model": "m", "input": ["a", "b"]})
    assert ADAPTER.encode(Endpoint("http://h/v1"), Query("a"), Facts()).path == "/embeddings"
    for wrong in (5, [1, 2], [["a"]], {"text": "a"}):
        with pytest.raises(UsageError, match=r"\[endpoint\] sample"):
            ADAPTER.encode(ENDPOINT, Query(wrong), Facts())
    with pytest.raises(UsageError, match="no streamed answers"):
        ADAPTER.encode(ENDPOINT, Query("a", stream=True), Facts())


def test_bad_requests_of_bare_routes() -> None:
    bad = ADAPTER.bad_requests(ENDPOINT, Facts(("m",), inputs={"path": "/embeddings"}))
    assert {request.path for request in bad.values()} == {"/embeddings", "/aiharness-no-such-path"}


NOT_FOUND = page({"detail": "Not Found"}, 404)
CARD = {"id": "minilm", "object": "model", "capabilities": ["embed"]}
LISTED = page({"object": "list", "data": [{"id": "tiny-chat"}]})
BOTH = page({"paths": {"/v1/embeddings": {"post": {}}, "/v1/chat/completions": {"post": {}}}})
ONLY = page({"paths": {"/v1/embeddings": {"post": {}}}})


@pytest.mark.parametrize(
    ("answers", "score", "chat"),
    [
        ({"models": LISTED, "openapi": ONLY}, 1.0, 0.6),
        ({"openapi": ONLY}, 0.9, 0.0),
        ({"models": LISTED, "openapi": BOTH}, 0.3, 1.0),
        ({"openapi": BOTH}, 0.3, 0.9),
        ({"models": LISTED}, 0.0, 1.0),
        ({"models": page({"data": [CARD]})}, 0.95, 0.6),
        ({"models": page({"data": [{"id": "intfloat/e5-small-v2"}, {"id": "bge-m3"}]})}, 0.95, 0.6),
        ({"models": page({"data": [CARD, {"id": "tiny-chat"}]})}, 0.3, 1.0),
        ({"models": page({"data": [{"id": "bge-m3"}, {"id": "tiny-chat"}]})}, 0.0, 1.0),
        ({"models": page({"data": [{"id": "embedder", "capabilities": ["chat"]}]})}, 0.0, 1.0),
        ({"models": page({"data": [{"id": "bge-reranker-base"}]})}, 0.0, 0.6),
        ({"models": page({"data": [{"name": "x"}]})}, 0.0, 0.0),
        ({"models": NOT_FOUND, "openapi": NOT_FOUND}, 0.0, 0.0),
    ],
)
def test_recognised_below_chat_unless_only_embeddings_are_documented(
    answers: dict[str, Response], score: float, chat: float
) -> None:
    endpoint = Endpoint("http://h")
    assert ADAPTER.recognise(endpoint, answers).score == score
    assert openai_chat.ADAPTER.recognise(endpoint, answers).score == chat


def test_detection_sends_nothing_and_leaves_chat_servers_to_chat() -> None:
    for answers, first in (
        ({"openapi": BOTH, "models": LISTED}, "openai_chat"),
        ({"openapi": ONLY}, "openai_embeddings"),
    ):
        roles = ADAPTER.probes(Endpoint("http://h"))
        pages = {roles[role].path: exchange(roles[role].path, answer) for role, answer in answers.items()}
        assert rank_protocols(Endpoint("http://h"), (openai_chat.ADAPTER, ADAPTER), pages)[0].protocol == first
        assert {request.method for request in roles.values()} == {"GET"}


def test_infinity_has_bare_routes() -> None:
    document = page({"paths": {"/embeddings": {"post": {}}, "/models": {"get": {}}, "/rerank": {"post": {}}}})
    answers = {
        "models": NOT_FOUND,
        "bare_models": page({"data": [CARD]}),
        "openapi": document,
        "live": page({"unix": 1}),
    }
    recognition = ADAPTER.recognise(Endpoint("http://h"), answers)
    assert (recognition.score, recognition.facts) == (
        1.0,
        Facts(("minilm",), inputs={"live": True, "path": "/embeddings"}),
    )
    assert "POST /embeddings and no chat completions" in recognition.reason
    assert ADAPTER.capabilities(Endpoint("http://h"), recognition.facts).liveness


def test_who_names_the_protocol_is_told_the_models() -> None:
    recognition = ADAPTER.recognise(Endpoint("http://h", "openai_embeddings"), {"models": LISTED})
    assert (recognition.score, recognition.facts.models) == (0.2, ("tiny-chat",))


def test_the_model_that_embeds_is_asked_first() -> None:
    cards = [{"id": "tiny-chat"}, {"id": "text-embedding-3-small"}, {"id": "m", "capabilities": ["embed"]}]
    recognition = ADAPTER.recognise(Endpoint("http://h"), {"models": page({"data": cards})})
    assert recognition.facts.models == ("m", "text-embedding-3-small", "tiny-chat")


def test_identity_is_the_own_card_else_the_sole_model() -> None:
    assert ADAPTER.identity({"models": LISTED, "metadata": page(CARD)}) == ("minilm", None)
    assert ADAPTER.identity({"models": LISTED, "metadata": NOT_FOUND}) == ("tiny-chat", None)
    assert ADAPTER.identity({"models": page({"data": [CARD, {"id": "x"}]})}) == (None, None)
    assert ADAPTER.probes(Endpoint("http://h", model="a/b"))["metadata"].path == "/v1/models/a/b"
