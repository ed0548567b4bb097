"""OpenAI embeddings over HTTP: texts in, one vector each out.

Lenient where real servers differ: extension fields, no `usage`, no `model`, entries in any order, no `index` at all,
routes without `/v1` (infinity). Strict about what makes an answer: every index from 0 once, finite numbers (or base64
of little-endian float32), all vectors of one length, an `error` object in a success.
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
from harness.protocols.shared.chat_parts import parse_usage
from harness.protocols.shared.openai_family import choose_model, drop_none, find_prefix
from harness.protocols.shared.text_inputs import TextInputs, find_documented_path, list_cards
from harness.protocols.shared.values import (
    expect_array,
    expect_number,
    expect_object,
    expect_text,
    get_member,
    parse_answer,
    parse_name,
)
from harness.protocols.shared.wire import (
    JSON_HEADERS,
    UNKNOWN_PATH,
    is_offered,
    join_path,
    make_get,
    make_post,
    read_page,
)

_TEXT = "The quick brown fox jumps over the lazy dog."
OUTPUT = "embedding"
_CAPABLE = ("embed", "embedding", "embeddings")


class OpenAIEmbeddings(TextInputs):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it, or the routes are bare."""

    name = "openai_embeddings"
    title = "OpenAI embeddings, floats or base64"
    route = "/embeddings"
    can = Capabilities(text=True, batches=True, embeds=True)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The model's own card too."""
        own = (
            {}
            if endpoint.model is None
            else {"metadata": make_get(f"{find_prefix(endpoint)}/models/{quote(endpoint.model)}")}
        )
        return {**super().probes(endpoint), **own}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the OpenAPI document has the embeddings route and not the one for chat; 0.9 without listed models.

        0.3 beside chat, or where only a model in the list says that it embeds: a choice for the user. Where nothing
        tells, a list of models is enough for who has named this protocol (0.2), and is nobody's else.
        """
        found, document = list_cards(answers), read_page(answers, "openapi")
        path, bare = (
            find_documented_path(endpoint, document, self.route),
            read_page(answers, "models") is None and bool(found),
        )
        place = path or (self.route if bare else None)
        facts = Facts(
            _models(found), inputs={"live": is_offered(answers, "live"), **({"path": place} if place else {})}
        )
        root = join_path(endpoint, "" if bare else find_prefix(endpoint))
        listed = f"GET {root}/models answered 200 with a list of models"
        if path:
            said = f"its OpenAPI document has POST {join_path(endpoint, path)}"
            if find_documented_path(endpoint, document, "/chat/completions"):
                return Recognition(0.3, f"{said}, beside the one for chat", facts)
            more = f"; {listed}" if found else ""
            return Recognition(1.0 if found else 0.9, f"{said} and no chat completions{more}", facts)
        if not found:
            return Recognition(0.0, "no list of models and no embeddings route were found")
        if any(map(_embeds, found)):
            return Recognition(0.3, f"{listed}; a model in the list says that it embeds", facts)
        if endpoint.protocol == self.name:
            return Recognition(0.2, f"{listed}; nothing tells whether there are embeddings", facts)
        return Recognition(0.0, f"{listed}, and nothing tells of embeddings")

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured text or texts, else a short sentence."""
        return Query(_TEXT if endpoint.sample is None else endpoint.sample)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a text or a list of texts; options (`encoding_format`, `dimensions`, ...) stand beside it.

        An option of None is left out. Raises `UsageError` for a stream, or an input that is no text.
        """
        self.refuse_stream(query)
        given = query.inputs if isinstance(query.inputs, list) else [query.inputs]
        if not all(isinstance(each, str) for each in given):
            raise UsageError("openai_embeddings takes a text, or a list of texts; check [endpoint] sample")
        body = {"model": choose_model(endpoint, facts), "input": query.inputs, **query.options}
        return make_post(self.path(endpoint, facts), drop_none(body))

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The vectors in the order of their indices, as the output `embedding`. Raises `ProtocolError`."""
        value = parse_answer(response)
        entries = [
            expect_object(each, f"$.data[{i}]") for i, each in enumerate(expect_array(value.get("data"), "$.data"))
        ]
        vectors = [_vector(each.get("embedding"), f"$.data[{i}].embedding") for i, each in enumerate(entries)]
        for i, vector in enumerate(vectors):
            if len(vector) != len(vectors[0]):
                what = f"a vector of {len(vector)} numbers beside one of {len(vectors[0])}"
                raise ProtocolError(what, at=f"$.data[{i}].embedding")
        return Answer(
            outputs={OUTPUT: [vectors[place] for place in _order(entries)]},
            value=value,
            model=expect_text(value.get("model"), "$.model") or None,
            usage=parse_usage(value.get("usage"), "$.usage"),
        )

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, input missing, a number, or an object in a list of texts, a route that is not there."""
        path = self.path(endpoint, facts)
        named = drop_none({"model": choose_model(endpoint, facts)})
        return {
            "malformed_json": Request("POST", path, JSON_HEADERS, b'{"input": ["broken'),
            "missing_input": make_post(path, {**named, "encoding_format": "float"}),
            "input_a_number": make_post(path, {**named, "input": 5}),
            "input_of_objects": make_post(path, {**named, "input": [{"text": _TEXT}]}),
            "unknown_path": make_post(path.removesuffix("/embeddings") + UNKNOWN_PATH, {**named, "input": _TEXT}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name on the model's own card, else the one listed model. No version is ever stated."""
        return parse_name(get_member(read_page(answers, "metadata"), "id")) or super().identity(answers)[0], None


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
        found = expect_array(value, at)
    if not found:
        raise ProtocolError("an empty vector", at=at)
    for i, each in enumerate(found):
        if isinstance(each, list):
            raise ProtocolError("vectors within the vector: one a token, and not one for the text", at=f"{at}[{i}]")
        expect_number(each, f"{at}[{i}]")
    return found


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


ADAPTER = OpenAIEmbeddings()
