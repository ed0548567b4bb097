"""Requests and answers of services, as they go over a connection: what the faults on HTTP are tried on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
CALL = {"index": 0, "id": "call_1", "type": "function"}


def make_request(path: str, body: Any, headers: str = "") -> bytes:
    raw = json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {len(raw)}\r\n\r\n".encode() + raw


def make_page(body: bytes | Any, media: str = "application/json", more: str = "") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n{more}Content-Length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


def chunk(pieces: Sequence[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def make_chunked(pieces: Sequence[bytes]) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + chunk(pieces)


def make_stream(events: Sequence[bytes], media: str = "text/event-stream") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunk(events)


def make_chunks(words: str, call: bool = False) -> list[bytes]:
    """The events of a streamed chat completion."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in words.split(" ")]
    if call:
        deltas.append({"tool_calls": [{**CALL, "function": {"name": "look_up", "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"ci', 'ty": "Ber', 'lin"}')
        ]
    base = {"id": "c1", "object": "chat.completion.chunk", "model": "tiny"}
    rows: list[dict[str, Any]] = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    rows.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else "stop"}]})
    rows.append({**base, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}})
    return [b"data: " + json.dumps(row, ensure_ascii=False).encode() + b"\n\n" for row in rows] + [b"data: [DONE]\n\n"]


def make_chat(text: str, call: bool = False) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if call:
        function = {"name": "look_up", "arguments": '{"city": "Berlin"}'}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    return {"id": "c1", "object": "chat.completion", "model": "tiny", "choices": [choice], "usage": usage}


def ask(text: str, **more: Any) -> bytes:
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}], "tools": TOOLS, **more}
    return make_request("/v1/chat/completions", body)


def infer(*values: float) -> bytes:
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": list(values)}
    return make_request("/v2/models/m/infer", {"inputs": [tensor]})


def make_tensors(*values: float) -> bytes:
    tensor = {"name": "y", "shape": [2, 2], "datatype": "FP32", "data": list(values)}
    return make_page({"model_name": "m", "model_version": "1", "outputs": [tensor]})


EXCHANGES = [
    (ask("one", stream=True), make_stream(make_chunks("Grüße an alle Leute", call=True))),
    (ask("two"), make_page(make_chat("Grüße an alle", call=True))),
    (ask("three", stream=True), make_stream(make_chunks("and again some words"))),
    (ask("four"), make_page(make_chat("another answer"))),
    (infer(1, 2, 3, 4), make_tensors(0.5, 1.5, 2.5, 3.5)),
    (infer(5, 6, 7, 8), make_tensors(4.5, 5.5, 6.5, 7.5)),
    (make_request("/predict", {"instances": [[1], [2], [3]]}), make_page({"predictions": [[0.1, 0.9], [0.2, 0.8]]})),
    (
        make_request("/predict", {}),
        make_page({"error": "no instances"}).replace(b"200 OK", b"422 Unprocessable Content"),
    ),
]
"""Requests, each with its answer."""

REQUESTS = b"".join(request for request, _ in EXCHANGES)
ANSWERS = b"".join(answer for _, answer in EXCHANGES)
