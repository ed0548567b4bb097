"""Toxiproxy's HTTP API as an ASGI application, with extensions under keys and paths of their own."""

from __future__ import annotations

import asyncio
import json
import posixpath
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from harness.core.errors import UsageError
from harness.core.registry import load, names
from harness.faults._kind import FaultKind, Stage
from harness.io.faultproxy.proxy import ListenError, Proxy, Toxic, resolve
from harness.io.faultproxy.record import Journal

VERSION = "aiharness-0.1.0"
MAX_BODY, MAX_PROXIES, MAX_LEASE = 1 << 20, 1000, 86_400_000
_READ_S = 15.0
_TEXT = ("text/plain; charset=utf-8", (("x-content-type-options", "nosniff"),))
_NOOP = FaultKind("noop", "nothing happens", Stage)
_ALLOWED: dict[tuple[int, str], tuple[str, ...]] = {
    (1, "version"): ("GET",),
    (1, "reset"): ("POST",),
    (1, "populate"): ("POST",),
    (1, "proxies"): ("GET", "POST"),
    (2, "proxies"): ("GET", "PATCH", "POST", "DELETE"),
    (3, "proxies"): ("GET", "POST"),
    (4, "proxies"): ("GET", "PATCH", "POST", "DELETE"),
    (1, "aiharness"): ("GET",),
    (2, "aiharness"): ("GET",),
}


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
        for name in names("faults"):
            fault: FaultKind = load("faults", name).FAULT
            if fault.stage is not None:
                self._kinds[name] = fault
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode("latin-1").partition("?")[0]
        headers: list[tuple[str, str]] = []
        status, kind, body = 404, _TEXT[0], "404 page not found\n"
        clean = posixpath.normpath("/" + path.lstrip("/")) + ("/" if path.endswith("/") and len(path) > 1 else "")
        parts = [unquote(part) for part in path.strip("/").split("/")]
        allowed = () if path.endswith("/") else _ALLOWED.get((len(parts), parts[0]), ())
        if parts[0] == "aiharness" and parts[1:] not in ([], ["events"], ["counters"]):
            allowed = ()
        if len(parts) > 2 and parts[2] != "toxics":
            allowed = ()
        if "//" in path or clean != path:
            status, kind, body, headers = 301, "", "", [("location", clean)]
        elif allowed and scope["method"] not in allowed:
            status, kind, body = 405, "", ""
        elif allowed:
            status, kind, body = await self._answer(scope, receive, parts, headers)
        kinds = [("content-type", kind)] if kind else []
        raw = [
            (k.encode(), v.encode("latin-1"))
            for k, v in (*kinds, ("content-length", str(len(body.encode()))), *headers)
        ]
        raw = [pair for pair in raw if status != 204 or pair[0] != b"content-length"]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body.encode()})

    async def _answer(
        self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], parts: list[str], headers: list[Any]
    ) -> tuple[int, str, str]:
        headers.append(("x-toxiproxy-request-id", secrets.token_hex(10)))
        sent = dict(scope["headers"])
        if sent.get(b"user-agent", b"").startswith(b"Mozilla/"):
            headers += _TEXT[1]
            return 403, _TEXT[0], "User agent not allowed\n"
        try:
            raw = await _body(receive)
            async with self._turn:  # one change at a time: a listener may need a look-up
                status, value = await self._route(scope["method"], parts, raw, scope.get("query_string", b""))
        except Refused as refused:
            shown = {"error": refused.message, "status": refused.status, **refused.more}
            if refused.more:
                return refused.status, "application/json", json.dumps(shown) + "\n"
            headers += _TEXT[1]
            return refused.status, _TEXT[0], json.dumps(shown) + "\n"
        if status == 204:
            return 204, "", ""
        if parts == ["version"]:
            return 200, "application/json;charset=utf-8", json.dumps(value) + "\n"
        return status, "application/json", json.dumps(value)

    async def _route(self, method: str, parts: list[str], raw: bytes, query: bytes) -> tuple[int, Any]:
        match [method, *parts]:
            case ["GET", "version"]:
                return 200, {"version": VERSION}
            case ["GET", "aiharness", *rest]:
                return 200, self._own(rest, query)
            case ["POST", "reset"]:
                return await self._reset()
            case ["POST", "populate"]:
                return await self.populate(raw)
            case ["GET", "proxies"]:
                return 200, {name: proxy.row() for name, proxy in sorted(self.proxies.items())}
            case ["POST", "proxies"]:
                return 201, (await self._create(_fields(_value(raw)))).row()
            case [_, "proxies", name, *rest]:
                if name not in self.proxies:
                    raise Refused(404, "proxy not found")
                proxy = self.proxies[name]
                if not rest:
                    return await self._proxy(method, proxy, raw)
                return self._toxics(method, proxy, rest[1:], raw)
        raise Refused(404, "not found")

    def _own(self, rest: list[str], query: bytes) -> dict[str, Any]:
        if rest == ["events"]:
            since = parse_qs(query.decode("latin-1")).get("since", ["0"])[0]
            if not (since.isascii() and since.isdigit()):
                raise Refused(400, "since must be the number of an event")
            return self.journal.since(int(since[:18]))
        if rest == ["counters"]:
            return {"now": self.journal.now(), "proxies": {n: p.counters() for n, p in self.proxies.items()}}
        return {"version": VERSION, "seed": self.journal.seed, "toxics": sorted(self._kinds)}

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
        rows = [_fields(entry) for entry in entries or ()]
        for number, row in enumerate(rows, 1):
            for key in ("name", "upstream"):
                if not _text(row, key):
                    raise Refused(400, f"missing required field: {key} at proxy {number}", proxies=None)
        done: list[dict[str, Any]] = []
        for row in rows:
            try:
                done.append((await self._populated(row)).row())
            except Refused as refused:
                raise Refused(refused.status, refused.message, proxies=done or None) from None
        return 201, {"proxies": done or None}

    async def _populated(self, row: dict[str, Any]) -> Proxy:
        old = self.proxies.get(row["name"])
        if old is not None:
            if await self._same(old, _text(row, "listen")) and old.upstream == row["upstream"]:
                return old
            old.stop()
            self._forget(old)
        proxy = await self._create(row)
        for toxic in row.get("toxics") or ():
            self._add(proxy, _fields(toxic))
        return proxy

    async def _create(self, row: dict[str, Any]) -> Proxy:
        name, upstream, listen = (_text(row, key) for key in ("name", "upstream", "listen"))
        for key, value in (("name", name), ("upstream", upstream)):
            if not value:
                raise Refused(400, f"missing required field: {key}")
        if name in self.proxies:
            raise Refused(409, "proxy already exists")
        if len(self.proxies) >= MAX_PROXIES:
            raise Refused(400, f"there are {MAX_PROXIES} proxies, which is the most")
        proxy = Proxy(name, listen, upstream, self.journal, self._allow_remote)
        if _flag(row, "enabled", True):
            await _started(proxy)
        self.proxies[name] = proxy
        return proxy

    async def _proxy(self, method: str, proxy: Proxy, raw: bytes) -> tuple[int, Any]:
        if method == "DELETE":
            proxy.stop()
            self._forget(proxy)
            return 204, None
        if method != "GET":
            row = _fields(_value(raw))
            listen, upstream = _text(row, "listen") or proxy.listen, _text(row, "upstream") or proxy.upstream
            enabled = _flag(row, "enabled", proxy.enabled)
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
        for toxic in proxy.every():
            proxy.remove(toxic, "proxy deleted")
        del self.proxies[proxy.name]

    def _toxics(self, method: str, proxy: Proxy, rest: list[str], raw: bytes) -> tuple[int, Any]:
        if not rest:
            if method == "GET":
                return 200, [toxic.row() for toxic in proxy.every()]
            return 200, self._add(proxy, _fields(_value(raw))).row()
        toxic = next((toxic for toxic in proxy.every() if toxic.name == rest[0]), None)
        if toxic is None:
            raise Refused(404, "toxic not found")
        if method == "DELETE":
            proxy.remove(toxic)
            return 204, None
        if method != "GET":
            row = _fields(_value(raw))
            toxicity = _toxicity(row, toxic.toxicity)
            attributes = _attributes(toxic.kind, row, toxic.attributes)
            lease = _lease(row, toxic.lease)
            toxic.toxicity, toxic.attributes, toxic.lease = toxicity, attributes, lease
            if row.keys() != {"lease_ms"}:
                proxy.update(toxic)
            if "lease_ms" in row:
                toxic.renew()
        return 200, toxic.row()

    def _add(self, proxy: Proxy, row: dict[str, Any]) -> Toxic:
        stream = "downstream" if row.get("stream") is None else _text(row, "stream")
        kind = self._kinds.get(_text(row, "type"))
        if stream.lower() not in ("upstream", "downstream"):
            raise Refused(400, "stream was invalid, can be either upstream or downstream")
        if kind is None:
            raise Refused(400, "invalid toxic type")
        if stream.lower() not in kind.streams:
            raise Refused(400, f"stream was invalid, {kind.name} can be {' or '.join(kind.streams)}")
        name = _text(row, "name") or f"{kind.name}_{stream}"
        if any(toxic.name == name for toxic in proxy.every()):
            raise Refused(409, "toxic already exists")
        toxicity, lease = _toxicity(row, 1.0), _lease(row, 0)
        toxic = Toxic(proxy, kind, name, stream, toxicity, _attributes(kind, row, None), lease)
        proxy.add(toxic)
        return toxic


