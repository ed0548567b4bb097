"""Which route of an OpenAPI document is an inference: by its name and by the shape of its body.

Tested in tests/commands/test_init_choices.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.protocols.shared.json_schema import follow_reference
from harness.protocols.shared.openapi import list_query_parameters
from harness.protocols.shared.values import get_list, get_member


def _list_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


INFERENCE_WORDS = _list_words(
    "predict prediction predictions predictor infer inference inferences invoke invocation invocations score scores "
    "scoring classify classification classifications classifier detect detection recognize recognise recognition "
    "analyze analyse analysis sentiment generate generation generations complete completion completions chat ask "
    "answer embed embedding embeddings encode rank rerank translate translation summarize summarise transcribe "
    "forecast estimate regress regression segment caption extract moderate similarity recommend recommendation "
    "recommendations respond converse query"
)
CHANGING_WORDS = _list_words(
    "train retrain training fit finetune tune delete remove upload uploads create register update reset reload unload "
    "deploy admin login logout auth token signup feedback save store write insert ingest pay payment payments order "
    "orders send shutdown restart stop clear purge users account accounts webhook webhooks publish subscribe charge "
    "buy book batchjob jobs job label labels annotate import export migrate"
)
"""Words of a path that is never asked: what it does may last, or cost."""
PAYLOAD_NAMES = _list_words(
    "text texts prompt prompts input inputs instances data features feature query question message sentence sentences "
    "review content document x values row rows samples sample vector array image image_base64 image_b64"
)
"""Names of the one field that holds the input."""
COMMON_PATHS = (
    *("/predict", "/api/predict", "/v1/predict", "/api/v1/predict", "/predict/", "/prediction", "/predictions"),
    *("/infer", "/inference", "/invocations", "/classify", "/score", "/generate", "/embed", "/chat", "/analyze"),
    *(
        "/api/generate",
        "/api/classify",
        "/model/predict",
        "/models/predict",
        "/complete",
        "/completion",
        "/ask",
        "/detect",
        "/",
    ),
)
"""Where services without a document often take their inputs."""


Media = Literal["json", "upload", "form", "query", "get", ""]
_MEDIA: Mapping[str, Media] = {
    "application/json": "json",
    "multipart/form-data": "upload",
    "application/x-www-form-urlencoded": "form",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A route that looks like an inference. `media` is what it takes; empty: the document does not say.

    `upload` is a form with a file; the others are as the `encoding` of a template. `fields` are the names in a form.
    """

    path: str
    score: int
    media: Media
    fields: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The method of its requests."""
        return "GET" if self.media == "get" else "POST"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def list_inference_routes(document: Any) -> list[Route]:
    """The routes that may be inferences, the most likely first; never one whose name says that it changes something."""
    routes = []
    paths = get_member(document, "paths")
    for path, operations in (paths or {}).items() if isinstance(paths, dict) else ():
        for method in ("post", "get"):
            operation = get_member(operations, method)
            if isinstance(operation, dict) and (route := _rate_route(document, str(path), operations, method)):
                routes.append(route)
                break
    return sorted(routes, key=lambda route: (-route.score, len(route.path), route.path))


def _rate_route(document: Any, path: str, operations: dict[str, Any], method: str) -> Route | None:
    operation = operations[method]
    described = f"{operation.get('operationId', '')} {operation.get('summary', '')}"
    words, described_words = split_words(path), split_words(described)
    if "{" in path or CHANGING_WORDS & {*words, *described_words} or _needs_parameters(operations, operation):
        return None
    content = find_content(document, operation)
    media = _choose_media(document, content, operation, method)
    if media is None:
        return None
    last = split_words(path.rstrip("/").rpartition("/")[2])
    score = 3 * bool(INFERENCE_WORDS & set(last)) + 2 * bool(INFERENCE_WORDS & set(words))
    score += bool(INFERENCE_WORDS & set(described_words)) + _has_payload(document, content)
    score -= bool({"batch", "bulk", "async", "stream"} & set(words)) + 2 * (media == "get")
    if not (INFERENCE_WORDS & {*words, *described_words}) and not _has_payload(document, content):
        return None
    return Route(path, score, media)


def _choose_media(document: Any, content: Any, operation: Any, method: str) -> Media | None:
    """What the operation takes; None where no template can give it, and for a GET without a parameter."""
    needs_query = any(one.get("required") is True for one in list_query_parameters(document, operation))
    if method == "get":
        return "get" if needs_query and not content else None
    if needs_query:
        return None if content else "query"
    for kind, media in _MEDIA.items():
        if kind in content:
            return media
    return None if content else ""


def split_words(text: str) -> list[str]:
    """The words of a path or a name, in lower case: `/v1/predictClass` is v, predict, class."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", text)]


def find_content(document: Any, operation: Any) -> dict[str, Any]:
    """What an operation takes, by media type; empty where the document does not say."""
    body = follow_reference(document, get_member(operation, "requestBody"))
    content = get_member(body, "content")
    if not isinstance(content, dict):
        return {}
    return content


def _needs_parameters(operations: Any, operation: Any) -> bool:
    """Whether a parameter is required in the path, in a header or of every method: no template can carry it."""
    parameters: Iterable[Any] = [one for one in get_list(operation, "parameters") if get_member(one, "in") != "query"]
    return any(get_member(one, "required") is True for one in [*get_list(operations, "parameters"), *parameters])


def _has_payload(document: Any, content: dict[str, Any]) -> bool:
    """Whether the body is an object with a field whose name says that it holds an input."""
    schema = follow_reference(document, get_member(content, "application/json", "schema"))
    names = get_member(schema, "properties")
    return isinstance(names, dict) and not PAYLOAD_NAMES.isdisjoint(map(str, names))
