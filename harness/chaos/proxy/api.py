"""Toxiproxy's HTTP API as an ASGI application, with extensions under keys and paths of their own."""

from __future__ import annotations

import asyncio
import json
import posixpath
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from harness.chaos.proxy.proxy import ListenError, Proxy, Toxic, resolve
from harness.chaos.proxy.record import Journal
from harness.core.errors import UsageError
from harness.core.registry import list_plugins, load_plugin
from harness.faults._kind import FaultKind, Stage

_VERSION = "aiharness-0.1.0"
_MAX_BODY, MAX_PROXIES, MAX_LEASE = 1 << 20, 1000, 86_400_000
_READ_S = 15.0
_NOSNIFF = {"x-content-type-options": "nosniff"}
_NOOP = FaultKind("noop", "nothing happens", Stage)


class _ProxyRow(msgspec.Struct):
    """What a proxy is made or changed with; null is as good as nothing, as in Go."""

    name: str | None = None
    listen: str | None = None
    upstream: str | None = None
    enabled: bool | None = None
    toxics: list[Any] | None = None


class _ToxicRow(msgspec.Struct):
    """What a toxic is made or changed with."""

    name: str | None = None
    type: str | None = None
    stream: str | None = None
    toxicity: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    attributes: dict[str, Any] | None = None
    lease_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_LEASE)] | None = None


_Row = TypeVar("_Row", _ProxyRow, _ToxicRow)


