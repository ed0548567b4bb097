"""OpenAI embeddings over HTTP: texts in, one vector for each out.

Differences between real servers are accepted: extension fields, no `usage`, no `model`, entries in any order, no
`index` at all, routes without `/v1` (infinity). Required are every index from 0 exactly once, finite numbers (or base64
of little-endian float32), and vectors of one length. An `error` object in a successful answer is an error.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import values, wire
from harness.protocols.shared.chat_parts import parse_usage
from harness.protocols.shared.model_tasks import EMBEDDINGS, agree_on_task, guess_task
from harness.protocols.shared.openai_family import choose_model, drop_none, find_prefix
from harness.protocols.shared.text_inputs import TextInputs, find_documented_path, list_cards

_TEXT = "The quick brown fox jumps over the lazy dog."
_OUTPUT = "embedding"


class OpenAIEmbeddings(TextInputs):
    """The adapter; `/v1` is put before every path unless the URL ends with it or the server has routes without it."""

    name = "openai_embeddings"
    title = "OpenAI embeddings, floats or base64"
    route = "/embeddings"
    offers = Capabilities(text=True, batches=True, embeds=True)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Also the page about the configured model."""
        probes = dict(super().probes(endpoint))
        if endpoint.model is not None:
            probes["metadata"] = wire.make_get(f"{find_prefix(endpoint)}/models/{quote(endpoint.model)}")
        return probes

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the OpenAPI document has the embeddings route and not that of chat; 0.9: the same without a model list.

        0.95: every model is one for embeddings, by its entry or its name. 0.3: the chat route too, or only one of the
        models, so the user may choose. If there is only a list of models, it is enough for a user who configured this
        protocol (0.2), but not otherwise (0).
        """
        cards, document = list_cards(answers), wire.read_page(answers, "openapi")
        path = find_documented_path(endpoint, document, self.route)
        is_bare = bool(cards) and wire.read_page(answers, "models") is None
        inputs: dict[str, Any] = {"live": wire.is_offered(answers, "live")}
        if path or is_bare:
            inputs["path"] = path or self.route
        facts = Facts(_rank_models(cards), inputs=inputs)
        root = wire.join_path(endpoint, "" if is_bare else find_prefix(endpoint))
        listing = f"GET {root}/models answered 200 with a list of models"
        own_card = wire.read_page(answers, "metadata")
        if values.get_member(own_card, "id") == (endpoint.model or ()) and guess_task(own_card) == EMBEDDINGS:
            return Recognition(0.95, f"GET {root}/models/{endpoint.model} names a model for embeddings", facts)
        if path:
            reason = f"its OpenAPI document has POST {wire.join_path(endpoint, path)}"
            if find_documented_path(endpoint, document, "/chat/completions"):
                return Recognition(0.3, f"{reason}, beside the one for chat", facts)
            if cards:
                return Recognition(1.0, f"{reason} and no chat completions; {listing}", facts)
            return Recognition(0.9, f"{reason} and no chat completions", facts)
        if not cards:
            return Recognition(0.0, "no list of models and no embeddings route were found")
        return self._recognise_list(endpoint, cards, facts, listing)

    def _recognise_list(
        self, endpoint: Endpoint, cards: Sequence[Mapping[str, Any]], facts: Facts, listing: str
    ) -> Recognition:
        """By the list of models alone."""
        if agree_on_task(cards, endpoint.model) == EMBEDDINGS:
            return Recognition(0.95, f"{listing}, and each looks like one for embeddings", facts)
        if any(map(_embeds, cards)):
            return Recognition(0.3, f"{listing}; a model in the list says that it embeds", facts)
        if endpoint.protocol == self.name:
            return Recognition(0.2, f"{listing}; it is not known whether there are embeddings", facts)
        return Recognition(0.0, f"{listing}, and nothing indicates embeddings")

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured text or texts, otherwise a short sentence."""
        return Query(endpoint.get_sample(_TEXT))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a text or a list of texts; options (`encoding_format`, `dimensions`, ...) are put beside it.

        An option of None is left out. Raises `UsageError` for a stream, or an input that is not a text.
        """
        self.refuse_stream(query)
        texts = query.inputs if isinstance(query.inputs, list) else [query.inputs]
        if not all(isinstance(text, str) for text in texts):
            raise UsageError("openai_embeddings takes a text, or a list of texts; check [endpoint] sample")
        body = {"model": choose_model(endpoint, facts), "input": query.inputs, **query.options}
        return wire.make_post(self.find_path(endpoint, facts), drop_none(body))

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The vectors in the order of their indices, as the output `embedding`. Raises `ProtocolError`."""
        value = values.parse_answer(response)
        indices: list[Any] = []
        vectors: list[list[float]] = []
        for i, item in enumerate(values.expect_array(value.get("data"), "$.data")):
            entry, at = values.expect_object(item, f"$.data[{i}]"), f"$.data[{i}].embedding"
            vector = _parse_vector(entry.get("embedding"), at)
            if vectors and len(vector) != len(vectors[0]):
                raise ProtocolError(f"a vector of {len(vector)} numbers beside one of {len(vectors[0])}", at=at)
            indices.append(entry.get("index"))
            vectors.append(vector)
        return Answer(
            outputs={_OUTPUT: [vectors[place] for place in _find_places(indices)]},
            value=value,
            model=values.accept_text(value.get("model"), "$.model") or None,
            usage=parse_usage(value.get("usage"), "$.usage"),
        )

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, no input, a number as input, an object in a list of texts, an unknown path."""
        path = self.find_path(endpoint, facts)
        base = drop_none({"model": choose_model(endpoint, facts)})
        unknown_path = path.removesuffix("/embeddings") + wire.UNKNOWN_PATH
        return {
            "malformed_json": Request("POST", path, wire.JSON_HEADERS, b'{"input": ["broken'),
            "missing_input": wire.make_post(path, {**base, "encoding_format": "float"}),
            "input_a_number": wire.make_post(path, {**base, "input": 5}),
            "input_of_objects": wire.make_post(path, {**base, "input": [{"text": _TEXT}]}),
            "unknown_path": wire.make_post(unknown_path, {**base, "input": _TEXT}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name on the page about the model, otherwise the only listed model. A version is never stated."""
        name = values.parse_name(values.get_member(wire.read_page(answers, "metadata"), "id"))
        return name or super().identity(answers)[0], None


