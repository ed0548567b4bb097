"""Routes of a service that asks for a key: which of them answer without one.

Tested in tests/checks/http/test_open_routes.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.checks.bad_input.requests import parse_body
from harness.checks.common import Show, judge, judge_case
from harness.checks.http.hostile import HostileRequest
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_INFERENCES = (
    *("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/score"),
    *("/chat/completions", "/completions", "/completion", "/embeddings", "/embedding", "/responses", "/infill"),
    *("/api/chat", "/api/generate", "/api/embed", "/generate", "/generate_stream", "/tokenize", "/detokenize"),
    *("/pooling", "/classify", "/score", "/rerank", "/v1/rerank", "/v2/rerank", "/invocations", "/predict"),
    *("/predictions/model", "/infer", "/inference", "/apply-template", "/v1/audio/transcriptions"),
)
"""Routes that do work, as servers have them beside those that they are known for."""
_TEXT_NAMES = ("prompt", "input", "inputs", "text", "content", "query")
MOST_ROUTES = 60


def list_open_inferences(valid: Request, announced: Iterable[str]) -> dict[str, Request]:
    """A valid request to every other route that may do the same work: those that the service announces come first."""
    body = parse_body(valid)
    requests = {}
    for path in dict.fromkeys([*announced, *_INFERENCES]):
        if path.rstrip("/") == valid.path.partition("?")[0].rstrip("/"):
            continue
        requests[f"POST {path}"] = replace(valid, path=path, stream=False)
        if isinstance(body, dict) and "messages" in body:
            text = json.dumps({**body, **dict.fromkeys(_TEXT_NAMES, "Hello.")}).encode()
            requests[f"POST {path} with a text"] = replace(valid, path=path, body=text, stream=False)
    return dict(list(requests.items())[: 2 * MOST_ROUTES])


def list_secured_pages(document: Any) -> dict[str, Request]:
    """The GETs without parameters for which an OpenAPI document itself asks for a key."""
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        return {}
    pages = {}
    for path, operations in document["paths"].items():
        operation = operations.get("get") if isinstance(operations, dict) else None
        if isinstance(operation, dict) and "{" not in path and operation.get("security", document.get("security")):
            pages[f"GET {path}"] = Request("GET", str(path))
    return dict(list(pages.items())[:MOST_ROUTES])


@judge
def judge_open_routes(
    sent: Mapping[str, Exchange], own: Exchange, control: Exchange, nowhere: Exchange, show: Show
) -> Verdict:
    """FAIL where a route answers without a key. `own` is the known route without one, `control` the same with it.

    `nowhere` is a path that does not exist: a service that answers it as well shows nothing.
    """
    if not control.ok:
        return make_inconclusive(f"a request with the right key is not answered: {control.outcome}", n=0)
    if own.ok:
        return make_inconclusive("the known route itself is answered without a key", n=0)
    cases: list[Case] = []
    for name, exchange in sent.items():
        is_open = exchange.status is not None and 200 <= exchange.status < 300 and _has_content(exchange)
        problem = (
            f"{name} is answered {exchange.status} without a key, which the known route needs" if is_open else None
        )
        unjudged = "" if exchange.response is not None else exchange.outcome
        if problem and nowhere.ok:
            unjudged = "a path that does not exist is answered in the same way"
        cases.append(judge_case(name, exchange, problem, show, unjudged))
    return judge_contract(cases, f"no other route is answered without a key: {len(cases)} requests were tried")


def _has_content(exchange: Exchange) -> bool:
    """Whether an answer is more than an empty page, or a list of nothing."""
    return exchange.response is not None and exchange.response.body.strip() not in (b"", b"{}", b"[]", b"null", b'""')


_METRICS = re.compile(r"(?m)^# (?:HELP|TYPE) \S|^[a-zA-Z_:][\w:]*(?:\{[^}\n]*\})? [-+0-9.eE]+$")
_DOCUMENT = re.compile(r"\"openapi\"\s*:|\"swagger\"\s*:|swagger-ui|redoc|rapidoc")
_SETTINGS = re.compile(
    r"\"(?:model_path|tensor_parallel_size|max_total_num_tokens|chat_template|total_slots|argv)\"\s*:"
)
_OPEN_PAGES: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("/metrics", "/prometheus", "/actuator/prometheus", "/stats/prometheus"), _METRICS),
    **dict.fromkeys(("/openapi.json", "/docs", "/redoc", "/swagger", "/swagger.json", "/swagger-ui/"), _DOCUMENT),
    **dict.fromkeys(("/props", "/server_info", "/get_server_info", "/get_model_info", "/config"), _SETTINGS),
    "/dashboard": re.compile(r"(?i)<title>[^<]*(?:dashboard|grafana|ray)"),
}
"""Pages for operators, each with what it would show."""


def list_operator_pages(promised: Sequence[str]) -> list[HostileRequest]:
    """GETs without a key of pages for operators, less those that are promised to be open."""
    pages = []
    for path, sign in _OPEN_PAGES.items():
        if path not in promised:
            pages.append(HostileRequest(path, Request("GET", path), _find_sign(path, sign), with_key=False))
    return pages


def _find_sign(path: str, sign: re.Pattern[str]) -> Any:
    def find_hit(exchange: Exchange) -> str | None:
        body = exchange.response.body.decode("utf-8", "replace") if exchange.response else ""
        match = sign.search(body) if exchange.status == 200 else None
        return f"it needs no key, while an inference does, and shows {match[0][:30]!r}" if match else None

    return find_hit


def list_management_requests(name: str) -> list[HostileRequest]:
    """Orders to manage a model that does not exist (`name` is fresh), without a key: who looks for it would obey."""
    as_json = (("content-type", "application/json"),)
    orders: dict[str, tuple[str, str, Any]] = {
        "loading a model (V2)": ("POST", f"/v2/repository/models/{name}/load", {}),
        "unloading a model (V2)": ("POST", f"/v2/repository/models/{name}/unload", {}),
        "loading an adapter": ("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": f"/{name}"}),
        "unloading an adapter": ("POST", "/v1/unload_lora_adapter", {"lora_name": name}),
        "removing a model (TorchServe)": ("DELETE", f"/models/{name}", None),
        "describing a model (TorchServe)": ("GET", f"/models/{name}", None),
        "removing a model (Ollama)": ("DELETE", "/api/delete", {"model": name, "name": name}),
        "copying a model (Ollama)": ("POST", "/api/copy", {"source": name, "destination": f"{name}-2"}),
        "loading a model": ("POST", "/models/load", {"model": name}),
        "unloading a model": ("POST", "/models/unload", {"model": name}),
        "loading a model (admin)": ("POST", "/admin/models/load", {"model": name, "name": name}),
    }
    requests = []
    for what, (method, path, body) in orders.items():
        data = b"" if body is None else json.dumps(body).encode()
        request = Request(method, path, as_json if data else (), data)
        requests.append(HostileRequest(what, request, _find_name(name, path), with_key=False))
    return requests


def make_nowhere_order(name: str, path: str) -> Request:
    """An order about that model at a path that does not exist: who repeats paths or bodies shows its name, too."""
    return Request(
        "POST", f"/{path}/{name}/load", (("content-type", "application/json"),), json.dumps({"model": name}).encode()
    )


def _find_name(name: str, path: str) -> Any:
    def find_hit(exchange: Exchange) -> str | None:
        response = exchange.response
        if response is None or response.status in (401, 403, 405):
            return None
        body = response.body.replace(path.encode(), b"")  # a page of an error that repeats the path knows no model
        if name.encode() in body or (response.status < 300 and body.strip()):
            return f"it is not refused for the lack of a key, but answered {response.status}"
        return None

    return find_hit
