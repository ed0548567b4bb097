"""Well-known causes of failures, recognised by what the service answered or how the exchange ended, and what to do.

Tested in tests/core/test_cause_hints.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class _Cause:
    """A cause: a pattern over the reason, the detail and the body, the hint, and the statuses that are needed.

    No statuses: any; None among them: no answer.
    """

    pattern: str
    hint: str
    statuses: tuple[int | None, ...] = ()


_UNREACHED = (None,)
_NUMPY = r"(numpy\.|np\.)?(u?int(8|16|32|64)|float(16|32|64)|bool_|bool8|ndarray|complex\d+)"
_CREDENTIALS = r"api[ _-]?key|credential|unauthori[sz]ed|not authenticated|forbidden|\btoken\b|http 40[13]"
_CREDENTIALS_ADVICE = (
    "The service asks for credentials: export AIHARNESS_API_KEY, or name the variable that holds the secret with "
    '[endpoint] credentials = { env = "MY_API_KEY" }.'
)
_REFUSED_CREDENTIALS = (
    "The service refuses the credential of this request: see whether it is the right one, and in the header and scheme "
    "that the service expects ([endpoint] credentials)."
)
_CREDENTIAL_HEADERS = {"authorization", "x-api-key", "api-key", "ocp-apim-subscription-key"}
_CAUSES = (
    _Cause(
        rf"object of type '?{_NUMPY}'? is not json serializable|unable to serialize unknown type:.{{0,20}}numpy"
        rf"|type is not json serializable: numpy|'numpy\.\w+' object is not iterable",
        "The service's answer holds a NumPy value, which JSON does not know: convert it in the service with .item(), "
        ".tolist() or float().",
    ),
    _Cause(
        r"object of type '?(tensor|dataframe|series|datetime|timestamp|decimal|set|bytes)'? is not json serializable",
        "The service's answer holds an object that JSON does not know: convert it to numbers, texts and lists first.",
    ),
    _Cause(
        r"\bcors\b|cross-origin|disallowed .{0,20}origin|origin .{0,40}not allowed|access-control-allow",
        "The service refuses the request for its origin (CORS protects browsers only): let it take requests without an "
        'Origin, or send one with [endpoint] headers = { Origin = "…" }.',
    ),
    _Cause(
        r"(load|warm|initiali[sz]|start|download)\w*[ -]?(up|ing)?\b.{0,40}\bmodel|model\b.{0,60}(loading|not (yet )?"
        r"(ready|loaded)|initiali[sz]|warming|starting)|warming up|still loading|not ready yet|loading, please",
        "The model is still loading: wait for it with --ai-wait-ready=SECONDS.",
        (404, 409, 425, 429, 500, 502, 503),
    ),
    _Cause(
        r"cuda out of memory|outofmemoryerror|cannot allocate memory|out of memory",
        "The service has no memory left: use a smaller model or batch, or fewer requests at the same time.",
    ),
    _Cause(
        r"connection refused|connect call failed|actively refused",
        "Nothing listens at this address: start the service, and compare host and port of the URL with what it prints "
        "(a container must listen on 0.0.0.0 and publish the port).",
        _UNREACHED,
    ),
    _Cause(
        r"connect: (unix socket .{0,200})?no connection \((\[errno 2\] )?no such file",
        "The unix socket does not exist: start the service, or correct the path in [endpoint] unix_socket.",
        _UNREACHED,
    ),
    _Cause(
        r"all connection attempts failed|network is unreachable|no route to host|host is unreachable",
        "No address of this name answers: each was tried. Check the host, the network and a firewall.",
        _UNREACHED,
    ),
    _Cause(
        r"name_resolution|no address|name or service not known|nodename nor servname|temporary failure in name",
        "The host's name has no address: check its spelling; the name of a container is known in its own network only.",
        _UNREACHED,
    ),
    _Cause(
        r"proxy authentication|squid|tinyproxy|zscaler|bluecoat|mcafee web gateway|err_access_denied",
        "A proxy answered in place of the service: check [endpoint] proxy, or let it pass requests to this host.",
    ),
    _Cause(
        r"nginx|apache|cloudflare|envoy|haproxy|traefik|bad gateway|gateway time-?out|upstream connect error",
        "A proxy in front of the service answered, since it did not reach the service: see whether the service runs, "
        "and the proxy's own log.",
        (502, 503, 504),
    ),
    _Cause(
        r"all connection attempts failed|connection refused|connect call failed|name or service not known",
        "The service did not reach something behind it: see whether its backends run, and its own log.",
        (500, 502, 503, 504),
    ),
    _Cause(
        r"<!doctype html|<html|text/html",
        "The answer is an HTML page of a website, a login or a proxy: give the URL of the API, and its path in "
        "[endpoint.template] path.",
        (200, 201, 202, 203, 301, 302, 303, 307, 308, 401, 403, 404, 407),
    ),
    _Cause(
        r'model\b(?:(?!":).){0,80}(not found|does not exist|not exist|unknown)|unknown model|no such model'
        r"|invalid model",
        "The service does not know this model: give the name of one that it serves with --ai-model=NAME.",
    ),
    _Cause(_CREDENTIALS, _CREDENTIALS_ADVICE, (401, 403)),
    _Cause(
        r"",
        "This path does not take POST: give the path of the inference in [endpoint.template] path.",
        (405,),
    ),
    _Cause(
        r"",
        "The service does not take the form of this body: see [endpoint.template] body, and the content type that the "
        "service expects.",
        (415,),
    ),
    _Cause(
        r"the bytes after the last chunk.{0,80}are executed as a request",
        "This is a fault of the HTTP server that runs your code, not of your code. Behind a proxy that goes by "
        "Content-Length one client can hide a request in another's. Put a proxy before it that refuses both headers "
        "(nginx does from 1.21.1 on), or use a server that closes the connection after such a request.",
    ),
    _Cause(
        r"no protocol was recognised|no protocol recognised",
        "Another service may answer at this port, or the inference has a path of its own: give the address alone as "
        'the URL, --ai-protocol=plain_json, and the path in [endpoint.template] path = "/predict".',
    ),
)
"""The first that fits decides."""

_FIELD = re.compile(r'"loc"\s*:\s*\[\s*"body"\s*,?\s*([^\]]*)\]')
_BARE_ERROR = re.compile(r"internal server error", re.I)


def find_hint(reason: str, request: Mapping[str, Any] | None, response: Mapping[str, Any] | None) -> str:
    """What probably caused this failure and what to do, in a sentence or two; empty where no known cause fits.

    `request` and `response` are those of a counterexample.
    """
    response = response or {}
    body = str(response.get("body") or "")
    headers = " ".join(f"{name}: {value}" for name, value in _list_headers(response))
    text = " ".join((reason, str(response.get("detail") or ""), headers, body))[:_MOST_TEXT].lower()
    status = response.get("status") or _read_status(reason)
    if status in (400, 422) and (names := _find_missing(body)):
        return (
            f"The service asks for {names} in the body: write it in [endpoint.template] body, like "
            f"'{{\"{names.split(', ')[0]}\": {{{{input}}}}}}'."
        )
    if status == 404 and (part := _find_doubled_path(request)):
        return f"{part} stands twice in the path: leave it out of the endpoint's URL, or of [endpoint.template] path."
    for cause in _CAUSES:
        if (not cause.statuses or status in cause.statuses) and re.search(cause.pattern, text, re.S):
            if cause.hint is _CREDENTIALS_ADVICE and _carries_credential(request):
                return _REFUSED_CREDENTIALS
            return cause.hint
    if status == 500 and _BARE_ERROR.search(text) and "4xx" not in reason:
        return (
            "The cause is in the service's own log. Often the answer holds a NumPy value (int64, float32, ndarray is "
            "not JSON serializable): convert it with .item() or .tolist()."
        )
    return ""


def _list_headers(response: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = response.get("headers")
    if not isinstance(headers, Mapping):
        return []
    shown = ("server", "via", "content-type", "x-squid-error")
    return [(name, str(value)) for name, value in headers.items() if str(name).lower() in shown]


def _carries_credential(request: Mapping[str, Any] | None) -> bool:
    headers = (request or {}).get("headers")
    return isinstance(headers, Mapping) and not _CREDENTIAL_HEADERS.isdisjoint(str(name).lower() for name in headers)


def _read_status(reason: str) -> int | None:
    match = re.search(r"\bHTTP (\d{3})\b", reason)
    return int(match[1]) if match else None


def _find_missing(body: str) -> str:
    """The names of the fields that a 422 of FastAPI calls missing."""
    if "missing" not in body and "required" not in body.lower():
        return ""
    names = []
    for place in _FIELD.findall(body):
        steps = [step.strip().strip('"') for step in place.split(",")]
        if steps[-1] and not steps[-1].isdigit():
            names.append(steps[-1])
    return ", ".join(dict.fromkeys(names[:8]))


def _find_doubled_path(request: Mapping[str, Any] | None) -> str:
    """The part of the path that stands twice, one behind the other."""
    parts = urlsplit(str((request or {}).get("url", ""))).path.strip("/").split("/")
    for size in range(len(parts) // 2, 0, -1):
        for start in range(len(parts) - 2 * size + 1):
            if parts[start : start + size] == parts[start + size : start + 2 * size] and parts[start]:
                return "/" + "/".join(parts[start : start + size])
    return ""
