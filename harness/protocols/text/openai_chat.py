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
from harness.protocols.shared.chat_parts import parse_logprobs, parse_tool_calls
from harness.protocols.shared.openai_family import (
    OpenAIFamily,
    build_messages,
    choose_model,
    drop_none,
    find_prefix,
    is_openai_error,
    join_names,
    parse_model_list,
)
from harness.protocols.shared.values import expect_object, expect_text, expect_whole_number, parse_answer
from harness.protocols.shared.wire import get_status, is_offered, join_path, make_post, needs_credentials, read_page


class OpenAIChat(OpenAIFamily):
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
        root = join_path(endpoint, find_prefix(endpoint))
        found = parse_model_list(read_page(answers, "models"))
        documented = openapi.has_post(read_page(answers, "openapi"), f"{root}/chat/completions", "/v1/chat/completions")
        facts = Facts(models=found or (), inputs={"live": is_offered(answers, "live")})
        if found is not None:
            said = f"GET {root}/models answered 200 with a list of models: {join_names(found)}"
            if documented is False:
                return Recognition(0.6, f"{said}; its OpenAPI document has no POST {root}/chat/completions", facts)
            if endpoint.model and not {endpoint.model, f"{endpoint.model}:latest"} & set(found):
                return Recognition(0.8, f"{said}; {endpoint.model!r} is not among them", facts)
            return Recognition(1.0, said, facts)
        if documented:
            models = get_status(answers, "models") or "nothing"
            said = f"its OpenAPI document has POST {root}/chat/completions; GET {root}/models answered {models}"
            return Recognition(0.9, said, facts)
        if needs_credentials(answers, "models") and is_openai_error(answers["models"]):
            said = f"GET {root}/models answered {get_status(answers, 'models')} with an OpenAI error: it needs a key"
            if not is_offered(answers, "models"):
                return Recognition(0.5, f"{said}, and so does a path that no one has", facts)
            return Recognition(0.7, said, facts)
        return Recognition(0.0, f"GET {root}/models brought no list of models")

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; an option of None takes the default of that name out.

        A streamed request asks for usage too (`stream_options`).
        """
        body: dict[str, Any] = {
            "model": choose_model(endpoint, facts),
            "messages": build_messages(query.inputs, self.name),
        }
        if query.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= query.options
        return make_post(find_prefix(endpoint) + "/chat/completions", drop_none(body), stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every choice. Raises `ProtocolError` with the place."""
        return chat_stream.decode_choices(parse_answer(response), _choice)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent chunks."""
        return chat_stream.ChatStream()


def _choice(choice: dict[str, Any], at: str, number: int) -> Choice:
    """A choice of a whole answer; one that states no index has that of its place."""
    message = expect_object(choice.get("message"), f"{at}.message")
    return Choice(
        number if choice.get("index") is None else expect_whole_number(choice["index"], f"{at}.index"),
        expect_text(message.get("content"), f"{at}.message.content") or "",
        expect_text(choice.get("finish_reason"), f"{at}.finish_reason") or None,
        tuple(call for _, call in parse_tool_calls(message.get("tool_calls"), f"{at}.message.tool_calls")),
        parse_logprobs(choice.get("logprobs"), f"{at}.logprobs"),
    )


ADAPTER = OpenAIChat()