class Refused(Exception):
    """A request that is refused: status and message, and for /populate the proxies done so far."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.more = status, message, more


class Api:
    """The server's whole state, and its ASGI application."""

    def __init__(self, seed: int = 0, *, allow_remote: bool = False) -> None:
        self.journal = Journal(seed)
        self.proxies: dict[str, Proxy] = {}
        self._allow_remote = allow_remote
        self._kinds = {"noop": _NOOP}
        for name in list_plugins("faults"):
            fault: FaultKind = load_plugin("faults", name).FAULT
            if fault.stage is not None:
                self._kinds[name] = fault
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] == "http":
            answer = await self._answer(Request(scope, receive))
            await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        clean = posixpath.normpath("/" + path.lstrip("/")) + ("/" if path.endswith("/") and len(path) > 1 else "")
        if clean != path:
            return Response(status_code=301, headers={"location": clean})
        parts = [unquote(part) for part in path[1:].split("/")]
        allowed = () if path.endswith("/") else _allowed(parts)
        if not allowed:
            return PlainTextResponse("404 page not found\n", 404)
        if request.method not in allowed:
            return Response(status_code=405)
        answer = await self._done(request, parts)
        answer.headers["x-toxiproxy-request-id"] = secrets.token_hex(10)
        return answer

    async def _done(self, request: Request, parts: list[str]) -> Response:
        if request.headers.get("user-agent", "").startswith("Mozilla/"):
            return PlainTextResponse("User agent not allowed\n", 403, _NOSNIFF)
        try:
            raw = await _body(request)
            async with self._turn:  # one change at a time: a listener may need a look-up
                status, value = await self._route(request.method, parts, raw, request.query_params.get("since", "0"))
        except Refused as refused:
            shown = json.dumps({"error": refused.message, "status": refused.status, **refused.more}) + "\n"
            if refused.more:
                return Response(shown, refused.status, media_type="application/json")
            return PlainTextResponse(shown, refused.status, _NOSNIFF)
        if status == 204:
            return Response(status_code=204)
        if parts == ["version"]:
            return Response(json.dumps(value) + "\n", media_type="application/json;charset=utf-8")
        return Response(json.dumps(value), status, media_type="application/json")

    async def _route(self, method: str, parts: list[str], raw: bytes, since: str) -> tuple[int, Any]:
        match [method, *parts]:
            case ["GET", "version"]:
                return 200, {"version": _VERSION}
            case ["GET", "aiharness"]:
                return 200, {"version": _VERSION, "seed": self.journal.seed, "toxics": sorted(self._kinds)}
            case ["GET", "aiharness", "counters"]:
                counted = {name: proxy.counters() for name, proxy in self.proxies.items()}
                return 200, {"now": self.journal.now(), "proxies": counted}
            case ["GET", "aiharness", "events"]:
                if not (since.isascii() and since.isdigit()):
                    raise Refused(400, "since must be the number of an event")
                return 200, self.journal.since(int(since[:18]))
            case ["POST", "reset"]:
                return await self._reset()
            case ["POST", "populate"]:
                return await self.populate(raw)
            case ["GET", "proxies"]:
                return 200, {name: proxy.row() for name, proxy in sorted(self.proxies.items())}
            case ["POST", "proxies"]:
                return 201, (await self._create(_row(_value(raw), _ProxyRow))).row()
            case [_, "proxies", name, *rest]:
                if name not in self.proxies:
                    raise Refused(404, "proxy not found")
                proxy = self.proxies[name]
                if not rest:
                    return await self._proxy(method, proxy, raw)
                return self._toxics(method, proxy, rest[1:], raw)
        raise Refused(404, "not found")

    async def _reset(self) -> tuple[int, Any]:
        for proxy in self.proxies.values():
            await _started(proxy)
            for toxic in proxy.every():
                proxy.remove(toxic, "reset")
        return 204, None

    async def populate(self, raw: bytes) -> tuple[int, Any]:
        """POST /populate; toxics inside the entries are honoured for proxies that are created."""
        entries = _value(raw)
        if entries is not None and not isinstance(entries, list):
            raise Refused(400, "bad request body: an array of proxies is expected", proxies=None)
        rows = [_row(entry, _ProxyRow) for entry in entries or ()]
        for number, row in enumerate(rows, 1):
            for key in ("name", "upstream"):
                if not getattr(row, key):
                    raise Refused(400, f"missing required field: {key} at proxy {number}", proxies=None)
        done: list[dict[str, Any]] = []
        for row in rows:
            try:
                done.append((await self._populated(row)).row())
            except Refused as refused:
                raise Refused(refused.status, refused.message, proxies=done or None) from None
        return 201, {"proxies": done or None}

    async def _populated(self, row: _ProxyRow) -> Proxy:
        old = self.proxies.get(row.name or "")
        if old is not None:
            if await self._same(old, row.listen or "") and old.upstream == row.upstream:
                return old
            self._forget(old)
        proxy = await self._create(row)
        for toxic in row.toxics or ():
            self._add(proxy, _row(toxic, _ToxicRow))
        return proxy

    async def _create(self, row: _ProxyRow) -> Proxy:
        name, upstream = row.name or "", row.upstream or ""
        for key, value in (("name", name), ("upstream", upstream)):
            if not value:
                raise Refused(400, f"missing required field: {key}")
        if name in self.proxies:
            raise Refused(409, "proxy already exists")
        if len(self.proxies) >= MAX_PROXIES:
            raise Refused(400, f"there are {MAX_PROXIES} proxies, which is the most")
        proxy = Proxy(name, row.listen or "", upstream, self.journal, self._allow_remote)
        if row.enabled is not False:
            await _started(proxy)
        self.proxies[name] = proxy
        return proxy

    async def _proxy(self, method: str, proxy: Proxy, raw: bytes) -> tuple[int, Any]:
        if method == "DELETE":
            self._forget(proxy)
            return 204, None
        if method != "GET":
            row = _row(_value(raw), _ProxyRow)
            listen, upstream = row.listen or proxy.listen, row.upstream or proxy.upstream
            enabled = proxy.enabled if row.enabled is None else row.enabled
            if not await self._same(proxy, listen) or upstream != proxy.upstream:
                proxy.stop()
                proxy.listen, proxy.upstream = listen, upstream
            if enabled:
                await _started(proxy)
            else:
                proxy.stop()
        return 200, proxy.row()

    async def _same(self, proxy: Proxy, listen: str) -> bool:
        if listen == proxy.listen:
            return not listen.endswith(":0")
        try:
            host, port = (await resolve(listen, self._allow_remote))[1]
        except ListenError as error:
            raise Refused(500, str(error)) from None
        return port != 0 and proxy.listen in (f"{host}:{port}", f"[{host}]:{port}")

    def _forget(self, proxy: Proxy) -> None:
        proxy.stop()
        for toxic in proxy.every():
            proxy.remove(toxic, "proxy deleted")
        del self.proxies[proxy.name]

    def _toxics(self, method: str, proxy: Proxy, rest: list[str], raw: bytes) -> tuple[int, Any]:
        if not rest:
            if method == "GET":
                return 200, [toxic.row() for toxic in proxy.every()]
            return 200, self._add(proxy, _row(_value(raw), _ToxicRow)).row()
        toxic = next((toxic for toxic in proxy.every() if toxic.name == rest[0]), None)
        if toxic is None:
            raise Refused(404, "toxic not found")
        if method == "DELETE":
            proxy.remove(toxic)
            return 204, None
        if method != "GET":
            row = _row(_value(raw), _ToxicRow)
            toxic.attributes = _attributes(toxic.kind, row, toxic.attributes)
            toxic.toxicity = toxic.toxicity if row.toxicity is None else row.toxicity
            if row != _ToxicRow(lease_ms=row.lease_ms) or row.lease_ms is None:
                proxy.update(toxic)
            if row.lease_ms is not None:
                toxic.lease = row.lease_ms
                toxic.renew()
        return 200, toxic.row()

    def _add(self, proxy: Proxy, row: _ToxicRow) -> Toxic:
        stream = "downstream" if row.stream is None else row.stream
        kind = self._kinds.get(row.type or "")
        if stream.lower() not in ("upstream", "downstream"):
            raise Refused(400, "stream was invalid, can be either upstream or downstream")
        if kind is None:
            raise Refused(400, "invalid toxic type")
        if stream.lower() not in kind.streams:
            raise Refused(400, f"stream was invalid, {kind.name} can be {' or '.join(kind.streams)}")
        name = row.name or f"{kind.name}_{stream}"
        if any(toxic.name == name for toxic in proxy.every()):
            raise Refused(409, "toxic already exists")
        toxicity = 1.0 if row.toxicity is None else row.toxicity
        toxic = Toxic(proxy, kind, name, stream, toxicity, _attributes(kind, row, None), row.lease_ms or 0)
        proxy.add(toxic)
        return toxic


