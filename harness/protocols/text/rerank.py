"""Rerank: a query and documents in, one relevance score for each document out.

The format that infinity, vLLM, LiteLLM, Jina and Cohere share, on `/rerank` or `/v1/rerank`. Extension fields, a
missing `usage`, and documents returned as text, as an object or not at all are accepted. Each index must occur once,
and the scores must be finite and sorted, the best first. An answer does not state the number of documents: the scores
are put in the order of the documents, and if documents are left out (`top_n`), the output `index` says to which
documents they belong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import values
from harness.protocols.shared.chat_parts import parse_usage
from harness.protocols.shared.model_tasks import RERANK, agree_on_task
from harness.protocols.shared.openai_family import choose_model, drop_none
from harness.protocols.shared.text_inputs import TextInputs, find_documented_path, list_cards
from harness.protocols.shared.wire import JSON_HEADERS, UNKNOWN_PATH, is_offered, join_path, make_post, read_page

QUERY = "Which planet is the largest?"
DOCUMENTS = ("Jupiter is the largest planet.", "Bread is baked in an oven.", "Mars is a small, cold planet.")


class Rerank(TextInputs):
    """The adapter; a text without documents is a query about the documents of the sample."""

    name = "rerank"
    title = "rerank (infinity, vLLM, LiteLLM, Jina, Cohere)"
    route = "/rerank"
    offers = Capabilities(text=True)

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the route, and only models that rerank or no other route for texts; 0.9: other models embed.

        0.95: every model is one that reranks, by its entry or its name, but no document has the route; 0.5: only some
        are. 0.3: a document has the route, and also routes of other protocols. 0 if every model states its capabilities
        and none of them reranks.
        """
        cards, document = list_cards(answers), read_page(answers, "openapi")
        stated = [card for card in cards if isinstance(card.get("capabilities"), list)]
        rerankers = [card for card in stated if "rerank" in card["capabilities"]]
        path = find_documented_path(endpoint, document, self.route)
        inputs: dict[str, Any] = {"live": is_offered(answers, "live")}
        if path:
            inputs["path"] = path
        facts = Facts(tuple(str(card["id"]) for card in rerankers or cards), inputs=inputs)
        reason = f"its OpenAPI document has POST {join_path(endpoint, path or self.route)}"
        if path is None and cards and agree_on_task(cards, endpoint.model) == RERANK:
            return Recognition(0.95, "every listed model looks like one that reranks", facts)
        if rerankers:
            claim = f"the model {rerankers[0]['id']!r} says that it reranks"
            if path is None:
                return Recognition(0.5, claim, facts)
            return Recognition(1.0 if len(rerankers) == len(cards) else 0.9, f"{reason}; {claim}", facts)
        if path is None:
            return Recognition(0.0, "no rerank route was found")
        if stated:
            return Recognition(0.0, f"{reason}, but no model says that it reranks")
        if any(find_documented_path(endpoint, document, route) for route in ("/chat/completions", "/embeddings")):
            return Recognition(0.3, f"{reason}, beside chat or embeddings; its models do not say what they can", facts)
        return Recognition(1.0, reason, facts)

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured query and documents, otherwise a question about planets and three sentences."""
        return Query(endpoint.get_sample({"query": QUERY, "documents": list(DOCUMENTS)}))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is `{"query", "documents"}`, only a query, or only documents (the query may be an option).

        Options (`top_n`, `return_documents`) are put beside them; an option of None is left out. Raises `UsageError`
        for a stream, or any other input.
        """
        self.refuse_stream(query)
        body = {"model": choose_model(endpoint, facts), **_complete_input(endpoint, query.inputs), **query.options}
        if not isinstance(body["query"], str) or not isinstance(body["documents"], list):
            raise UsageError(
                'rerank takes {"query": a text, "documents": [texts]}, or only a query; check [endpoint] sample'
            )
        return make_post(self.find_path(endpoint, facts), drop_none(body))

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """`scores` in the order of the documents, and their `index` if some are left out. Raises `ProtocolError`."""
        value = values.parse_answer(response)
        scores: dict[int, float] = {}
        last = math.inf
        for i, item in enumerate(values.expect_array(value.get("results"), "$.results")):
            at = f"$.results[{i}]"
            result = values.expect_object(item, at)
            index = _parse_index(result.get("index"), scores, f"{at}.index")
            last = scores[index] = _parse_score(result, last, f"{at}.relevance_score")
            document = result.get("document")
            if not isinstance(document, str | dict | None):
                kind = values.describe_kind(document)
                raise ProtocolError(f"{kind} where a document was expected", at=f"{at}.document")
        if not scores:
            raise ProtocolError("no result in the answer", at="$.results")
        order = sorted(scores)
        outputs: dict[str, Any] = {"scores": [scores[index] for index in order]}
        if order[-1] != len(order) - 1:
            outputs["index"] = order
        model = values.accept_text(value.get("model"), "$.model") or None
        return Answer(outputs=outputs, value=value, model=model, usage=parse_usage(value.get("usage"), "$.usage"))

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, no query, no documents, documents or a query of the wrong type, an unknown path."""
        path, base = self.find_path(endpoint, facts), drop_none({"model": choose_model(endpoint, facts)})
        documents = list(DOCUMENTS)
        return {
            "malformed_json": Request("POST", path, JSON_HEADERS, b'{"query": "a", "documents": ['),
            "missing_query": make_post(path, {**base, "documents": documents}),
            "missing_documents": make_post(path, {**base, "query": QUERY}),
            "documents_of_wrong_type": make_post(path, {**base, "query": QUERY, "documents": 5}),
            "query_of_wrong_type": make_post(path, {**base, "query": {"aiharness": 1}, "documents": documents}),
            "unknown_path": make_post(UNKNOWN_PATH, {**base, "query": QUERY, "documents": documents}),
        }


def _complete_input(endpoint: Endpoint, inputs: Any) -> dict[str, Any]:
    """Query and documents; what is missing comes from the configured sample, or is the default."""
    sample = endpoint.sample if isinstance(endpoint.sample, dict) else {}
    if not isinstance(inputs, dict):
        inputs = {"documents" if isinstance(inputs, list) else "query": inputs}
    return {"query": QUERY, "documents": list(DOCUMENTS), **sample, **inputs}


def _parse_index(value: Any, scores: Mapping[int, float], at: str) -> int:
    if type(value) is not int or value < 0:
        raise ProtocolError(f"{value!r:.40} is not the index of a document", at=at)
    if value in scores:
        raise ProtocolError(f"index {value} occurs twice", at=at)
    return value


def _parse_score(result: Mapping[str, Any], last: float, at: str) -> float:
    """A finite score that is not better than the last one."""
    score = values.expect_number(result.get("relevance_score"), at)
    if score > last:
        raise ProtocolError(f"the score {score:g} follows {last:g}: the best must come first", at=at)
    return score


ADAPTER = Rerank()
