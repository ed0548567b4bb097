"""What OpenAI's protocols have in common: `/v1` before every path, the list of models, the format of errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent
from harness.core.generation_options import DEFAULT_LIMIT
from harness.protocols.shared import openapi, wire
from harness.protocols.shared.chat_stream import assemble_events
from harness.protocols.shared.values import get_member, parse_names, pick_only

SAMPLE_PROMPT = "Say hello."
SAMPLE_MAX_TOKENS = DEFAULT_LIMIT


def find_prefix(endpoint: Endpoint) -> str:
    """The configured prefix of paths; otherwise `/v1`, unless the URL of the endpoint already ends with it."""
    if endpoint.prefix is not None:
        return endpoint.prefix
    return "" if urlsplit(endpoint.url).path.rstrip("/").endswith("/v1") else "/v1"


def choose_model(endpoint: Endpoint, facts: Facts) -> str | None:
    """The configured model, otherwise the first listed one."""
    return endpoint.model or next(iter(facts.models), None)


def build_messages(inputs: Any, protocol: str) -> list[Any]:
    """A list of messages as it is, or a prompt as the message of a user. Raises `UsageError` for anything else."""
    if isinstance(inputs, str):
        return [{"role": "user", "content": inputs}]
    if isinstance(inputs, list) and inputs and all(isinstance(item, dict) and "role" in item for item in inputs):
        return inputs
    raise UsageError(
        f"{protocol} takes a prompt, or a list of messages with roles, as its input; check [endpoint] sample"
    )


def parse_model_list(page: Any) -> tuple[str, ...] | None:
    """The ids on a page of models; None if it is not such a page (without a model, Ollama answers `data: null`)."""
    if isinstance(page, dict) and page.get("object") == "list" and page.get("data", ()) is None:
        return ()
    return parse_names(get_member(page, "data"), "id")


def join_names(names: Sequence[str]) -> str:
    """The first three names and the number of others, for messages."""
    others = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (", ".join(names[:3]) or "none") + others


def is_openai_error(response: Response) -> bool:
    """Whether a body is an error in the format of OpenAI's API."""
    return isinstance(get_member(wire.read_json(response), "error", "message"), str)


def drop_none(body: dict[str, Any]) -> dict[str, Any]:
    """The body without members that are None: this is how an option removes a default."""
    return {name: value for name, value in body.items() if value is not None}


class ListsModels:
    """The base of protocols whose services list their models: the probes, and what follows from their answers."""

    offers: Capabilities
    """What the protocol can do, independently of the endpoint."""

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """What the protocol can do; liveness if there is a health page, metadata if the models are listed."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return replace(self.offers, liveness=live, metadata=bool(facts.models))

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The list of models, a health page (common, though not part of the protocol), and the OpenAPI document."""
        return {
            "models": wire.make_get(find_prefix(endpoint) + "/models"),
            "live": wire.make_get(endpoint.template.health or "/health"),
            "openapi": wire.make_get(wire.OPENAPI_PATH),
            "nowhere": wire.make_get(wire.UNKNOWN_PATH),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The only listed model: of several it is not known which one is served. A version is never stated."""
        return pick_only(parse_model_list(wire.read_page(answers, "models"))), None


class GeneratesText:
    """The base of protocols that generate text: a sample, and the answer in a stream."""

    offers: Capabilities
    """What the protocol can do, independently of the endpoint."""

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """What the protocol can do; metadata if the models are listed."""
        return replace(self.offers, metadata=bool(facts.models))

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured prompt or messages, otherwise a greeting; at most 16 tokens at temperature 0."""
        return Query(endpoint.get_sample(SAMPLE_PROMPT), options={"max_tokens": SAMPLE_MAX_TOKENS, "temperature": 0})

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """Every choice; complete if each has exactly one finish reason and the stream contains no error."""
        return assemble_events(events)


class OpenAIFamily(ListsModels, GeneratesText):
    """The base of OpenAI's text protocols and of Anthropic's.

    `route` is a path that only this protocol has. `input_member` is the member of the body for the input, and
    `limit_member` the one for the maximum of tokens. `wrong_input` is the name of a bad request, and an input of the
    wrong type for it.
    """

    name: str
    route: str
    input_member: str
    wrong_input: tuple[str, Any]
    limit_member = "max_tokens"

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The request for a query."""
        raise NotImplementedError

    def make_request(self, endpoint: Endpoint, query: Query, body: dict[str, Any]) -> Request:
        """The request with this body, without members that are None."""
        return wire.make_post(find_prefix(endpoint) + self.route, drop_none(body), stream=query.stream)

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, no input, an input of the wrong type, a limit that is a word, an unknown path."""
        valid = self.encode(endpoint, Query(SAMPLE_PROMPT, options={"max_tokens": SAMPLE_MAX_TOKENS}), facts)
        name, value = self.wrong_input
        return {
            "malformed_json": replace(valid, body=b'{"%s": [{"role": "user", ' % self.input_member.encode()),
            f"missing_{self.input_member}": _change_body(valid, self.input_member, None),
            name: _change_body(valid, self.input_member, value),
            f"{self.limit_member}_in_words": _change_body(valid, self.limit_member, "sixteen"),
            "unknown_path": replace(valid, path=find_prefix(endpoint) + wire.UNKNOWN_PATH),
        }

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.95: the OpenAPI document has this route and not that of chat; 0.3: it has both, so the user may choose."""
        root = wire.join_path(endpoint, find_prefix(endpoint))
        document = wire.read_page(answers, "openapi")
        models = parse_model_list(wire.read_page(answers, "models")) or ()
        facts = Facts(models, inputs={"live": wire.is_offered(answers, "live")}) if answers else Facts()
        if not openapi.has_post(document, root + self.route, f"/v1{self.route}"):
            return Recognition(0.0, f"no OpenAPI document has POST {root}{self.route}", facts)
        reason = f"its OpenAPI document has POST {root}{self.route}"
        if openapi.has_post(document, f"{root}/chat/completions", "/v1/chat/completions"):
            return Recognition(0.3, f"{reason}, beside the one for chat", facts)
        return Recognition(0.95, reason, facts)


def _change_body(request: Request, name: str, value: Any) -> Request:
    """The request with another value for a member of its body; None removes the member."""
    return replace(request, body=wire.dump_json(drop_none({**json.loads(request.body), name: value})))
