"""Hostile requests: each has a sign by which its answer shows that it worked; anything else is a service that held."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.checks.common import Show, judge, judge_case
from harness.core.endpoint import Credentials, Secret
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

EVIL_ORIGIN, INJECTED_HEADER = "https://evil.invalid", "x-injected"
_PASSWORDS = re.compile(r"root:[^:\n]*:0:0:")
_ENVIRONMENT = re.compile(r"(?im)^[A-Z_]*(?:KEY|SECRET|TOKEN|PASSWORD)[A-Z_]*\s*=\s*\S{6,}")
_DEBUG_PAGES: Mapping[str, str] = {
    "/debug": r"(?i)traceback|environ|\"locals\"|heap",
    "/debug/vars": r"\"(cmdline|memstats)\"",
    "/debug/pprof/": r"(?i)goroutine|heap|pprof",
    "/actuator/env": r"propertySources",
    "/actuator/heapdump": r"JAVA PROFILE",
    "/.env": _ENVIRONMENT.pattern,
    "/.git/config": r"\[core\]",
    "/console": r"(?i)interactive console|EVALEX",
    "/__debug__/": r"(?i)djdt|debug toolbar",
    "/server-status": r"(?i)apache server status",
    "/phpinfo.php": r"phpinfo\(\)",
    "/admin/": r"(?i)\"(users|sessions|api_keys)\"",
    "/env": r"(?i)\"(path|home|pythonpath|hostname)\"\s*:",
    "/internal/config": r"(?i)\"\w*(secret|password|api_key|token)\w*\"\s*:\s*\"[^\"]{6,}\"",
}
"""Pages of debuggers and managers that nobody outside should see, each with what it would show."""


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """A request and `find_hit`, which says of its answer how it worked, or None. `with_key`: it is authorised."""

    name: str
    request: Request
    find_hit: Callable[[Exchange], str | None]
    with_key: bool = True


def _read_body(exchange: Exchange) -> str:
    return exchange.response.body.decode("utf-8", "replace") if exchange.response else ""


def list_debug_pages() -> list[HostileRequest]:
    """GETs without a key of the pages of debuggers and managers."""
    pages = []
    for path, sign in _DEBUG_PAGES.items():
        pages.append(HostileRequest(path, Request("GET", path), _find_page(path, re.compile(sign)), with_key=False))
    return pages


def _find_page(path: str, sign: re.Pattern[str]) -> Callable[[Exchange], str | None]:
    def find_hit(exchange: Exchange) -> str | None:
        match = sign.search(_read_body(exchange)) if exchange.status == 200 else None
        return f"{path} is open to everybody and shows {match[0][:20].split('=')[0]!r}" if match else None

    return find_hit


def list_injections(valid: Request, mark: str) -> list[HostileRequest]:
    """Markup, paths and header lines in the places of a valid request that services repeat or open; `mark` is fresh."""
    markup = f"<script>{mark}</script>"
    injected = f"a\r\n{INJECTED_HEADER}: {mark}"
    quoted = f"%0d%0a{INJECTED_HEADER}:%20{mark}"
    body = json.loads(valid.body)
    path = valid.path.partition("?")[0]
    requests = {
        f"markup as a model's name ({mark})": _set_model(valid, body, markup),
        "markup as a path": Request("GET", f"/{mark}/%3Cscript%3E{mark}%3C/script%3E"),
        "markup in a body that is no JSON": replace(valid, body=markup.encode()),
        "a path as a model's name": _set_model(valid, body, "../../../../../../etc/passwd"),
        "a file's URL as a model's name": _set_model(valid, body, "file:///etc/passwd"),
        "a path below a page": Request("GET", f"{path}/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd"),
        "a path below static files": Request("GET", "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        "header lines in a path": Request("GET", f"/{mark}{quoted}"),
        "header lines in a query": replace(valid, path=f"{path}?q={quoted}"),
        "header lines in a model's name": _set_model(valid, body, injected),
    }
    return [HostileRequest(name, request, _find_injection(mark)) for name, request in requests.items()]


def _set_model(valid: Request, body: object, name: str) -> Request:
    changed = {**body, "model": name} if isinstance(body, dict) else body
    return replace(valid, body=json.dumps(changed).encode())


def _find_injection(mark: str) -> Callable[[Exchange], str | None]:
    def find_hit(exchange: Exchange) -> str | None:
        response, body = exchange.response, _read_body(exchange)
        if response is None:
            return None
        if response.header(INJECTED_HEADER) is not None:
            return f"the answer has the header line {INJECTED_HEADER}, which was hidden in the request"
        if _PASSWORDS.search(body):
            return "the answer shows the server's /etc/passwd"
        is_page = response.content_type in ("", "text/html", "application/xhtml+xml", "image/svg+xml")
        if is_page and f"<script>{mark}</script>" in body:
            return f"the request's markup stands unescaped in a page ({response.content_type or 'no content type'})"
        return None

    return find_hit


def list_foreign_origins(valid: Request) -> list[HostileRequest]:
    """What a browser asks on behalf of another site: a preflight, and the request itself."""
    origin = ("origin", EVIL_ORIGIN)
    asks = (("access-control-request-method", "POST"), ("access-control-request-headers", "authorization"))
    preflight = Request("OPTIONS", valid.path, (origin, *asks))
    itself = replace(valid, headers=(*valid.headers, origin))
    return [
        HostileRequest("a preflight of another site", preflight, _find_open_origin, with_key=False),
        HostileRequest("a request of another site", itself, _find_open_origin),
    ]


def _find_open_origin(exchange: Exchange) -> str | None:
    response = exchange.response
    if response is None or (response.header("access-control-allow-credentials") or "").strip().lower() != "true":
        return None
    allowed = (response.header("access-control-allow-origin") or "").strip()
    if allowed != EVIL_ORIGIN:
        return None
    return f"any site may act with the credentials of its visitor: {EVIL_ORIGIN} is allowed, with credentials"


@judge
def judge_hostile(
    sent: Sequence[tuple[HostileRequest, Exchange]],
    control: Exchange,
    holds: str,
    show: Show,
    nowhere: Exchange | None = None,
) -> Verdict:
    """FAIL where an answer shows that a hostile request worked. `control` is a valid request sent afterwards.

    A sign that the answer to a path which does not exist (`nowhere`) has as well is none.
    """
    if not control.ok:
        return make_inconclusive(f"a valid request is not answered, so that nothing is shown: {control.outcome}", n=0)
    cases: list[Case] = []
    for hostile, exchange in sent:
        hit = hostile.find_hit(exchange)
        unjudged = "" if hit or exchange.response is not None else exchange.outcome
        if hit and nowhere is not None and hostile.find_hit(nowhere):
            unjudged = "a path that does not exist is answered in the same way"
        cases.append(judge_case(hostile.name, exchange, hit and f"{hostile.name}: {hit}", show, unjudged))
    return judge_contract(cases, f"{holds}: {len(cases)} were tried")


def list_disguises(valid: Request, right: Credentials) -> dict[str, tuple[Request, Credentials | None]]:
    """The valid request without the right key, as it may get past a door that compares texts: by what was changed."""
    path, secret = valid.path, right.secret.value
    paths = {
        "capitals in the path": path.upper(),
        "a capital in the path": path.title(),
        "two slashes": f"/{path}",
        "a dot in the path": f"/.{path}",
        "a slash at the end": f"{path}/",
        "a letter of the path in percent encoding": f"/%{ord(path[1]):02x}{path[2:]}",
        "a semicolon in the path": f"{path};a=b",
    }
    lines = {
        "the address of the machine itself": ("x-forwarded-for", "127.0.0.1"),
        "a path in a header": ("x-original-url", "/health"),
        "the name of an internal caller": ("x-internal", "true"),
    }
    keys = {
        "a key that lacks its last letter": secret[:-1],
        "a key with one letter more": f"{secret}a",
        "a key in other capitals": secret.swapcase(),
        "the key null": "null",
        "the key undefined": "undefined",
        "a star as the key": "*",
    }
    requests: dict[str, tuple[Request, Credentials | None]] = {}
    for name, changed in paths.items():
        requests[name] = replace(valid, path=changed), None
    for name, line in lines.items():
        requests[name] = replace(valid, headers=(*valid.headers, line)), None
    for name, text in keys.items():
        if text != secret:
            requests[name] = valid, replace(right, secret=Secret(text), source="made wrong on purpose", command=())
    return requests


@judge
def judge_disguises(sent: Mapping[str, Exchange], control: Exchange, show: Show) -> Verdict:
    """No request without the right key is answered, in whatever disguise; `control` with it is answered."""
    if not control.ok:
        return make_inconclusive(f"a request with the right key is not answered: {control.outcome}", n=0)
    cases = []
    for name, exchange in sent.items():
        problem = f"without a right key, {name}: the request is answered {exchange.status}" if exchange.ok else None
        unjudged = "" if exchange.response is not None else exchange.outcome
        cases.append(judge_case(name, exchange, problem, show, unjudged))
    return judge_contract(cases, f"no request without a right key is answered, in {len(cases)} disguises")