def _embeds(card: Mapping[str, Any]) -> bool:
    """Whether the entry of a model says that it embeds (infinity: `capabilities: ["embed"]`), whatever its name."""
    return guess_task({**card, "id": ""}) == EMBEDDINGS


def _rank_models(cards: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names; first those that say they embed, then those whose name does. The first is the default."""
    ranked = sorted(cards, key=lambda card: (not _embeds(card), guess_task(card) != EMBEDDINGS))
    return tuple(str(card["id"]) for card in ranked)


def _parse_vector(value: Any, at: str) -> list[float]:
    """Finite numbers, or base64 of little-endian float32. Raises `ProtocolError` with the place."""
    vector = _decode_base64(value, at) if isinstance(value, str) else values.expect_array(value, at)
    if not vector:
        raise ProtocolError("an empty vector", at=at)
    for i, number in enumerate(vector):
        if isinstance(number, list):
            raise ProtocolError("a vector for each token, not one vector for the text", at=f"{at}[{i}]")
        values.expect_number(number, f"{at}[{i}]")
    return vector


def _decode_base64(text: str, at: str) -> list[float]:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("a string that is not base64", at=at) from None
    if not data or len(data) % 4:
        raise ProtocolError(f"base64 of {len(data)} bytes, which are not float32 numbers", at=at)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def _find_places(indices: Sequence[Any]) -> list[int]:
    """The place in the list of each text's vector. Raises `ProtocolError` unless each index occurs once."""
    if all(index is None for index in indices):
        return list(range(len(indices)))
    places: dict[int, int] = {}
    for place, index in enumerate(indices):
        at = f"$.data[{place}].index"
        if type(index) is not int or not 0 <= index < len(indices):
            raise ProtocolError(f"{index!r:.40} is not an index from 0 to {len(indices) - 1}", at=at)
        if index in places:
            raise ProtocolError(f"index {index} occurs twice", at=at)
        places[index] = place
    return [places[index] for index in range(len(indices))]


ADAPTER = OpenAIEmbeddings()
