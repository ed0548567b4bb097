"""One upstream of the hardened gateway: its connections, their limits, and its circuit breaker."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import httpx

from harness.reference.breaker import Breaker, Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall, select_headers
from harness.reference.settings import CHAT_MODEL

MAX_ANSWER = 32 * 1024 * 1024
_MAX_EVENT = 1024 * 1024
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_TERMINATOR = re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]\s*$")
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_DRAIN_S = 0.1
_MAX_PARSED = 256 * 1024
"""Bytes up to which an answer labelled JSON is parsed: framing alone does not show that it was cut."""

_QUESTION = {
    "model": CHAT_MODEL,
    "messages": [{"role": "user", "content": "Count."}],
    "max_tokens": 16,
    "stream": True,
}
PROBE = UpstreamCall(
    "POST",
    "/v1/chat/completions",
    b"/v1/chat/completions",
    [(b"content-type", b"application/json"), (b"x-request-id", b"gateway-probe")],
    json.dumps(_QUESTION).encode(),
)
"""Real work, streamed to its terminator: a health page does not show a model that hangs or a stream that is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the gateway, in seconds unless stated otherwise.

    An answer that can still be retried has tight deadlines, one that was delivered in part has loose ones. `connect`:
    for the connection. `hedge`: without a deliverable answer after this time, ask another upstream too. `first`: for a
    deliverable answer over all attempts. `gap`: between two events. `total`: for the whole answer. `probe_every`,
    `probe`: period and deadline of active health checks. `in_flight`: requests at once, more are shed. `retry_share`,
    `retry_burst`: the token bucket of further attempts (as in Finagle's RetryBudget).
    """

    connect: float = 0.5
    hedge: float = 0.3
    first: float = 10.0
    gap: float = 5.0
    total: float = 60.0
    probe_every: float = 0.5
    probe: float = 1.0
    in_flight: int = 128
    retry_share: float = 0.2
    retry_burst: int = 10


class Upstream:
    """A backend as the gateway sees it, with its own connection pool: connections that hang here block no other."""

    def __init__(self, url: str, limits: Limits) -> None:
        self.url = httpx.URL(url)
        self.limits = limits
        self.breaker = Breaker()
        self.in_flight = 0
        self.requests = 0
        self._client = _make_client(limits, keep_alive=32)
        # A new connection each time: an open one does not show whether new ones are accepted.
        self._prober = _make_client(limits, keep_alive=0)

    async def ask(self, call: UpstreamCall) -> UpstreamAnswer:
        """One attempt. Raises `Failure`."""
        self.requests += 1
        return await self._ask(self._client, call)

    async def probe(self) -> Failure | None:
        """Send real work; its failure, or None. A refusal (4xx) is an answer too."""
        try:
            async with asyncio.timeout(self.limits.probe):
                answer = await self._ask(self._prober, PROBE)
                try:
                    if answer.rest is not None:
                        async for _ in answer.rest:
                            pass
                finally:
                    await answer.close()
        except TimeoutError:
            return Failure("the probe took too long")
        except Failure as failure:
            return failure
        if answer.status >= 500:
            return Failure(f"the probe got status {answer.status}")
        return None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await self._prober.aclose()

    def check_events(self, events: bytes) -> bytes:
        """The whole events, which can be passed on. Raises `Failure` for one that no client could read."""
        for event in filter(None, _EVENT_END.split(events)):
            if not is_readable(event):
                raise Failure("an event that is no JSON", 2)
        return events

    async def _ask(self, client: httpx.AsyncClient, call: UpstreamCall) -> UpstreamAnswer:
        url = self.url.copy_with(raw_path=call.target)
        request = httpx.Request(call.method, url, headers=call.headers, content=call.body)
        self.in_flight += 1
        response: httpx.Response | None = None
        closed = False

        async def close() -> None:
            nonlocal closed
            if not closed:
                closed = True
                self.in_flight -= 1
                if response is not None:
                    await response.aclose()

        try:
            response = await client.send(request, stream=True)
            answer = await self._read_answer(response, close)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            await close()
            raise Failure(f"no connection: {type(error).__name__}", 2) from None
        except (httpx.HTTPError, OSError) as error:
            await close()
            raise Failure(f"no answer: {type(error).__name__}") from None
        except BaseException:
            await close()
            raise
        if answer.rest is None:
            await close()
        return answer

    async def _read_answer(self, response: httpx.Response, close: Callable[[], Awaitable[None]]) -> UpstreamAnswer:
        headers = select_headers(response.headers.raw)
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == "text/event-stream" and response.status_code == 200:
            rest = self._read_events(response)
            return UpstreamAnswer(response.status_code, headers, await anext(rest), rest, close)
        body = await _read_body(response)
        if media == "application/json" and len(body) <= _MAX_PARSED and response.request.method != "HEAD":
            try:
                json.loads(body)
            except ValueError:
                raise Failure("truncated: not a whole JSON text", 2) from None
        length = response.headers.get("content-length", str(len(body))).encode()
        return UpstreamAnswer(response.status_code, [*headers, (b"content-length", length)], body, None, close)

    async def _read_events(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Whole events, as many as have come. Raises `Failure` for an end without terminator, even a clean
        one, and for one that is broken."""
        waiting = b""
        finished = False
        chunks = response.aiter_raw()
        while True:
            try:
                async with asyncio.timeout(_DRAIN_S if finished else self.limits.gap):
                    chunk = await anext(chunks, None)
            except (httpx.HTTPError, OSError, TimeoutError) as error:
                if finished:
                    return
                kind = "stalled" if isinstance(error, TimeoutError) else "truncated"
                raise Failure(f"{kind}: no terminator came", 2) from None
            if chunk is None:
                break
            waiting += chunk
            if ends := [match.end() for match in _EVENT_END.finditer(waiting)]:
                events, waiting = waiting[: ends[-1]], waiting[ends[-1] :]
                finished = _TERMINATOR.search(events) is not None
                yield self.check_events(events)
            elif len(waiting) > _MAX_EVENT:
                raise Failure("an event without end", 2)
        if not finished:
            raise Failure("truncated: the stream ended without terminator", 2)


def is_readable(event: bytes) -> bool:
    """Whether an event has only the lines that there are in one, and JSON or the terminator as its data."""
    lines = event.splitlines()
    if not all(line.startswith(_FIELDS) for line in lines):
        return False
    data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    if data in (b"", b"[DONE]"):
        return True
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _make_client(limits: Limits, keep_alive: int) -> httpx.AsyncClient:
    pool = httpx.Limits(max_connections=None, max_keepalive_connections=keep_alive, keepalive_expiry=10)
    # Only connecting has a deadline here: the others are for attempts, or bodies, not for single reads.
    timeout = httpx.Timeout(None, connect=limits.connect)
    return httpx.AsyncClient(limits=pool, timeout=timeout, trust_env=False)


async def _read_body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise Failure(f"an answer over {MAX_ANSWER} bytes")
    return bytes(body)
