"""Looks at defects that show after an event, or in a combination of options: see `looks.py`."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from detection.over_time import IDLE_S
from harness.reference.settings import ServiceSettings
from tests.detection.looks import (
    CALL,
    ONE,
    OTHER,
    PATHS,
    ROWS,
    STREAM,
    WEATHER,
    Look,
    asks,
    chat,
    post,
    text,
    together,
    v2,
    value,
)


def _pause_between(client: httpx.Client) -> object:
    before = [value(post(client, body)) for body in (ONE, OTHER)]
    time.sleep(IDLE_S * 1.1)
    return before, [value(post(client, ONE)) for _ in range(3)]


def _try_keys(client: httpx.Client) -> object:
    lines = ("Bearer", "Bearer RIGHT", "Bearer righ", "bearer right", "Bearer  right")
    return [post(client, ONE, headers={"authorization": line}).status_code for line in lines]  # type: ignore[union-attr]


def _repeat_id(client: httpx.Client) -> object:
    id_ = {"x-request-id": "twice"}
    return [value(post(client, v2(ROWS[place : place + 1]) | {"id": "twice"}, headers=id_)) for place in (0, 3)]


def _repeat_id_together(client: httpx.Client) -> object:
    return set(map(str, together(*[ONE] * 4, headers={"x-request-id": "twice"})(client)))  # type: ignore[call-overload]


def _repeat_call_id(client: httpx.Client) -> object:
    results = [{"role": "tool", "tool_call_id": "twice", "content": text} for text in ("rain " * 9, "sun")]
    return value(post(client, chat() | {"messages": [{"role": "user", "content": "Count."}, *results]}))


def _list_call_ids(client: httpx.Client) -> object:
    answers = [client.post(PATHS["messages"], json=CALL).json()["choices"][0]["message"] for _ in range(2)]
    return len({message["tool_calls"][0]["id"] for message in answers})


def _echo_odd_text(client: httpx.Client) -> object:
    return text(post(client, chat('Repeat after me: "a" <b> \\n c%20d e\u0301 f\u200dg', max_tokens=60)))


def _combine(client: httpx.Client) -> object:
    parts = [{"role": "user", "content": [{"type": "text", "text": "Count."}]}]
    streamed = STREAM | {"max_completion_tokens": 3}
    del streamed["max_tokens"]
    return asks(
        streamed,
        STREAM | {"messages": parts},
        chat(tools=[WEATHER], tool_choice="none") | {"messages": parts},
        chat(tools=[WEATHER], tool_choice="none", n=2),
    )(client)


def _stream_warm(client: httpx.Client) -> object:
    bodies = [chat(f"Repeat after me: {word * 9}", stream=True, temperature=0.7) for word in ("abcd", "efgh")]
    with ThreadPoolExecutor(2) as pool:
        return [text(answer) for answer in pool.map(lambda body: post(client, body), bodies)]


_IDLE = ("dead_upstream_after_idle", "stale_answer_after_idle", "unloaded_after_idle")
_KEYS = ("empty_key_accepted", "key_in_any_case", "key_prefix_enough", "scheme_case_required", "second_space_refused")
_TEXTS = ("backslashes_doubled", "escaped_for_html", "joiners_lost", "percent_decoded", "text_normalised")
_COMBINED = (
    "limit_ignored_in_streams",
    "one_choice_beside_tools",
    "parts_dropped_beside_tools",
    "usage_lost_for_parts",
)
EVENTS: dict[str, Look] = {
    **dict.fromkeys(_IDLE, _pause_between),
    **dict.fromkeys(_KEYS, _try_keys),
    **dict.fromkeys(_TEXTS, _echo_odd_text),
    **dict.fromkeys(("answers_by_body_id", "answers_by_request_id"), _repeat_id),
    "id_in_use_fails": _repeat_id_together,
    **dict.fromkeys(("results_by_call_id", "second_result_dropped"), _repeat_call_id),
    **dict.fromkeys(_COMBINED, _combine),
    "warm_streams_swapped": _stream_warm,
    **dict.fromkeys(("call_ids_counted", "call_ids_of_the_tool"), _list_call_ids),
}
EVENT_BASE: dict[str, ServiceSettings] = {
    **dict.fromkeys(_IDLE, ServiceSettings(token_ms=0)),
    **dict.fromkeys(_KEYS, ServiceSettings(token_ms=0, api_key="right")),
}
