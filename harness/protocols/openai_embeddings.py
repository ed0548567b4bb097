"""OpenAI embeddings over HTTP: texts in, one vector each out.

Lenient where real servers differ: extension fields, no `usage`, no `model`, entries in any order, no `index` at all,
routes without `/v1` (infinity). Strict about what makes an answer: every index from 0 once, finite numbers (or base64
of little-endian float32), all vectors of one length, an `error` object in a success.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import quote

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent, Usage
from harness.core.jsontext import parse
from harness.protocols import _openapi
from harness.protocols._openai import base, model, without_none
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

TEXT = "The quick brown fox jumps over the lazy dog."
OUTPUT = "embedding"
_CAPABLE = ("embed", "embedding", "embeddings")


class OpenAIEmbeddings:
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it, or the routes are bare."""

    name = "openai_embeddings"
    title = "OpenAI embeddings, floats or base64"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Texts, several in one request, one vector each; liveness and metadata where their pages were found."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return Capabilities(text=True, batches=True, embeds=True, liveness=live, metadata=bool(facts.models))

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The list of models, with and without `/v1`, the model's own card, a health page, the OpenAPI document."""
        found = {
            "models": get(base(endpoint) + "/models"),
            "bare_models": get("/models"),
            "live": get(endpoint.template.health or "/health"),
            "openapi": get(OPENAPI),
            "nowhere": get(NOWHERE),
        }
        if endpoint.model is not None:
            found["metadata"] = get(f"{base(endpoint)}/models/{quote(endpoint.model)}")
        return found

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the OpenAPI document has the embeddings route and not the one for chat; 0.9 without listed models.

        0.3 beside chat, or where only a model in the list says that it embeds: a choice for the user. Where nothing
        tells, a list of models is enough for who has named this protocol (0.2), and is nobody's else.
        """
        root = base(endpoint)
        bare = bool(root) and page(answers, "models") is None and _cards(page(answers, "bare_models")) is not None
        root = "" if bare else root
        cards = _cards(page(answers, "bare_models" if bare else "models"))
        document = page(answers, "openapi")
        embeds = _openapi.has_post(document, full_path(endpoint, f"{root}/embeddings"), f"{root}/embeddings")
        chats = _openapi.has_post(document, full_path(endpoint, f"{root}/chat/completions"), "/v1/chat/completions")
        inputs = {"live": offered(answers, "live")} | ({"bare": True} if bare else {})
        facts = Facts(models=_models(cards or []), inputs=inputs)
        listed = f"GET {full_path(endpoint, root)}/models answered 200 with a list of models"
        routes = f"its OpenAPI document has POST {full_path(endpoint, root)}/embeddings"
        if embeds and not chats:
            more = f"; {listed}" if cards is not None else ""
            return Recognition(0.9 if cards is None else 1.0, f"{routes} and no chat completions{more}", facts)
        if cards is None and not embeds:
            return Recognition(0.0, "no list of models and no embeddings route were found")
        if cards is None:
            return Recognition(0.3, f"{routes}, beside the one for chat", facts)
        if embeds or any(map(_embeds, cards)):
            told = routes if embeds else "a model in the list says that it embeds"
            return Recognition(0.3, f"{listed}; {told}", facts)
        if endpoint.protocol == self.name:
            return Recognition(0.2, f"{listed}; nothing tells whether there are embeddings", facts)
        return Recognition(0.0, f"{listed}, and nothing tells of embeddings")

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured text or texts, else a short sentence."""
        return Query(TEXT if endpoint.sample is None else endpoint.sample)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a text or a list of texts; options (`encoding_format`, `dimensions`, ...) stand beside it.

        An option of None is left out. Raises `UsageError` for a stream, or an input that is no text.
        """
        if query.stream:
            _no_stream()
        given = query.inputs if isinstance(query.inputs, list) else [query.inputs]
        if not all(isinstance(each, str) for each in given):
            raise UsageError("openai_embeddings takes a text, or a list of texts; check [endpoint] sample")
        body = {"model": model(endpoint, facts), "input": query.inputs, **query.options}
        return post(_route(endpoint, facts), without_none(body))

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The vectors in the order of their indices, as the output `embedding`. Raises `ProtocolError`."""
        value = an_object(parse(response.body))
        refuse_error(value, response)
        entries = [an_object(each, f"$.data[{i}]") for i, each in enumerate(an_array(value.get("data"), "$.data"))]
        vectors = [_vector(each.get("embedding"), f"$.data[{i}].embedding") for i, each in enumerate(entries)]
        for i, vector in enumerate(vectors):
            if len(vector) != len(vectors[0]):
                what = f"a vector of {len(vector)} numbers beside one of {len(vectors[0])}"
                raise ProtocolError(what, at=f"$.data[{i}].embedding")
        return Answer(
            outputs={OUTPUT: [vectors[place] for place in _order(entries)]},
            value=value,
            model=text_or_none(value.get("model"), "$.model") or None,
            usage=_usage(value.get("usage")),
        )

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """Raises `UsageError`: there is no stream in this protocol."""
        _no_stream()

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """Raises `UsageError`: there is no stream in this protocol."""
        _no_stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, input missing, a number, or an object in a list of texts, a route that is not there."""
        path = _route(endpoint, facts)
        named = without_none({"model": model(endpoint, facts)})
        return {
            "malformed_json": Request("POST", path, JSON, b'{"input": ["broken'),
            "missing_input": post(path, {**named, "encoding_format": "float"}),
            "input_a_number": post(path, {**named, "input": 5}),
            "input_of_objects": post(path, {**named, "input": [{"text": TEXT}]}),
            "unknown_path": post(path.removesuffix("/embeddings") + NOWHERE, {**named, "input": TEXT}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name on the model's own card, else the one listed model. No version is ever stated."""
        own = page(answers, "metadata")
        cards = _cards({"data": [own]}) or _cards(page(answers, "models")) or []
        return (str(cards[0]["id"]) if len(cards) == 1 else None), None


