"""The hardened gateway: a faulty backend among healthy ones costs its clients a little time once, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from harness.reference.api_error import ApiError, make_error_response
from harness.reference.breaker import Failure, State
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall, read_call
from harness.reference.race import Race, cancel_tasks
from harness.reference.upstream import Limits, Upstream

WARM_UP_S = 10.0
"""Seconds that a start waits until every upstream has done real work once."""


@dataclass(slots=True)
class _Counters:
    """Counts since the start: further attempts are `retries` (after a failure) and `hedges` (beside a slow one)."""

    requests: int = 0
    retries: int = 0
    hedges: int = 0
    refused_by_budget: int = 0
    shed: int = 0
    unavailable: int = 0
    broken_streams: int = 0


class Budget:
    """Bounds further attempts to a share of the requests, plus a burst: retries must not multiply an overload."""

    def __init__(self, share: float, burst: int) -> None:
        self.share, self.burst = share, burst
        self.tokens = float(burst)

    def earn(self) -> None:
        """Earn a share of an attempt with a request."""
        self.tokens = min(self.burst, self.tokens + self.share)

    def spend(self) -> bool:
        """Spend one further attempt; False where there is none left."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Hardened:
    """The gateway as an ASGI endpoint over its upstreams."""

    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.upstreams = [Upstream(url, self.limits) for url in urls]
        self.counters = _Counters()
        self.budget = Budget(self.limits.retry_share, self.limits.retry_burst)
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; when its client leaves, its work ends too."""
        self.counters.requests += 1
        if self.in_flight >= self.limits.in_flight:
            self.counters.shed += 1
            await make_error_response(scope["path"], _make_unavailable("overloaded"))(scope, receive, send)
            return
        self.in_flight += 1
        try:
            call = await read_call(Request(scope, receive))
            await _while_connected(self._serve(call, scope, receive, send), receive)
        except ApiError as refusal:
            await make_error_response(scope["path"], refusal)(scope, receive, send)
        except ClientDisconnect:
            return
        finally:
            self.in_flight -= 1

    async def _serve(self, call: UpstreamCall, scope: Scope, receive: Receive, send: Send) -> None:
        self.budget.earn()
        upstream, answer = await self._ask_upstreams(call)
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            if answer.rest is None:
                await send({"type": "http.response.body", "body": answer.body})
                return
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
            try:
                async with asyncio.timeout(self.limits.total):
                    async for events in answer.rest:
                        await send({"type": "http.response.body", "body": events, "more_body": True})
            except (Failure, TimeoutError) as failure:
                if isinstance(failure, Failure):
                    upstream.breaker.strike(failure)
                self.counters.broken_streams += 1
                # The client has a part of it, so it can be neither repeated nor ended as if it were whole: it gets an
                # error event, no terminator, and a connection that closes without the end of the HTTP message.
                await send({"type": "http.response.body", "body": _BROKEN, "more_body": True})
                return
            upstream.breaker.record_success()
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.close()

    def _order_upstreams(self) -> list[Upstream]:
        """Upstreams to try, the one with the least outstanding requests first, and that one once more at the end.

        When every breaker is open, all are tried.
        """
        closed = [upstream for upstream in self.upstreams if upstream.breaker.state is State.CLOSED]
        order = sorted(closed or self.upstreams, key=lambda upstream: (upstream.in_flight, upstream.requests))
        return [*order, order[0]]

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        """The first answer that can be delivered, of attempts that follow a failure or overtake a slow one.

        Raises `ApiError` 503 when all failed, 504 at the deadline.
        """
        race = Race(call, self._order_upstreams())
        try:
            async with asyncio.timeout(self.limits.first):
                race.start()
                while race.running:
                    done = await race.wait(self.limits.hedge)
                    if not done and self._may_repeat("hedges"):
                        race.start()
                    for attempt in done:
                        if winner := race.judge(attempt):
                            return winner
                    if not race.running and race.order and self._may_repeat("retries"):
                        race.start()
        except TimeoutError:
            raise ApiError(504, "no upstream answered in time", "upstream_timeout") from None
        finally:
            await race.cancel()
        if race.refusal is not None:
            return race.refusal
        self.counters.unavailable += 1
        raise _make_unavailable("no upstream available")

    def _may_repeat(self, kind: str) -> bool:
        allowed = self.budget.spend()
        name = kind if allowed else "refused_by_budget"
        setattr(self.counters, name, getattr(self.counters, name) + 1)
        return allowed

    async def watch(self, upstream: Upstream) -> None:
        """Probe one upstream again and again."""
        while True:
            await asyncio.sleep(self.limits.probe_every)
            upstream.breaker.begin_probe()
            upstream.breaker.end_probe(await upstream.probe())

    def describe(self) -> dict[str, Any]:
        """What `/gateway/status` shows."""
        upstreams = [
            {
                "url": str(upstream.url),
                "state": upstream.breaker.state,
                "in_flight": upstream.in_flight,
                "requests": upstream.requests,
                "ejections": upstream.breaker.ejections,
                "last_reason": upstream.breaker.last_reason,
            }
            for upstream in self.upstreams
        ]
        return {
            "edition": "hardened",
            "in_flight": self.in_flight,
            "upstreams": upstreams,
            "counters": asdict(self.counters),
        }

    @asynccontextmanager
    async def check_health(self, app: Starlette) -> AsyncIterator[None]:
        """Check the upstreams' health, from the first work that each has done until the gateway stops."""
        await asyncio.gather(*map(_warm_up, self.upstreams))
        watches = [asyncio.create_task(self.watch(upstream)) for upstream in self.upstreams]
        try:
            yield
        finally:
            await cancel_tasks(watches)
            for upstream in self.upstreams:
                await upstream.close()


async def _warm_up(upstream: Upstream) -> None:
    try:
        async with asyncio.timeout(WARM_UP_S):
            while await upstream.probe() is not None:
                await asyncio.sleep(0.05)
    except TimeoutError:
        upstream.breaker.strike(Failure("did no work when the gateway started", 2))


async def _while_connected(work: Any, receive: Receive) -> None:
    async def wait_for_disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    serving, leaving = asyncio.create_task(work), asyncio.create_task(wait_for_disconnect())
    try:
        await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        await cancel_tasks([serving, leaving])


def _make_unavailable(message: str) -> ApiError:
    return ApiError(503, message, "unavailable", headers={"retry-after": "1"})


_ERROR = {"message": "the answer was cut off", "type": "server_error", "code": "upstream_truncated"}
_BROKEN = b"data: %s\n\n" % json.dumps({"error": _ERROR}).encode()


def create_hardened(urls: list[str], limits: Limits | None = None, kind: type[Hardened] = Hardened) -> Starlette:
    """The hardened edition, or the `kind` of it that a seeded defect makes, without the middleware."""
    gateway = kind(urls, limits)

    async def status(request: Request) -> Response:
        return JSONResponse(gateway.describe())

    async def metrics(request: Request) -> Response:
        # With the request for this page, as gauges of web frameworks count it.
        return PlainTextResponse(f"gateway_requests_in_flight {gateway.in_flight + 1}\n")

    routes = [Route("/gateway/status", status), Route("/metrics", metrics), Route("/{path:path}", gateway)]
    return Starlette(routes=routes, lifespan=gateway.check_health)
