"""A model that never words an answer alike, and a gateway before it: what it does with a cut answer can be chosen."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.services import QuietServer, serving_handler

WORDS = ["time", "people", "year", "way", "day", "thing", "man", "world", "life", "hand", "part", "place", "week"]
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "tiny-chat"}
PATH = "/v1/chat/completions"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def read_body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"null")

    def send_json(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def send_event(self, data: str) -> None:
        raw = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(raw), raw))
        self.wfile.flush()

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": "tiny-chat", "object": "model"}]}
        self.send_json(models if self.path == "/v1/models" else {"status": "ok"})


def _make_chunk(delta: dict[str, str], finish: str | None = None) -> str:
    return json.dumps({**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _make_answer(text: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 5, "completion_tokens": len(text.split()), "total_tokens": 5 + len(text.split())}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": usage}


@dataclass
class Model:
    """Answers with 12 to 18 words, drawn anew for each request, whatever it is asked."""

    random: random.Random = field(default_factory=lambda: random.Random(5))

    def make_handler(self) -> type[_Handler]:
        model = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                body = self.read_body() or {}
                words = model.random.choices(WORDS, k=model.random.randint(12, 18))
                if not body.get("stream"):
                    self.send_json(_make_answer(" ".join(words)))
                    return
                self.begin_stream()
                with contextlib.suppress(OSError):
                    for word in words:
                        self.send_event(_make_chunk({"content": f"{word} "}))
                    self.send_event(_make_chunk({}, "stop"))
                    self.send_event("[DONE]")
                    self.end_stream()

        return Handler


@dataclass
class Gateway:
    """Passes requests on to `links`, one in `step` to the first and the others to the last.

    A stream that is cut behind it gets an error event; with `hides`, a finish reason and a terminator as if it were
    whole, as litellm#33404 has it. An upstream that cannot be reached is a 502; with `retries` the last link is tried.
    """

    links: tuple[str, ...]
    step: int = 1
    hides: bool = False
    retries: bool = False
    count: int = 0

    def choose(self) -> str:
        self.count += 1
        return self.links[0] if self.count % self.step == 0 else self.links[-1]

    def make_handler(self) -> type[_Handler]:
        gateway = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                raw = json.dumps(self.read_body()).encode()
                chosen = gateway.choose()
                for address in (chosen, gateway.links[-1])[: 1 + gateway.retries]:
                    upstream = http.client.HTTPConnection(address, timeout=5)
                    try:
                        upstream.request("POST", PATH, raw, {"content-type": "application/json"})
                        response = upstream.getresponse()
                    except (OSError, http.client.HTTPException):
                        continue
                    with contextlib.closing(upstream), contextlib.suppress(OSError):
                        self.pass_on(response)
                    return
                self.send_json({"error": {"message": "no upstream answers", "type": "server_error"}}, 502)

            def pass_on(self, response: http.client.HTTPResponse) -> None:
                if "event-stream" not in response.headers.get("content-type", ""):
                    self.send_json(json.loads(response.read()), response.status)
                    return
                self.begin_stream()
                is_whole = False
                with contextlib.suppress(http.client.HTTPException):
                    for line in response:
                        if line.startswith(b"data: "):
                            is_whole |= b"[DONE]" in line
                            self.send_event(line[6:].decode().strip())
                if not is_whole and gateway.hides:
                    self.send_event(_make_chunk({}, "stop"))
                    self.send_event("[DONE]")
                elif not is_whole:
                    self.send_event('{"error": {"message": "the upstream broke off", "type": "server_error"}}')
                self.end_stream()

        return Handler


@contextmanager
def serve(service: Model | Gateway) -> Iterator[str]:
    """The address of the running service, "host:port"."""
    with serving_handler(service.make_handler(), QuietServer) as url:
        yield url.removeprefix("http://")


def ping(address: str) -> AbstractContextManager[None]:
    """A health check over a link, ten times a second, as a load balancer sends it."""
    return _repeat(address, "GET", "/health", None)


def send_foreign(address: str) -> AbstractContextManager[None]:
    """Somebody else's requests over a link, like ours but for the mark."""
    body = json.dumps({"model": "tiny-chat", "stream": True, "messages": [{"role": "user", "content": "Hello"}]})
    return _repeat(address, "POST", PATH, body)


@contextmanager
def _repeat(address: str, method: str, path: str, body: str | None) -> Iterator[None]:
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.1):
            connection = http.client.HTTPConnection(address, timeout=2)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request(method, path, body)
                connection.getresponse().read()
            connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        stop.set()
        asking.join()
