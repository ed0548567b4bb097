"""A small chat service over http.server, with one worker or a thread for each connection."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    pause = 0.0

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = asked["messages"][-1]["content"]
        self.close_connection = True
        self.send_response(200)
        if not asked.get("stream"):
            message = {"role": "assistant", "content": f"{prompt} {' '.join(WORDS)}"}
            answer = {"id": "a", "object": "chat.completion", "model": "tiny-chat", "created": 1}
            usage = {"prompt_tokens": 1, "completion_tokens": 9, "total_tokens": 10}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            body = json.dumps({**answer, "choices": choices, "usage": usage}).encode()
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for word in [prompt, *(f" {word}" for word in WORDS), None]:
            delta = {"role": "assistant", "content": word} if word else {}
            choice = {"index": 0, "delta": delta, "finish_reason": None if word else "stop"}
            chunk = {"id": "a", "object": "chat.completion.chunk", "model": "tiny-chat", "created": 1}
            self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
            time.sleep(self.pause)
        self.wfile.write(b"data: [DONE]\n\n")

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "tiny-chat", "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients leave."""


class _Replica(_Quiet):
    """A process beside others on one listening socket; `drains`: on SIGTERM it ends what it has begun."""

    daemon_threads = False

    def __init__(self, listener: socket.socket, *, drains: bool) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        listener.setblocking(False)  # another replica may have taken the connection
        self.socket = listener
        signal.signal(signal.SIGTERM, lambda *_: self.end_in_order() if drains else os._exit(0))

    def end_in_order(self) -> None:
        threading.Thread(target=self.shutdown).start()


class _Single(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients leave."""


@contextmanager
def serve_chat(*, workers: int = 0) -> Iterator[str]:
    """The URL of a service with one worker, or with a thread for each connection (0)."""
    server = (_Single if workers == 1 else _Quiet)(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stopping = threading.Thread(target=server.shutdown, daemon=True)
        stopping.start()
        stopping.join(2)
        server.server_close()


def main(descriptor: str, drains: str) -> None:
    """A replica on an inherited socket, with streams that take half a second."""
    _Handler.pause = 0.05
    replica = _Replica(socket.socket(fileno=int(descriptor)), drains=drains == "drains")
    replica.serve_forever(poll_interval=0.05)
    replica.server_close()  # waits for the threads that answer


if __name__ == "__main__":
    main(*sys.argv[1:])
