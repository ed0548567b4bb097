"""A small chat service whose answers are a function of the prompt, with one defect each; whole and streamed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any


def _keep(text: str, number: int) -> str:
    return text


@dataclass
class TextService:
    """What an answer is: `change` for its text, `calls` whether it calls a tool, by the number in the prompt.

    `stream_change` and `stream_arguments` (None: no call) do it to streamed answers alone.
    """

    change: Callable[[str, int], str] = _keep
    finish: str = "stop"
    reasoning: str = ""
    calls: Callable[[int], bool] = lambda number: True
    arguments: Callable[[str], str] = lambda text: text
    status: Callable[[int], int] = lambda number: 200
    stream_change: Callable[[str], str] = lambda text: text
    stream_arguments: Callable[[str], str | None] = lambda text: text

    def answer(self, body: Any) -> tuple[int, dict[str, Any], str]:
        """Status, message and finish reason."""
        prompt = str(body["messages"][-1]["content"])
        number = int((re.findall(r"\d+", prompt) or ["1"])[0])
        limit, streamed = body.get("max_tokens") or 10_000, bool(body.get("stream"))
        if body.get("tools") and self.calls(number):
            arguments: str | None = self.arguments(json.dumps({"city": f"city {number}"}))
            if streamed:
                arguments = self.stream_arguments(arguments or "")
            if arguments is None:
                return 200, {"role": "assistant", "content": ""}, "stop"
            cut = arguments[: limit * 4]
            call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": cut}}
            finish = "tool_calls" if cut == arguments else "length"
            return self.status(number), {"role": "assistant", "content": None, "tool_calls": [call]}, finish
        text = self.change(f"The text for this prompt, which is not short, says number {number}. ", number)
        words = re.findall(r"\S+\s*", text)
        message = {"role": "assistant", "content": "".join(words[:limit]), "reasoning_content": self.reasoning or None}
        if streamed:
            message["content"] = self.stream_change(str(message["content"]))
        return self.status(number), message, "length" if len(words) > limit else self.finish


def make_text_handler(service: TextService) -> type[BaseHTTPRequestHandler]:
    """The handler of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _send(self, status: int, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            page = {"object": "list", "data": [{"id": "m", "object": "model"}]}
            is_list = self.path.endswith("/models")
            self._send(200 if is_list else 404, json.dumps(page if is_list else {}).encode(), "application/json")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))
            status, message, finish = service.answer(body)
            head = {"id": "1", "created": 1, "model": "m"}
            if status != 200:
                self._send(status, b'{"error": {"message": "no"}}', "application/json")
            elif body.get("stream"):
                events = [
                    {**head, "object": "chat.completion.chunk", "choices": [choice]}
                    for choice in _list_choices(message, finish)
                ]
                data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
                self._send(200, data.encode(), "text/event-stream")
            else:
                choice = {"index": 0, "message": message, "finish_reason": finish}
                page = {**head, "object": "chat.completion", "choices": [choice]}
                self._send(200, json.dumps(page).encode(), "application/json")

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def _list_choices(message: dict[str, Any], finish: str) -> list[dict[str, Any]]:
    """The choices of the chunks: role, pieces of five characters, finish reason."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    text = message.get("content") or ""
    deltas += [{"content": text[place : place + 5]} for place in range(0, len(text), 5)]
    for call in message.get("tool_calls", ()):
        arguments = call["function"]["arguments"]
        deltas.append({"tool_calls": [{**call, "index": 0, "function": {**call["function"], "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": arguments[place : place + 5]}}]}
            for place in range(0, len(arguments), 5)
        ]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    return [*choices, {"index": 0, "delta": {}, "finish_reason": finish}]
