"""Services in which things that the checks are about do not occur, and what was really sent, counted by themselves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any]
JSON = {"content-type": "application/json"}


@dataclass
class Sent:
    """What a service sent: its errors, its distinct answers, those that were not empty; and how many requests were not
    the first of their connection."""

    errors: int = 0
    contents: set[str] = field(default_factory=set)
    filled: int = 0
    later_requests: int = 0


def predict(body: Any) -> Any:
    """One prediction for each row, which depends on the row."""
    return {"predictions": [sum(map(float, row)) for row in body["instances"]]}


def predict_always(body: Any) -> Any:
    """The same prediction for each row; one for what has no rows."""
    rows = body.get("instances") if isinstance(body, dict) else None
    return {"predictions": [0.5] * len(rows) if isinstance(rows, list) and rows else [0.5]}


def predict_nothing(body: Any) -> Any:
    """No prediction."""
    return {"predictions": []}


def chat(text: str) -> Callable[[Any], Any]:
    """A chat completion with this text, whatever is asked."""

    def complete(body: Any) -> Any:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": len(text.split()), "total_tokens": 5 + len(text.split())}
        head = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": "tiny-chat"}
        return {**head, "choices": [choice], "usage": usage}

    return complete


def accept_all(_: Any) -> str:
    """Refuse nothing."""
    return ""


def accept_rows(body: Any) -> str:
    """Refuse everything but rows of two numbers."""
    rows = body.get("instances") if isinstance(body, dict) else None
    for row in rows if isinstance(rows, list) and rows else [None]:
        if not isinstance(row, list) or len(row) != 2 or not all(type(number) in (int, float) for number in row):
            return "instances must be rows of two numbers"
    return ""


def accept_one_row(body: Any) -> str:
    """Refuse everything but a single row of two numbers."""
    return accept_rows(body) or ("one row at a time" if len(body["instances"]) > 1 else "")


def accept_sample(body: Any) -> str:
    """Refuse everything but the row [1, 2]."""
    is_sample = isinstance(body, dict) and body.get("instances") == [[1, 2]]
    return "" if is_sample else "only the sample is known"


@dataclass(frozen=True)
class Degenerate:
    """A service: what it refuses with a 400 (a reason), its answers, and whether it ends each connection."""

    refuse: Callable[[Any], str]
    answer: Callable[[Any], Any]
    closes: bool = False
    is_chat: bool = False

    @contextmanager
    def serve(self) -> Iterator[tuple[str, Sent]]:
        """The URL of the running service, and what it sends."""
        sent = Sent()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self, sent))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", sent
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


SERVICES = {
    "never errs": Degenerate(accept_all, predict_always),
    "refuses all but its sample": Degenerate(accept_sample, predict),
    "takes single rows": Degenerate(accept_one_row, predict),
    "one answer for all": Degenerate(accept_rows, predict_always),
    "ends each connection": Degenerate(accept_rows, predict, closes=True),
    "empty outputs": Degenerate(accept_rows, predict_nothing),
    "chat that never errs": Degenerate(accept_all, chat("words"), is_chat=True),
    "chat without text": Degenerate(accept_all, chat(""), is_chat=True),
}


def _make_handler(service: Degenerate, sent: Sent) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one class
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        requests = 0

        def reply(self, status: int, body: Any) -> None:
            content = json.dumps(body)
            self.requests += 1
            sent.later_requests += self.requests > 1
            sent.errors += status >= 400
            if status < 400 and self.command == "POST":
                sent.contents.add(content)
                sent.filled += '"content": "words"' in content or bool(body.get("predictions"))
            self.send_response(status)
            lines = {**JSON, "content-length": str(len(content))}
            if service.closes:
                lines["connection"] = "close"
            for name, value in lines.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # the client has gone
                self.wfile.write(content.encode())

        def do_GET(self) -> None:
            page = {"object": "list", "data": [{"id": "tiny-chat", "object": "model"}]} if service.is_chat else {}
            self.reply(200, page)

        def do_POST(self) -> None:
            body = None
            with suppress(ValueError, OverflowError, RecursionError):
                body = json.loads(self.rfile.read(max(0, int(self.headers.get("content-length") or "0"))))
            reason = service.refuse(body)
            if reason:
                self.reply(400, {"error": reason})
            else:
                self.reply(200, service.answer(body))

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            self.close_connection = True
            if service.refuse is accept_all:
                self.reply(200, service.answer(None))
            else:
                self.reply(code, {"error": "not HTTP"})

        def handle(self) -> None:
            with suppress(OSError):  # the client has gone
                super().handle()

        def log_message(self, *_: Any) -> None:
            return

    return Handler