async def _body(receive: Callable[[], Awaitable[Any]]) -> bytes:
    raw = b""
    try:
        async with asyncio.timeout(_READ_S):
            while True:
                message = await receive()
                raw += message.get("body", b"")
                if len(raw) > MAX_BODY:
                    raise Refused(413, f"the body is over {MAX_BODY} bytes")
                if not message.get("more_body"):
                    return bytes(raw)
    except TimeoutError:
        raise Refused(408, f"the body did not come within {_READ_S:g} s") from None


async def _started(proxy: Proxy) -> None:
    try:
        await proxy.start()
    except ListenError as error:
        raise Refused(500, str(error)) from None


def _value(raw: bytes) -> Any:
    """The first JSON value; what follows it is ignored, as Toxiproxy does."""
    try:
        text = raw.decode().lstrip()
        return json.JSONDecoder().raw_decode(text)[0] if text else _empty()
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"bad request body: {error}") from None


def _empty() -> Any:
    raise Refused(400, "bad request body: EOF")


def _fields(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise Refused(400, "bad request body: an object is expected")
    return {key.lower(): inner for key, inner in (value or {}).items()}


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise Refused(400, f"bad request body: {key} must be a string")
    return value or ""


def _flag(row: Mapping[str, Any], key: str, default: bool) -> bool:
    value = default if row.get(key) is None else row[key]
    if not isinstance(value, bool):
        raise Refused(400, f"bad request body: {key} must be true or false")
    return value


def _toxicity(row: Mapping[str, Any], default: float) -> float:
    value = default if row.get("toxicity") is None else row["toxicity"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Refused(400, f"bad request body: toxicity must be a number from 0 to 1, not {value!r}")
    return float(value)


def _lease(row: Mapping[str, Any], default: int) -> int:
    value = default if row.get("lease_ms") is None else row["lease_ms"]
    if type(value) is not int or not 0 <= value <= MAX_LEASE:
        raise Refused(400, f"bad request body: lease_ms must be a whole number from 0 to {MAX_LEASE}")
    return value


def _attributes(kind: FaultKind, row: Mapping[str, Any], base: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return kind.validate(_fields(row.get("attributes")), base, strict=False)
    except UsageError as error:
        raise Refused(400, f"bad request body: {error}") from None
