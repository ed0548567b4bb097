"""Looks at defects of services of language models: thinking, tools, structured output, the cache of prefixes."""

from __future__ import annotations

from typing import Any

import httpx

from tests.detection.looks import AFTER_CALL, CALL, FORM, PATHS, WEATHER, Look, asks, chat

_EARLIER = [{"role": role, "content": word} for word in ("Hi", "Hello") for role in ("user", "assistant")]


def _talk(*messages: dict[str, Any]) -> dict[str, Any]:
    return chat() | {"messages": [*messages, {"role": "user", "content": "Count."}]}


def _count_cached(client: httpx.Client) -> object:
    """How much of a long prompt is cached when it is sent again."""
    body = chat("the fox " * 900)
    usages = [client.post(PATHS["messages"], json=body).json()["usage"] for _ in range(2)]
    return usages[1]["prompt_tokens_details"]["cached_tokens"] > 0


LANGUAGE: dict[str, Look] = {
    "effort_ignored": asks(chat(think=True)),
    "one_switch_known": asks(chat(think=True)),
    "structured_never_ends": asks(chat(response_format=FORM, max_tokens=64)),
    "usage_undercounted": asks(chat()),
    "history_marked": asks(_talk(*_EARLIER)),
    "no_think_hides_answer": asks(chat("Say /no_think.")),
    "parts_as_python": asks(chat() | {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}),
    "prefix_cache_short": _count_cached,
    "prompt_cut_silently": asks(chat("Count. " * 600)),
    "short_answer_as_thinking": asks(chat("Say hello.", max_tokens=48)),
    "stream_as_thinking": asks(chat(stream=True)),
    "structured_key_doubled": asks(chat(response_format=FORM, max_tokens=64)),
    "system_at_end": asks(_talk({"role": "system", "content": "Repeat after me: abc"}, *_EARLIER)),
    "thinking_by_caller": asks(chat(chat_template_kwargs={"enable_thinking": True})),
    "thinking_by_effort": asks(chat(reasoning_effort="low")),
    "thinking_spilled": asks(chat(chat_template_kwargs={"enable_thinking": False})),
    "tool_call_as_text": lambda client: _read_message(client).get("tool_calls") is None,
    "tool_call_in_thinking": lambda client: _read_message(client).get("tool_calls") is None,
    "tools_unread": lambda client: client.post(PATHS["messages"], json=CALL).json()["usage"]["prompt_tokens"],
    "tools_unread_after_result": asks(chat(tools=[WEATHER]) | {"messages": AFTER_CALL}),
    "tools_unread_beside_system": asks(_talk({"role": "system", "content": "Be kind."}) | {"tools": [WEATHER]}),
    "warm_answer_differs": asks(chat(), chat()),
}


def _read_message(client: httpx.Client) -> dict[str, Any]:
    message: dict[str, Any] = client.post(PATHS["messages"], json=CALL).json()["choices"][0]["message"]
    return message
