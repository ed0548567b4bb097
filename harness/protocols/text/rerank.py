"""Rerank: a query and documents in, one relevance score for each document out.

The shape that infinity, vLLM, LiteLLM, Jina and Cohere share, on `/rerank` or `/v1/rerank`. Lenient: extension fields,
no `usage`, documents returned as text, as an object or not at all. Strict about what makes an answer: each index once,
finite scores, the best first. An answer does not say how many documents there were: scores come in the documents'
order, and where documents are left out (`top_n`) the output `index` says whose they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared.chat_parts import parse_usage
from harness.protocols.shared.openai_family import choose_model, drop_none
from harness.protocols.shared.text_inputs import TextInputs, find_documented_path, list_cards
from harness.protocols.shared.values import (
    describe_kind,
    expect_array,
    expect_number,
    expect_object,
    expect_text,
    parse_answer,
)
from harness.protocols.shared.wire import JSON_HEADERS, UNKNOWN_PATH, is_offered, join_path, make_post, read_page

QUERY = "Which planet is the largest?"
DOCUMENTS = ("Jupiter is the largest planet.", "Bread is baked in an oven.", "Mars is a small, cold planet.")


class Rerank(TextInputs):
    """The adapter; a text alone is a query about the sample's documents."""

    name = "rerank"
    title = "rerank (infinity, vLLM, LiteLLM, Jina, Cohere)"
    route = "/rerank"
    can = Capabilities(text=True)

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the route, and models that rerank only, or no other routes for texts; 0.9: others embed beside them.

        0.5: models that say they rerank, without a document; 0.3: the route beside others and nothing else. A server
        whose models all say what they can, and none that it reranks, has the route in vain.
        """
        listed = list_cards(answers)
        stated = [each for each in listed if isinstance(each.get("capabilities"), list)]
        able = [each for each in stated if "rerank" in each["capabilities"]]
        path = find_documented_path(endpoint, read_page(answers, "openapi"), self.route)
        inputs = {"live": is_offered(answers, "live"), **({"path": path} if path else {})}
        facts = Facts(tuple(str(each["id"]) for each in able or listed), inputs=inputs)
        says = f"the model {able[0]['id']!r} says that it reranks" if able else ""
        if path is None:
            return Recognition(0.5, says, facts) if able else Recognition(0.0, "no rerank route was found")
        route = f"its OpenAPI document has POST {join_path(endpoint, path)}"
        if stated and not able:
            return Recognition(0.0, f"{route}, but no model says that it reranks")
        if able:
            return Recognition(1.0 if len(able) == len(listed) else 0.9, f"{route}; {says}", facts)
        document = read_page(answers, "openapi")
        if any(find_documented_path(endpoint, document, each) for each in ("/chat/completions", "/embeddings")):
            return Recognition(0.3, f"{route}, beside chat or embeddings; nothing tells what its models can", facts)
        return Recognition(1.0, route, facts)

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured query and documents, else a question about planets and three sentences."""
        given = {"query": QUERY, "documents": list(DOCUMENTS)}
        return Query(given if endpoint.sample is None else endpoint.sample)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is `{"query", "documents"}`, a query alone, or documents alone (the query may be an option).

        Options (`top_n`, `return_documents`) stand beside them; one of None is left out. Raises `UsageError` for a
        stream, or an input that is none of these.
        """
        self.refuse_stream(query)
        body = {"model": choose_model(endpoint, facts), **_asked(endpoint, query.inputs), **query.options}
        if not isinstance(body["query"], str) or not isinstance(body["documents"], list):
            raise UsageError(
                'rerank takes {"query": a text, "documents": [texts]}, or a query alone; check [endpoint] sample'
            )
        return make_post(self.path(endpoint, facts), drop_none(body))

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """`scores` in the documents' order, and their `index` where some are left out. Raises `ProtocolError`."""
        value = parse_answer(response)
        scores: dict[int, float] = {}
        last = math.inf
        for i, each in enumerate(expect_array(value.get("results"), "$.results")):
            at = f"$.results[{i}]"
            result = expect_object(each, at)
            index, last = _index(result.get("index"), scores, f"{at}.index"), _score(result, last, at)
            if not isinstance(document := result.get("document"), str | dict | None):
                raise ProtocolError(f"{describe_kind(document)} where a document was expected", at=f"{at}.document")
            scores[index] = last
        if not scores:
            raise ProtocolError("no result in the answer", at="$.results")
        order = sorted(scores)
        outputs: dict[str, Any] = {"scores": [scores[index] for index in order]}
        if order[-1] != len(order) - 1:
            outputs["index"] = order
        named = expect_text(value.get("model"), "$.model") or None
        return Answer(outputs=outputs, value=value, model=named, usage=parse_usage(value.get("usage"), "$.usage"))

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no query, no documents, documents of the wrong type, a query that is no text, no such path."""
        path, named = self.path(endpoint, facts), drop_none({"model": choose_model(endpoint, facts)})
        documents = list(DOCUMENTS)
        return {
            "malformed_json": Request("POST", path, JSON_HEADERS, b'{"query": "a", "documents": ['),
            "missing_query": make_post(path, {**named, "documents": documents}),
            "missing_documents": make_post(path, {**named, "query": QUERY}),
            "documents_of_wrong_type": make_post(path, {**named, "query": QUERY, "documents": 5}),
            "query_of_wrong_type": make_post(path, {**named, "query": {"aiharness": 1}, "documents": documents}),
            "unknown_path": make_post(UNKNOWN_PATH, {**named, "query": QUERY, "documents": documents}),
        }


def _asked(endpoint: Endpoint, inputs: Any) -> dict[str, Any]:
    """Query and documents; what an input lacks is the configured sample's, or the built-in."""
    sample = endpoint.sample if isinstance(endpoint.sample, dict) else {}
    asked = {"query": QUERY, "documents": list(DOCUMENTS), **sample}
    if isinstance(inputs, dict):
        return {**asked, **inputs}
    return {**asked, "documents" if isinstance(inputs, list) else "query": inputs}


def _index(value: Any, seen: Mapping[int, float], at: str) -> int:
    if type(value) is not int or value < 0:
        raise ProtocolError(f"{value!r:.40} is not the index of a document", at=at)
    if value in seen:
        raise ProtocolError(f"index {value} is there twice", at=at)
    return value


def _score(result: Mapping[str, Any], last: float, at: str) -> float:
    """A finite score that is no better than the one before it."""
    score = expect_number(result.get("relevance_score"), f"{at}.relevance_score")
    if score > last:
        raise ProtocolError(f"the score {score:g} after {last:g}: not the best first", at=f"{at}.relevance_score")
    return score


ADAPTER = Rerank()
