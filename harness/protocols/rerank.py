"""Rerank: a query and documents in, one relevance score for each document out.

The shape that infinity, vLLM, LiteLLM, Jina and Cohere share, on `/rerank` or `/v1/rerank`. Lenient: extension fields,
no `usage`, documents returned as text, as an object or not at all. Strict about what makes an answer: each index once,
finite scores, the best first. An answer does not say how many documents there were: scores come in the documents'
order, and where documents are left out (`top_n`) the output `index` says whose they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent, Usage
from harness.core.jsontext import parse
from harness.protocols import _openai, _openapi
from harness.protocols._wire import (
    JSON,
    NOWHERE,
    OPENAPI,
    a_name,
    an_array,
    an_object,
    full_path,
    get,
    kind_of,
    offered,
    page,
    post,
    refuse_error,
    text_or_none,
)

QUERY = "Which planet is the largest?"
DOCUMENTS = ("Jupiter is the largest planet.", "Bread is baked in an oven.", "Mars is a small, cold planet.")


class Rerank:
    """The adapter; a text alone is a query about the sample's documents."""

    name = "rerank"
    title = "rerank (infinity, vLLM, LiteLLM, Jina, Cohere)"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Texts; liveness and metadata where their pages were found."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return Capabilities(text=True, liveness=live, metadata=bool(facts.models))

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The list of models, with and without `/v1`, a health page, the OpenAPI document."""
        return {
            "models": get(_openai.base(endpoint) + "/models"),
            "bare_models": get("/models"),
            "live": get(endpoint.template.health or "/health"),
            "openapi": get(OPENAPI),
            "nowhere": get(NOWHERE),
        }

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the route, and models that rerank only, or no other routes for texts; 0.9: others embed beside them.

        0.5: models that say they rerank, without a document; 0.3: the route beside others and nothing else. A server
        whose models all say what they can, and none that it reranks, has the route in vain.
        """
        cards = _cards(page(answers, "models")) or _cards(page(answers, "bare_models"))
        stated = [each for each in cards if isinstance(each.get("capabilities"), list)]
        able = [each for each in stated if "rerank" in each["capabilities"]]
        path = _found(endpoint, page(answers, "openapi"), "/rerank")
        inputs = {"live": offered(answers, "live"), **({"path": path} if path else {})}
        facts = Facts(tuple(str(each["id"]) for each in able or cards), inputs=inputs)
        says = f"the model {able[0]['id']!r} says that it reranks" if able else ""
        if path is None:
            return Recognition(0.5, says, facts) if able else Recognition(0.0, "no rerank route was found")
        route = f"its OpenAPI document has POST {full_path(endpoint, path)}"
        if stated and not able:
            return Recognition(0.0, f"{route}, but no model says that it reranks")
        if able:
            return Recognition(1.0 if len(able) == len(cards) else 0.9, f"{route}; {says}", facts)
        document = page(answers, "openapi")
        if any(_found(endpoint, document, each) for each in ("/chat/completions", "/embeddings")):
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
        if query.stream:
            _no_stream()
        body = {"model": _openai.model(endpoint, facts), **_asked(endpoint, query.inputs), **query.options}
        if not isinstance(body["query"], str) or not isinstance(body["documents"], list):
            raise UsageError(
                'rerank takes {"query": a text, "documents": [texts]}, or a query alone; check [endpoint] sample'
            )
        return post(_path(endpoint, facts), _openai.without_none(body))

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """`scores` in the documents' order, and their `index` where some are left out. Raises `ProtocolError`."""
        value = an_object(parse(response.body))
        refuse_error(value, response)
        scores: dict[int, float] = {}
        last = math.inf
        for i, each in enumerate(an_array(value.get("results"), "$.results")):
            at = f"$.results[{i}]"
            result = an_object(each, at)
            index, last = _index(result.get("index"), scores, f"{at}.index"), _score(result, last, at)
            if not isinstance(document := result.get("document"), str | dict | None):
                raise ProtocolError(f"{kind_of(document)} where a document was expected", at=f"{at}.document")
            scores[index] = last
        if not scores:
            raise ProtocolError("no result in the answer", at="$.results")
        order = sorted(scores)
        outputs: dict[str, Any] = {"scores": [scores[index] for index in order]}
        if order[-1] != len(order) - 1:
            outputs["index"] = order
        model = text_or_none(value.get("model"), "$.model") or None
        return Answer(outputs=outputs, value=value, model=model, usage=_usage(value.get("usage")))

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """Raises `UsageError`: there is no stream in this protocol."""
        _no_stream()

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """Raises `UsageError`: there is no stream in this protocol."""
        _no_stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no query, no documents, documents of the wrong type, a query that is no text, no such path."""
        path, model = _path(endpoint, facts), _openai.model(endpoint, facts)
        named = {} if model is None else {"model": model}
        documents = list(DOCUMENTS)
        return {
            "malformed_json": Request("POST", path, JSON, b'{"query": "a", "documents": ['),
            "missing_query": post(path, {**named, "documents": documents}),
            "missing_documents": post(path, {**named, "query": QUERY}),
            "documents_of_wrong_type": post(path, {**named, "query": QUERY, "documents": 5}),
            "query_of_wrong_type": post(path, {**named, "query": {"aiharness": 1}, "documents": documents}),
            "unknown_path": post(NOWHERE, {**named, "query": QUERY, "documents": documents}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The one listed model. No version is ever stated."""
        cards = _cards(page(answers, "models")) or _cards(page(answers, "bare_models"))
        return (str(cards[0]["id"]) if len(cards) == 1 else None), None


def _no_stream() -> NoReturn:
    raise UsageError("rerank has no streamed answers; use a protocol that streams, such as openai_chat")


def _path(endpoint: Endpoint, facts: Facts) -> str:
    return str(facts.inputs.get("path") or _openai.base(endpoint) + "/rerank")


def _found(endpoint: Endpoint, document: Any, route: str) -> str | None:
    """Where the document has POST on a route: with `/v1` or without."""
    paths = (_openai.base(endpoint) + route, route)
    return next((path for path in paths if _openapi.has_post(document, full_path(endpoint, path), path)), None)


def _cards(value: Any) -> list[dict[str, Any]]:
    """The entries of a page of models; none when it is no such page."""
    data = value.get("data") if isinstance(value, dict) else None
    entries = data if isinstance(data, list) else []
    return [each for each in entries if isinstance(each, dict) and a_name(each.get("id"))]


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
    score = result.get("relevance_score")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ProtocolError(f"{kind_of(score)} where a number was expected", at=f"{at}.relevance_score")
    try:
        number = float(score)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ProtocolError("a score that is not finite", at=f"{at}.relevance_score")
    if number > last:
        raise ProtocolError(f"the score {number:g} after {last:g}: not the best first", at=f"{at}.relevance_score")
    return number


def _usage(value: Any) -> Usage | None:
    """The tokens of the input; none are generated."""
    if value is None:
        return None
    counts = {name: an_object(value, "$.usage").get(name) for name in ("prompt_tokens", "total_tokens")}
    for name, count in counts.items():
        if count is not None and (type(count) is not int or count < 0):
            raise ProtocolError(f"{count!r:.40} is not a count of tokens", at=f"$.usage.{name}")
    return Usage(**counts)


ADAPTER = Rerank()
