"""Toxiproxy's HTTP API as an ASGI application, with extensions under keys and paths of their own."""

from __future__ import annotations

import asyncio
import json
import logging
import posixpath
import re
import secrets
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from harness.chaos.proxy.api_rows import ApiRefusal, ProxyRow, ToxicRow, convert_row, decode_value, read_api_body
from harness.chaos.proxy.metrics import CONTENT_TYPE, format_metrics
from harness.chaos.proxy.origin import find_foreign_origin
from harness.chaos.proxy.proxy import MOST_PORT, ListenError, Proxy, Toxic, is_beyond_ports, resolve_listen_address
from harness.chaos.proxy.record import Journal
from harness.core.errors import UsageError
from harness.core.fault import FaultKind, FaultParameters, load_fault
from harness.core.registry import list_plugins

_VERSION = "aiharness-0.1.0"
_MAX_PROXIES = 1000
_MARK = re.compile(r"[0-9A-Za-z]{8,64}")
_NOSNIFF = {"x-content-type-options": "nosniff"}


class ProxyApi:
    """The state of the server, and its ASGI application."""

    def __init__(self, seed: int = 0, *, allow_remote: bool = False) -> None:
        self.journal = Journal(seed)
        self.proxies: dict[str, Proxy] = {}
        self._allow_remote = allow_remote
        self._kinds = _load_kinds()
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            response = await self._respond(Request(scope, receive))
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        clean = posixpath.normpath("/" + path.lstrip("/"))
        if path.endswith("/") and len(path) > 1:
            clean += "/"
        if clean != path:
            return Response(status_code=301, headers={"location": clean})
        parts = [unquote(part) for part in path[1:].split("/")]
        methods = () if path.endswith("/") else _list_methods(parts)
        if not methods:
            return PlainTextResponse("404 page not found\n", 404)
        if request.method not in methods:
            return Response(status_code=405)
        response = await self._handle(request, parts)
        response.headers["x-toxiproxy-request-id"] = secrets.token_hex(10)
        return response

    async def _handle(self, request: Request, parts: list[str]) -> Response:
        if request.headers.get("user-agent", "").startswith("Mozilla/"):
            return PlainTextResponse("User agent not allowed\n", 403, _NOSNIFF)
        if problem := find_foreign_origin(request.headers, any_host=self._allow_remote):
            return PlainTextResponse(f"{problem}\n", 403, _NOSNIFF)
        if parts == ["metrics"]:
            return Response(format_metrics(self.journal.traffic, self.proxies.values()), media_type=CONTENT_TYPE)
        try:
            raw = await read_api_body(request)
            async with self._lock:  # one change at a time: a listener may need a DNS look-up
                status, value = await self._route(request.method, parts, raw, request.query_params.get("since", "0"))
        except ApiRefusal as refusal:
            text = json.dumps({"error": refusal.message, "status": refusal.status, **refusal.more}) + "\n"
            if refusal.more:
                return Response(text, refusal.status, media_type="application/json")
            return PlainTextResponse(text, refusal.status, _NOSNIFF)
        if status == 204:
            return Response(status_code=204)
        if parts == ["version"]:
            return Response(json.dumps(value) + "\n", media_type="application/json;charset=utf-8")
        return Response(json.dumps(value), status, media_type="application/json")

    async def _route(self, method: str, parts: list[str], raw: bytes, since: str) -> tuple[int, Any]:
        match parts:
            case ["version"]:
                return 200, {"version": _VERSION}
            case ["aiharness", *rest]:
                return 200, self._route_extension(rest, raw, since)
            case ["reset"]:
                return await self._reset()
            case ["populate"]:
                return await self.populate(raw)
            case ["proxies"]:
                if method == "POST":
                    return 201, (await self._create(convert_row(decode_value(raw), ProxyRow))).to_row()
                return 200, {name: proxy.to_row() for name, proxy in sorted(self.proxies.items())}
            case ["proxies", name, *rest]:
                if name not in self.proxies:
                    raise ApiRefusal(404, "proxy not found")
                if not rest:
                    return await self._route_proxy(method, self.proxies[name], raw)
                return self._route_toxics(method, self.proxies[name], rest[1:], raw)
        raise ApiRefusal(404, "not found")

    def _route_extension(self, rest: list[str], raw: bytes, since: str) -> dict[str, Any]:
        if rest[:1] == ["marks"]:
            return self._set_mark(rest[1], raw)
        if not rest:
            return {"version": _VERSION, "seed": self.journal.seed, "toxics": sorted(self._kinds)}
        if rest == ["counters"]:
            counters = {name: proxy.read_counters() for name, proxy in self.proxies.items()}
            return {"now": self.journal.now(), "proxies": counters}
        if not (since.isascii() and since.isdigit()):
            raise ApiRefusal(400, "since must be the number of an event")
        return self.journal.list_events(int(since[:18]))

    def _set_mark(self, name: str, raw: bytes) -> dict[str, Any]:
        """POST /aiharness/marks/NAME: the text that marks requests of the run, which that proxy counts."""
        if name not in self.proxies:
            raise ApiRefusal(404, "proxy not found")
        body = decode_value(raw)
        mark = body.get("mark") if isinstance(body, dict) else None
        if not isinstance(mark, str) or not (mark == "" or _MARK.fullmatch(mark)):
            raise ApiRefusal(400, "mark must be 8 to 64 letters and digits, or empty")
        self.proxies[name].set_mark(mark.encode())
        return {"mark": mark}

    async def _reset(self) -> tuple[int, Any]:
        for proxy in self.proxies.values():
            await _start(proxy)
            for toxic in proxy.list_toxics():
                proxy.remove(toxic, "reset")
        return 204, None

    async def populate(self, raw: bytes) -> tuple[int, Any]:
        """POST /populate; toxics inside the entries are honoured for proxies that are created."""
        entries = decode_value(raw)
        if entries is not None and not isinstance(entries, list):
            raise ApiRefusal(400, "bad request body: an array of proxies is expected", proxies=None)
        rows = [convert_row(entry, ProxyRow) for entry in entries or ()]
        for number, row in enumerate(rows, 1):
            for key in ("name", "upstream"):
                if not getattr(row, key):
                    raise ApiRefusal(400, f"missing required field: {key} at proxy {number}", proxies=None)
        created: list[dict[str, Any]] = []
        for row in rows:
            try:
                created.append((await self._ensure_proxy(row)).to_row())
            except ApiRefusal as refusal:
                raise ApiRefusal(refusal.status, refusal.message, proxies=created or None) from None
        return 201, {"proxies": created or None}

    async def _ensure_proxy(self, row: ProxyRow) -> Proxy:
        """The proxy of this row: the one that exists if it has the same addresses, else a new one."""
        old = self.proxies.get(row.name or "")
        if old is not None:
            if await self._listens_at(old, row.listen or "") and old.upstream == row.upstream:
                return old
            self._delete(old)
        proxy = await self._create(row)
        for toxic in row.toxics or ():
            self._add_toxic(proxy, convert_row(toxic, ToxicRow))
        return proxy

    async def _create(self, row: ProxyRow) -> Proxy:
        name, upstream = row.name or "", row.upstream or ""
        for key, value in (("name", name), ("upstream", upstream)):
            if not value:
                raise ApiRefusal(400, f"missing required field: {key}")
        _check_upstream(upstream)
        if name in self.proxies:
            raise ApiRefusal(409, "proxy already exists")
        if len(self.proxies) >= _MAX_PROXIES:
            raise ApiRefusal(400, f"there are {_MAX_PROXIES} proxies already, the most that are allowed")
        proxy = Proxy(name, row.listen or "", upstream, self.journal, self._allow_remote)
        try:
            if row.enabled is not False:
                await _start(proxy)
        except ApiRefusal:
            proxy.reader.close()
            raise
        self.proxies[name] = proxy
        return proxy

    async def _route_proxy(self, method: str, proxy: Proxy, raw: bytes) -> tuple[int, Any]:
        if method == "DELETE":
            self._delete(proxy)
            return 204, None
        if method != "GET":
            await self._update(proxy, convert_row(decode_value(raw), ProxyRow))
        return 200, proxy.to_row()

    async def _update(self, proxy: Proxy, row: ProxyRow) -> None:
        listen, upstream = row.listen or proxy.listen, row.upstream or proxy.upstream
        _check_upstream(upstream)
        lease = row.lease_ms
        if lease is None:
            lease = proxy.down_lease.ms if row.enabled is None else 0
        enabled = proxy.is_enabled if row.enabled is None else row.enabled
        if not await self._listens_at(proxy, listen) or upstream != proxy.upstream:
            proxy.stop()
            proxy.listen, proxy.upstream = listen, upstream
        if enabled:
            await _start(proxy)
        else:
            proxy.stop()
            proxy.down_lease.renew(lease)

    async def _listens_at(self, proxy: Proxy, listen: str) -> bool:
        if listen == proxy.listen:
            return not listen.endswith(":0")
        try:
            host, port = (await resolve_listen_address(listen, self._allow_remote))[1]
        except ListenError as error:
            raise ApiRefusal(500, str(error)) from None
        return port != 0 and proxy.listen in (f"{host}:{port}", f"[{host}]:{port}")

    def _delete(self, proxy: Proxy) -> None:
        proxy.stop()
        for toxic in proxy.list_toxics():
            proxy.remove(toxic, "proxy deleted")
        proxy.reader.close()
        del self.proxies[proxy.name]

    def _route_toxics(self, method: str, proxy: Proxy, rest: list[str], raw: bytes) -> tuple[int, Any]:
        if not rest:
            if method == "GET":
                return 200, [toxic.to_row() for toxic in proxy.list_toxics()]
            return 200, self._add_toxic(proxy, convert_row(decode_value(raw), ToxicRow)).to_row()
        toxic = next((toxic for toxic in proxy.list_toxics() if toxic.name == rest[0]), None)
        if toxic is None:
            raise ApiRefusal(404, "toxic not found")
        if method == "DELETE":
            proxy.remove(toxic)
            return 204, None
        if method != "GET":
            _update_toxic(proxy, toxic, convert_row(decode_value(raw), ToxicRow))
        return 200, toxic.to_row()

    def _add_toxic(self, proxy: Proxy, row: ToxicRow) -> Toxic:
        stream = "downstream" if row.stream is None else row.stream
        kind = self._kinds.get(row.type or "")
        if stream.lower() not in ("upstream", "downstream"):
            raise ApiRefusal(400, "stream was invalid, can be either upstream or downstream")
        if kind is None:
            raise ApiRefusal(400, "invalid toxic type")
        if stream.lower() not in kind.streams:
            raise ApiRefusal(400, f"stream was invalid, {kind.name} can be {' or '.join(kind.streams)}")
        name = row.name or f"{kind.name}_{stream}"
        if any(toxic.name == name for toxic in proxy.list_toxics()):
            raise ApiRefusal(409, "toxic already exists")
        toxicity = 1.0 if row.toxicity is None else row.toxicity
        parameters = _parse_parameters(kind, row, None)
        toxic = Toxic(proxy, kind, name, stream, toxicity, parameters, row.lease_ms or 0, row.seed)
        proxy.add(toxic)
        return toxic


