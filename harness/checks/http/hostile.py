"""Hostile requests: each has a sign by which its answer shows that it worked; anything else is a service that held."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from harness.checks.common import Show, judge, judge_case
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

EVIL_ORIGIN, INJECTED_HEADER = "https://evil.invalid", "x-injected"
_PASSWORDS = re.compile(r"root:[^:\n]*:0:0:")
_ENVIRONMENT = re.compile(r"(?im)^[A-Z_]*(?:KEY|SECRET|TOKEN|PASSWORD)[A-Z_]*\s*=\s*\S{6,}")
_DEBUG_PAGES: Mapping[str, str] = {
    "/debug": r"(?i)traceback|environ|\"locals\"|heap",
    "/debug/vars": r"\"(cmdline|memstats)\"",
    "/debug/pprof/": r"(?i)goroutine|heap|pprof",
    "/slots": r"\"prompt\"\s*:\s*(?:\"[^\"]|\[\d)",
    "/debug/requests": r"(?i)\"(prompt|messages|input)\"",
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
        **{f"{name} as a model's name": _set_model(valid, body, text) for name, text in _FILE_NAMES.items()},
        "a path as every name beside the model's": _set_names(valid, body, _FILE_NAMES["a path"]),
        "a file's URL as every name beside the model's": _set_names(valid, body, "file:///etc/passwd"),
        "a path below a page": Request("GET", f"{path}/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd"),
        "a path as a model in the path": Request("GET", f"/v1/models/{quote(_FILE_NAMES['a path'], safe='')}"),
        "a path as a model in the path (V2)": Request("GET", f"/v2/models/{quote(_FILE_NAMES['a path'], safe='')}"),
        "a path in the query": Request("GET", f"{path}?file=/etc/passwd&path=/etc/passwd&name=../../../../etc/passwd"),
        "a path below static files": Request("GET", "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        "header lines in a path": Request("GET", f"/{mark}{quoted}"),
        "header lines in a query": replace(valid, path=f"{path}?q={quoted}"),
        "header lines in a model's name": _set_model(valid, body, injected),
        "header lines in letters of another page of code": Request("GET", f"/{quote(_WIDE_LINE)}{mark}"),
        "header lines in an identifier": replace(valid, headers=(*valid.headers, *_list_identifiers(quoted))),
    }
    return [HostileRequest(name, request, _find_injection(mark)) for name, request in requests.items()]


_FILE_NAMES: Mapping[str, str] = {
    "a path": "../../../../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "a file's URL": "file:///etc/passwd",
    "a path in percent encoding": "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "a path with doubled dots": "....//....//....//....//....//....//etc/passwd",
    "a path behind a good name": "model/../../../../../../../etc/passwd",
    "a path that ends early": "../../../../../../etc/passwd\x00.bin",
}
"""Names under which a file of the server is read by who joins them to a folder."""
_NAMES = ("adapter", "adapter_id", "lora", "lora_path", "tokenizer", "chat_template", "voice", "file", "template")
_WIDE_LINE = f"\u560d\u560a{INJECTED_HEADER}: "
"""U+560D and U+560A, whose low bytes end a line."""


def _set_names(valid: Request, body: object, text: str) -> Request:
    changed = {**body, **dict.fromkeys(_NAMES, text)} if isinstance(body, dict) else body
    return replace(valid, body=json.dumps(changed).encode())


def _list_identifiers(text: str) -> list[tuple[str, str]]:
    return [(name, f"a{text}") for name in ("x-request-id", "x-correlation-id", "traceparent")]


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


def list_foreign_origins(valid: Request, url: str) -> list[HostileRequest]:
    """What a browser asks on behalf of other sites, of which some are spelt like the service's own (`url`)."""
    host = urlsplit(url).hostname or "localhost"
    origins = {
        "another site": EVIL_ORIGIN,
        "a page without an origin": "null",
        "a site whose name begins with the service's": f"https://{host}.evil.invalid",
        "a site whose name ends with the service's": f"https://evil-{host}",
    }
    asks = (("access-control-request-method", "POST"), ("access-control-request-headers", "authorization"))
    requests = []
    for name, origin in origins.items():
        line, find_hit = ("origin", origin), _find_open_origin(origin)
        preflight = Request("OPTIONS", valid.path, (line, *asks))
        itself = replace(valid, headers=(*valid.headers, line))
        requests.append(HostileRequest(f"a preflight of {name}", preflight, find_hit, with_key=False))
        requests.append(HostileRequest(f"a request of {name}", itself, find_hit))
    return requests


def _find_open_origin(origin: str) -> Callable[[Exchange], str | None]:
    def find_hit(exchange: Exchange) -> str | None:
        response = exchange.response
        if response is None or (response.header("access-control-allow-credentials") or "").strip().lower() != "true":
            return None
        if (response.header("access-control-allow-origin") or "").strip() != origin:
            return None
        return f"any site may act with the credentials of its visitor: {origin} is allowed, with credentials"

    return find_hit


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