def _route(endpoint: Endpoint, facts: Facts) -> str:
    return ("" if facts.inputs.get("bare") else base(endpoint)) + "/embeddings"


def _no_stream() -> NoReturn:
    raise UsageError("openai_embeddings has no streamed answers; use a protocol that streams, such as openai_chat")


def _cards(value: Any) -> list[dict[str, Any]] | None:
    """The entries of a page of models; None when it is no such page."""
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list) or not all(isinstance(each, dict) and a_name(each.get("id")) for each in data):
        return None
    return data


def _embeds(card: Mapping[str, Any]) -> bool:
    """Whether a model says of itself that it embeds (infinity: `capabilities: ["embed"]`)."""
    said = card.get("capabilities")
    return isinstance(said, list) and any(each in _CAPABLE for each in said)


def _models(cards: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names, first those that say they embed, then those whose name does, since the first is asked by default."""
    ranked = sorted(cards, key=lambda card: (not _embeds(card), "embed" not in str(card["id"]).lower()))
    return tuple(str(card["id"]) for card in ranked)


def _vector(value: Any, at: str) -> list[float]:
    """Finite numbers, or base64 of little-endian float32. Raises `ProtocolError` with the place."""
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError("a string that is not base64", at=at) from None
        if not raw or len(raw) % 4:
            raise ProtocolError(f"base64 of {len(raw)} bytes, which are no float32 numbers", at=at)
        found: list[Any] = list(struct.unpack(f"<{len(raw) // 4}f", raw))
    else:
        found = an_array(value, at)
    if not found:
        raise ProtocolError("an empty vector", at=at)
    for i, number in enumerate(found):
        if isinstance(number, list):
            raise ProtocolError("vectors within the vector: one a token, and not one for the text", at=f"{at}[{i}]")
        if type(number) not in (int, float):
            raise ProtocolError(f"{kind_of(number)} where a number was expected", at=f"{at}[{i}]")
        if not _finite(number):
            raise ProtocolError("a number that is not finite", at=f"{at}[{i}]")
    return found


def _finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def _order(entries: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where in the list the vector of each text stands. Raises `ProtocolError` unless each index is there once."""
    indices = [each.get("index") for each in entries]
    if all(index is None for index in indices):
        return list(range(len(entries)))
    places: dict[int, int] = {}
    for place, index in enumerate(indices):
        if type(index) is not int or not 0 <= index < len(entries):
            what = f"{index!r:.40} is not an index from 0 to {len(entries) - 1}"
            raise ProtocolError(what, at=f"$.data[{place}].index")
        if index in places:
            raise ProtocolError(f"index {index} is there twice", at=f"$.data[{place}].index")
        places[index] = place
    return [places[index] for index in range(len(entries))]


def _usage(value: Any) -> Usage | None:
    """The tokens of the input; none are generated."""
    count = an_object(value, "$.usage").get("prompt_tokens") if value is not None else None
    if count is not None and (type(count) is not int or count < 0):
        raise ProtocolError(f"{count!r:.40} is not a count of tokens", at="$.usage.prompt_tokens")
    return None if count is None else Usage(prompt_tokens=count)


ADAPTER = OpenAIEmbeddings()