def _load_kinds() -> dict[str, FaultKind[Any]]:
    """Every kind of fault that is a toxic. A file of an outside package that is broken is left out, with a warning."""
    kinds: dict[str, FaultKind[Any]] = {}
    for name in list_plugins("faults"):
        try:
            kind = load_fault(name)
        except UsageError as error:
            logging.getLogger(__name__).warning("warning: %s", error)
            continue
        if kind.stage is not None:
            kinds[name] = kind
    return kinds


def _list_methods(parts: list[str]) -> tuple[str, ...]:
    """The methods of a path; none where there is no such path."""
    match parts:
        case ["version"] | ["aiharness"] | ["aiharness", "events" | "counters"]:
            return ("GET",)
        case ["metrics"]:
            return ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        case ["reset"] | ["populate"] | ["aiharness", "marks", _]:
            return ("POST",)
        case ["proxies"] | ["proxies", _, "toxics"]:
            return ("GET", "POST")
        case ["proxies", _] | ["proxies", _, "toxics", _]:
            return ("GET", "PATCH", "POST", "DELETE")
    return ()


def _check_upstream(upstream: str) -> None:
    """Toxiproxy takes any text, and closes each connection to one that leads nowhere."""
    port = upstream.rpartition(":")[2]
    if is_beyond_ports(port):
        raise ApiRefusal(400, f"upstream {upstream}: invalid port, it must be from 0 to {MOST_PORT}")


async def _start(proxy: Proxy) -> None:
    try:
        await proxy.start()
    except ListenError as error:
        raise ApiRefusal(500, str(error)) from None


def _update_toxic(proxy: Proxy, toxic: Toxic, row: ToxicRow) -> None:
    toxic.parameters = _parse_parameters(toxic.kind, row, toxic.parameters)
    if row.toxicity is not None:
        toxic.toxicity = row.toxicity
    only_renews = row.lease_ms is not None and row == ToxicRow(lease_ms=row.lease_ms)
    if not only_renews:
        proxy.update(toxic)
    if row.lease_ms is not None:
        toxic.lease = row.lease_ms
        toxic.renew()


def _parse_parameters(kind: FaultKind[Any], row: ToxicRow, base: FaultParameters | None) -> FaultParameters:
    try:
        parameters: FaultParameters = kind.parse(row.attributes or {}, base, strict=False)
    except UsageError as error:
        raise ApiRefusal(400, f"bad request body: {error}") from None
    return parameters