def _allowed(parts: list[str]) -> tuple[str, ...]:
    """The methods of a path; none where there is no such path."""
    match parts:
        case ["version"] | ["aiharness"] | ["aiharness", "events" | "counters"]:
            return ("GET",)
        case ["reset"] | ["populate"]:
            return ("POST",)
        case ["proxies"] | ["proxies", _, "toxics"]:
            return ("GET", "POST")
        case ["proxies", _] | ["proxies", _, "toxics", _]:
            return ("GET", "PATCH", "POST", "DELETE")
    return ()


async def _body(request: Request) -> bytes:
    raw = b""
    try:
        async with asyncio.timeout(_READ_S):
            async for piece in request.stream():
                raw += piece
                if len(raw) > _MAX_BODY:
                    raise Refused(413, f"the body is over {_MAX_BODY} bytes")
    except (TimeoutError, ClientDisconnect):
        raise Refused(408, f"the body did not come within {_READ_S:g} s") from None
    return raw


async def _started(proxy: Proxy) -> None:
    try:
        await proxy.start()
    except ListenError as error:
        raise Refused(500, str(error)) from None


def _value(raw: bytes) -> Any:
    """The first JSON value; what follows it is ignored, as Toxiproxy does."""
    try:
        text = raw.decode().lstrip()
        if not text:
            raise ValueError("EOF")
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"bad request body: {error}") from None


def _row(value: Any, kind: type[_Row]) -> _Row:
    """An object, whose keys match in any case, as Go's do; what it does not know is ignored."""
    given = {key.lower(): inner for key, inner in value.items()} if isinstance(value, dict) else value
    try:
        return msgspec.convert({} if given is None else given, kind)
    except msgspec.ValidationError as error:
        raise Refused(400, f"bad request body: {error}") from None


def _attributes(kind: FaultKind, row: _ToxicRow, base: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return kind.validate(row.attributes or {}, base, strict=False)
    except UsageError as error:
        raise Refused(400, f"bad request body: {error}") from None
