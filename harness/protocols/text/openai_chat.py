"""OpenAI chat completions over HTTP, streamed (server-sent events) or not.

Differences between real servers are accepted: extension fields; `null` or missing `content`, `role`, `finish_reason`
and `usage`; the last text together with the finish reason; usage in any chunk; no `[DONE]`. The types of choices,
deltas, content, tool calls, log-probabilities and counts must be right, and an `error` object in a successful answer is
an error. An answer is complete if every choice has a finish reason: `[DONE]` is neither required nor sufficient,
because real servers leave it out, or send it after an answer that was cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Choice, Query, Request, Response
from harness.protocols.shared import chat_stream, openapi, wire
from harness.protocols.shared.chat_parts import find_reasoning, parse_index, parse_logprobs, parse_tool_calls
from harness.protocols.shared.model_tasks import agree_on_task, rank_for_chat
from harness.protocols.shared.openai_family import (
    OpenAIFamily,
    build_messages,
    choose_model,
    find_prefix,
    is_openai_error,
    join_names,
    parse_model_list,
)
from harness.protocols.shared.text_inputs import list_cards
from harness.protocols.shared.values import accept_text, expect_object, parse_answer


class OpenAIChat(OpenAIFamily):
    """The adapter; `/v1` is put before every path unless the URL of the endpoint already ends with it."""

    name = "openai_chat"
    title = "OpenAI chat completions, streamed or not"
    route = "/chat/completions"

    input_member = "messages"
    wrong_input = ("messages_not_an_array", 5)
    offers = Capabilities(
        streaming=True, roles=True, text=True, messages=True, generates=True, seeds=True, chat_options=True
    )

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: models are listed; 0.9: the OpenAPI document has the chat route; 0.7: the list needs a key.

        Less if the evidence disagrees: the configured model is not listed, the document has no chat route, or every
        model is one for embeddings or rerank. Such models come last, so that a mixed list is asked for a chat model.
        """
        root = wire.join_path(endpoint, find_prefix(endpoint))
        names = parse_model_list(wire.read_page(answers, "models"))
        status = wire.get_status(answers, "models")
        has_route = openapi.has_post(
            wire.read_page(answers, "openapi"), f"{root}/chat/completions", "/v1/chat/completions"
        )
        cards = list_cards(answers)
        facts = Facts(rank_for_chat(cards, names or ()), inputs={"live": wire.is_offered(answers, "live")})
        if names is not None:
            reason = f"GET {root}/models answered 200 with a list of models: {join_names(names)}"
            if has_route is False:
                return Recognition(0.6, f"{reason}; its OpenAPI document has no POST {root}/chat/completions", facts)
            if task := agree_on_task(cards, endpoint.model):
                return Recognition(0.6, f"{reason}; {endpoint.model or 'each'} looks like a model for {task}", facts)
            if endpoint.model and not {endpoint.model, f"{endpoint.model}:latest"} & set(names):
                return Recognition(0.8, f"{reason}; {endpoint.model!r} is not among them", facts)
            return Recognition(1.0, reason, facts)
        if has_route:
            reason = f"its OpenAPI document has POST {root}/chat/completions"
            return Recognition(0.9, f"{reason}; GET {root}/models answered {status or 'nothing'}", facts)
        if wire.needs_credentials(answers, "models") and is_openai_error(answers["models"]):
            reason = f"GET {root}/models answered {status} with an OpenAI error: it needs a key"
            if not wire.is_offered(answers, "models"):
                return Recognition(0.5, f"{reason}, and so does an unknown path", facts)
            return Recognition(0.7, reason, facts)
        return Recognition(0.0, f"GET {root}/models did not answer with a list of models")

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is a prompt or a list of messages; an option of None removes the default of that name.

        A streamed request also asks for usage (`stream_options`).
        """
        messages = build_messages(query.inputs, self.name)
        body: dict[str, Any] = {"model": choose_model(endpoint, facts), "messages": messages}
        if query.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= query.options
        return self.make_request(endpoint, query, body)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every choice. Raises `ProtocolError` with the place."""
        return chat_stream.decode_choices(parse_answer(response), _parse_choice)

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of server-sent chunks."""
        return chat_stream.ChatStream()


def _parse_choice(choice: dict[str, Any], at: str, place: int) -> Choice:
    """A choice of an answer that was not streamed; without an index, its place in the list is its index."""
    message = expect_object(choice.get("message"), f"{at}.message")
    return Choice(
        parse_index(choice, place, at),
        accept_text(message.get("content"), f"{at}.message.content") or "",
        accept_text(choice.get("finish_reason"), f"{at}.finish_reason") or None,
        tuple(call for _, call in parse_tool_calls(message.get("tool_calls"), f"{at}.message.tool_calls")),
        parse_logprobs(choice.get("logprobs"), f"{at}.logprobs"),
        find_reasoning(message),
    )


ADAPTER = OpenAIChat()
