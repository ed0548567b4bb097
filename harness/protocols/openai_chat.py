"""OpenAI chat completions over HTTP, streamed (server-sent events) or whole.

Lenient where real servers differ: extension fields, `null` or missing `content`, `role`, `finish_reason` and `usage`,
the last text together with the finish reason, usage in any chunk, no `[DONE]`. Strict about what makes an answer: the
types of choices, deltas, content, tool calls, log-probabilities and counts; an `error` object in a success; a finish
reason for every choice, which alone makes an answer complete (`[DONE]` is neither needed nor enough: real servers leave
it out, or send it after a cut).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Query, Request, Response
from harness.core.jsontext import parse
from harness.protocols import _chatstream, _openapi
from harness.protocols._openai import (
    MAX_TOKENS,
    PROMPT,
    Family,
    base,
    is_error,
    listed,
    messages,
    model,
    names,
    without_none,
)
from harness.protocols._wire import (
    JSON,
    NOWHERE,
    an_array,
    an_object,
    closed,
    full_path,
    offered,
    page,
    post,
    refuse_error,
    status,
)


class OpenAIChat(Family):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it already."""

    name = "openai_chat"
    title = "OpenAI chat completions, streamed or whole"
    route = "/chat/completions"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Streaming and text; liveness where a health page was found, metadata where the models are listed."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return Capabilities(
            streaming=True,
            roles=True,
            text=True,
            generates=True,
            seeds=True,
            shapes=True,
            liveness=live,
            metadata=bool(facts.models),
        )

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: models are listed; 0.9: the OpenAPI document has the chat route; 0.7: the list needs a key.

        Less where the evidence disagrees: a configured model that is not listed, a document without the chat route.
        """
        root = full_path(endpoint, base(endpoint))
        found = listed(page(answers, "models"))
        documented = _openapi.has_post(page(answers, "openapi"), f"{root}/chat/completions", "/v1/chat/completions")
        facts = Facts(models=found or (), inputs={"live": offered(answers, "live")})
        if found is not None:
            said = f"GET {root}/models answered 200 with a list of models: {names(found)}"
            if documented is False:
                return Recognition(0.6, f"{said}; its OpenAPI document has no POST {root}/chat/completions", facts)
            if endpoint.model and not {endpoint.model, f"{endpoint.model}:latest"} & set(found):
                return Recognition(0.8, f"{said}; {endpoint.model!r} is not among them", facts)
            return Recognition(1.0, said, facts)
        if documented:
            models = status(answers, "models") or "nothing"
            said = f"its OpenAPI document has POST {root}/chat/completions; GET {root}/models answered {models}"
            return Recognition(0.9, said, facts)
        if closed(answers, "models") and is_error(answers["models"]):
            said = f"GET {root}/models answered {status(answers, 'models')} with an OpenAI error: it needs a key"
            if not offered(answers, "models"):
                return Recognition(0.5, f"{said}, and so does a path that no one has", facts)
            return Recognition(0.7, said, facts)
        return Recognition(0.0, f"GET {root}/models brought no list of models")

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; an option of None takes the default of that name out.

        A streamed request asks for usage too (`stream_options`).
        """
        body: dict[str, Any] = {"model": model(endpoint, facts), "messages": messages(query.inputs, self.name)}
        if query.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= query.options
        return post(base(endpoint) + "/chat/completions", without_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every choice. Raises `ProtocolError` with the place."""
        value = an_object(parse(response.body))
        refuse_error(value, response)
        choices = [
            an_object(each, f"$.choices[{i}]") for i, each in enumerate(an_array(value.get("choices"), "$.choices"))
        ]
        return _chatstream.whole(value, choices)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent chunks."""
        return _chatstream.ChatStream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, messages missing or of the wrong type, `max_tokens` in words, a route that is not there."""
        path = base(endpoint) + "/chat/completions"
        valid = without_none({"model": model(endpoint, facts), "messages": messages(PROMPT, self.name)})
        valid["max_tokens"] = MAX_TOKENS
        return {
            "malformed_json": Request("POST", path, JSON, b'{"messages": [{"role": "user", '),
            "missing_messages": post(path, {name: value for name, value in valid.items() if name != "messages"}),
            "messages_not_an_array": post(path, {**valid, "messages": 5}),
            "max_tokens_in_words": post(path, {**valid, "max_tokens": "sixteen"}),
            "unknown_path": post(base(endpoint) + NOWHERE, valid),
        }


ADAPTER = OpenAIChat()
