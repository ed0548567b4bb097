"""The naive gateway, the way tutorials write it: round robin, and every answer is passed on as it comes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.reference.forwarding import select_headers

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_naive(urls: list[str]) -> Starlette:
    """The naive edition, without the middleware: a deadline of 30 seconds, no health check, no retry, no shedding."""
    turns = itertools.cycle(urls)
    client = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=None), trust_env=False)
    requests = 0

    async def forward(request: Request) -> Response:
        nonlocal requests
        requests += 1
        url = next(turns) + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = [*select_headers(request.headers.raw), (b"x-request-id", request.headers["x-request-id"].encode())]
        try:
            forwarded = client.build_request(request.method, url, headers=headers, content=await request.body())
            answer = await client.send(forwarded, stream=True)
        except Exception as error:
            return PlainTextResponse(f"Internal Server Error: {error}", 500)
        if answer.status_code >= 500:
            await answer.aclose()
            return PlainTextResponse("Internal Server Error", 500)

        async def body() -> AsyncIterator[bytes]:
            try:
                async for chunk in answer.aiter_raw():
                    yield chunk
            except httpx.HTTPError:
                pass  # the client has what came
            finally:
                await answer.aclose()

        response = StreamingResponse(body(), answer.status_code)
        response.raw_headers = select_headers(answer.headers.raw)
        return response

    async def status(request: Request) -> Response:
        return JSONResponse(
            {"edition": "naive", "upstreams": [{"url": url} for url in urls], "counters": {"requests": requests}}
        )

    @asynccontextmanager
    async def close_client(app: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    routes = [Route("/gateway/status", status), Route("/{path:path}", forward, methods=METHODS)]
    return Starlette(routes=routes, lifespan=close_client)
