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
from harness.core.exchange import Answer, Choice, Query, Request, Response
from harness.protocols.shared import chat_stream, openapi
from harness.protocols.shared.chat_parts import logprobs, tool_calls
from harness.protocols.shared.openai_family import Family, base, is_error, listed, messages, model, names, without_none
from harness.protocols.shared.values import an_object, answered, text_or_none, whole_number
from harness.protocols.shared.wire import closed, full_path, offered, page, post, status


class OpenAIChat(Family):
    """The adapter; `/v1` is put before every path unless the endpoint's URL ends with it already."""

    name = "openai_chat"
    title = "OpenAI chat completions, streamed or whole"
    route = "/chat/completions"

    asked = "messages"
    mistyped = ("messages_not_an_array", 5)
    can = Capabilities(streaming=True, roles=True, text=True, generates=True, seeds=True, chat_options=True)

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: models are listed; 0.9: the OpenAPI document has the chat route; 0.7: the list needs a key.

        Less where the evidence disagrees: a configured model that is not listed, a document without the chat route.
        """
        root = full_path(endpoint, base(endpoint))
        found = listed(page(answers, "models"))
        documented = openapi.has_post(page(answers, "openapi"), f"{root}/chat/completions", "/v1/chat/completions")
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
        return chat_stream.whole(answered(response), _choice)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent chunks."""
        return chat_stream.ChatStream()


def _choice(choice: dict[str, Any], at: str, number: int) -> Choice:
    """A choice of a whole answer; one that states no index has that of its place."""
    message = an_object(choice.get("message"), f"{at}.message")
    return Choice(
        number if choice.get("index") is None else whole_number(choice["index"], f"{at}.index"),
        text_or_none(message.get("content"), f"{at}.message.content") or "",
        text_or_none(choice.get("finish_reason"), f"{at}.finish_reason") or None,
        tuple(call for _, call in tool_calls(message.get("tool_calls"), f"{at}.message.tool_calls")),
        logprobs(choice.get("logprobs"), f"{at}.logprobs"),
    )


ADAPTER = OpenAIChat()
