"""What the protocols of OpenAI's family share: the `/v1` before every path, the list of models, the shape of errors."""

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
from harness.protocols.shared import openapi
from harness.protocols.shared.chat_stream import assemble_events
from harness.protocols.shared.values import get_member, parse_names
from harness.protocols.shared.wire import (
    OPENAPI_PATH,
    UNKNOWN_PATH,
    dump_json,
    is_offered,
    join_path,
    make_get,
    read_json,
    read_page,
)

SAMPLE_PROMPT = "Say hello."
SAMPLE_MAX_TOKENS = 16


def find_prefix(endpoint: Endpoint) -> str:
    """`/v1`, unless the endpoint's URL ends with it already or another prefix is configured."""
    if endpoint.prefix is not None:
        return endpoint.prefix
    return "" if urlsplit(endpoint.url).path.rstrip("/").endswith("/v1") else "/v1"


def choose_model(endpoint: Endpoint, facts: Facts) -> str | None:
    """The configured model, else the first that is listed."""
    return endpoint.model or next(iter(facts.models), None)


def build_messages(inputs: Any, protocol: str) -> list[Any]:
    """A prompt as a user's message; messages as they are. Raises `UsageError` for anything else."""
    if isinstance(inputs, str):
        return [{"role": "user", "content": inputs}]
    if isinstance(inputs, list) and inputs and all(isinstance(each, dict) and "role" in each for each in inputs):
        return inputs
    raise UsageError(
        f"{protocol} takes a prompt, or a list of messages with roles, as its input; check [endpoint] sample"
    )


def parse_model_list(value: Any) -> tuple[str, ...] | None:
    """The ids in a page of models; None when it is no such page (Ollama without a model says `data: null`)."""
    if isinstance(value, dict) and value.get("object") == "list" and value.get("data", ()) is None:
        return ()
    return parse_names(get_member(value, "data"), "id")


def join_names(found: Sequence[str]) -> str:
    """The first models in words."""
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "") if found else "none"


def is_openai_error(response: Response) -> bool:
    """Whether a body is an error as OpenAI's API words it."""
    return isinstance(get_member(read_json(response), "error", "message"), str)


def pick_only(found: Sequence[str] | None) -> str | None:
    """The one model that is listed, or None."""
    return found[0] if found and len(found) == 1 else None


def _change_body(request: Request, changes: Mapping[str, Any]) -> Request:
    """The request with other members in its body, or without those that are changed to None."""
    return replace(request, body=dump_json(drop_none({**json.loads(request.body), **changes})))


def drop_none(body: dict[str, Any]) -> dict[str, Any]:
    """The body without members of None: an option of None takes the default of that name out."""
    return {name: value for name, value in body.items() if value is not None}


class ListsModels:
    """What protocols share whose services list their models: probes, and what these tell of capabilities and name."""

    can: Capabilities
    """What the protocol offers, whatever the endpoint's own pages say."""

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """What the protocol offers; liveness where a health page was found, metadata where the models are listed."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return replace(self.can, liveness=live, metadata=bool(facts.models))

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The list of models, a health page (not part of the protocol, yet common), and the OpenAPI document."""
        return {
            "models": make_get(find_prefix(endpoint) + "/models"),
            "live": make_get(endpoint.template.health or "/health"),
            "openapi": make_get(OPENAPI_PATH),
            "nowhere": make_get(UNKNOWN_PATH),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The one listed model; of several none can be told to be the served one. No version is ever stated."""
        return pick_only(parse_model_list(read_page(answers, "models"))), None


class GeneratesText:
    """What the protocols that generate text share: a sample, and the end of a stream."""

    can: Capabilities

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """What the protocol offers; metadata where the models are listed."""
        return replace(self.can, metadata=bool(facts.models))

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured prompt or messages, else a greeting; at most 16 tokens at temperature 0."""
        inputs = SAMPLE_PROMPT if endpoint.sample is None else endpoint.sample
        return Query(inputs, options={"max_tokens": SAMPLE_MAX_TOKENS, "temperature": 0})

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """Every choice with its parts; complete when each has exactly one finish reason and no error stands inside."""
        return assemble_events(events)


class OpenAIFamily(ListsModels, GeneratesText):
    """What the text protocols of OpenAI's family, and Anthropic's, share.

    `route` is the path that a protocol has and the others have not, `asked` the member of its body that holds the input
    and `limit` the one that holds the most tokens; `mistyped` names an input of the wrong type.
    """

    name: str
    route: str
    asked: str
    mistyped: tuple[str, Any]
    limit = "max_tokens"

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The request for a query."""
        raise NotImplementedError

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no input or one of the wrong type, a limit in words, a route that is not there."""
        valid = self.encode(endpoint, Query(SAMPLE_PROMPT, options={"max_tokens": SAMPLE_MAX_TOKENS}), facts)
        name, wrong = self.mistyped
        return {
            "malformed_json": replace(valid, body=b'{"%s": [{"role": "user", ' % self.asked.encode()),
            f"missing_{self.asked}": _change_body(valid, {self.asked: None}),
            name: _change_body(valid, {self.asked: wrong}),
            f"{self.limit}_in_words": _change_body(valid, {self.limit: "sixteen"}),
            "unknown_path": replace(valid, path=find_prefix(endpoint) + UNKNOWN_PATH),
        }

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.95: the OpenAPI document has this route and not chat's; 0.3 beside chat: a choice for the user."""
        root = join_path(endpoint, find_prefix(endpoint))
        document = read_page(answers, "openapi")
        if not openapi.has_post(document, root + self.route, f"/v1{self.route}"):
            return Recognition(0.0, f"no OpenAPI document has POST {root}{self.route}")
        facts = Facts(
            parse_model_list(read_page(answers, "models")) or (), inputs={"live": is_offered(answers, "live")}
        )
        said = f"its OpenAPI document has POST {root}{self.route}"
        if openapi.has_post(document, f"{root}/chat/completions", "/v1/chat/completions"):
            return Recognition(0.3, f"{said}, beside the one for chat", facts)
        return Recognition(0.95, said, facts)
