"""A service on one event loop that does to each request what a test wants, and counts what it did."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.load.loads import locust, result_of

SPARED = 12
"""More requests than are sent beside a load (preflight, probes, repeats of what was wrong)."""

CONFIG = """
[endpoint]
sample = {sample}
deadlines = {{ connect = 10.0, first_byte = 10.0, inter_token = 10.0, total = {total} }}
"""
PLAIN = ("--protocol=plain_json", "--warm-up=0", "--arrivals=constant")
CHAT = ("--protocol=openai_chat", "--model=m", "--stream", "--warm-up=0", "--arrivals=constant")


class HardService:
    """Gives every POST to `act`, which answers it and returns in one word what it did: `counts` has how often.

    The first `SPARED` requests may be asked beside the load.
    """

    def __init__(self, act: Callable[[Request], Awaitable[str]]) -> None:
        self._act = act
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self.counts: Counter[str] = Counter()
        self.n = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.listen(0), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def listen(self, port: int) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=2048)

    def drop_all(self) -> None:
        """Accept no connections any more, and reset those that are open."""
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    def close(self) -> None:
        """End the service."""
        self._loop.call_soon_threadsafe(self.drop_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._cancel_all())
        self._loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                body = await reader.readexactly(length)
                is_post = head.startswith(b"POST")
                self.n += is_post
                request = Request(self, writer, self.n, time.monotonic(), json.loads(body) if body else {})
                if is_post:
                    did = "left"
                    try:
                        did = await self._act(request)
                    finally:
                        self.counts[did] += 1
                else:
                    request.answer(404, {})
                await writer.drain()
        self._writers.discard(writer)
        writer.close()


class Request:
    """The `n`-th request of a service's life, come `at` this time, and the ways to answer it."""

    def __init__(self, service: HardService, writer: asyncio.StreamWriter, n: int, at: float, body: Any) -> None:
        self.service, self.writer, self.n, self.at, self.body = service, writer, n, at, body

    def answer(self, status: int = 200, value: Any = None, headers: str = "", *, closes: bool = False) -> str:
        """Answer with JSON; of None with a valid prediction, or where a prompt was sent with a valid chat answer.

        `closes`: the end of the connection comes without a word, in one packet with the answer.
        """
        if closes:
            self.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        if value is None and "messages" in self.body:
            choice = {"index": 0, "message": {"role": "assistant", "content": "word " * 4}, "finish_reason": "stop"}
            value = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        data = json.dumps({"outputs": [0.75]} if value is None else value).encode()
        headers = f"content-type: application/json\r\ncontent-length: {len(data)}\r\n{headers}"
        self.writer.write(f"HTTP/1.1 {status} OK\r\n{headers}\r\n".encode() + data)
        if closes:
            self.writer.close()
        return "answered"

    async def send(self, data: bytes, *, pieces: int = 1, pause: float = 0.0) -> None:
        """Send a part of a stream, in so many pieces with pauses between them; the first part with the headers."""
        if self.n > 0:
            self.n = -self.n
            headers = b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
            self.writer.write(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n")
        size = -(-len(data) // pieces)
        for first in range(0, len(data), size):
            piece = data[first : first + size]
            self.writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await self.writer.drain()
            await asyncio.sleep(pause)

    def end_stream(self) -> None:
        """The end of the answer in HTTP."""
        self.writer.write(b"0\r\n\r\n")


def make_event(content: str | None, reason: str | None = None) -> bytes:
    """One event of a chat stream; without content the first one, which holds the role."""
    delta = {"role": "assistant"} if content is None else {"content": content}
    choice = {"index": 0, "delta": {} if reason else delta, "finish_reason": reason}
    shared = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**shared, 'choices': [choice]})}\n\n".encode()


@contextmanager
def serve_hard(act: Callable[[Request], Awaitable[str]]) -> Iterator[HardService]:
    """A service that acts so."""
    service = HardService(act)
    try:
        yield service
    finally:
        service.close()


def configure(folder: Path, total: float = 30.0, *, is_chat: bool = False) -> None:
    """Write an aiharness.toml with deadlines that a busy machine keeps; only an answer in all has `total` seconds."""
    sample = '"Say it"' if is_chat else "{ inputs = [[0.5, 0.25]] }"
    (folder / "aiharness.toml").write_text(CONFIG.format(sample=sample, total=total))


def load(folder: Path, service: HardService, *options: str, total: float = 30.0) -> dict[str, Any]:
    """The result of one load of a service by stock locust."""
    configure(folder, total, is_chat=CHAT[0] in options)
    _, output = locust(folder, service.url, *options)
    assert (folder / "run" / "load").exists(), output
    result = result_of(folder / "run")
    assert result["finished"], output
    return result
