"""URLs that end in the path of one operation, as documentation and consoles show them: the endpoint is what is before.

Tested in tests/config/test_operation_urls.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_OPERATIONS = (
    (r"/v2/models/(?P<model>[^/]+)(/versions/(?P<version>[^/]+))?/infer", "v2"),
    (r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>[^/:]+))?:predict", "tfserving"),
    (r"/predictions/(?P<model>[^/]+)(/(?P<version>[^/]+))?", "torchserve"),
    (r"(?P<prefix>/v1)?/chat/completions", "openai_chat"),
    (r"(?P<prefix>/v1)?/completions", "openai_completions"),
    (r"(?P<prefix>/v1)?/responses", "openai_responses"),
    (r"(?P<prefix>/v1)?/embeddings", "openai_embeddings"),
    (r"(?P<prefix>/v1)?/rerank", "rerank"),
    (r"(?P<prefix>/v1)?/messages", "anthropic"),
    (r"/api/(chat|generate)", "ollama"),
    (r"/generate(_stream)?", "tgi"),
    (r"/invocations", "mlflow"),
    (r"/predict", "plain_json"),
)
"""The end of a path and the protocol whose operation it is; the first that fits decides."""


@dataclass(frozen=True, slots=True)
class OperationUrl:
    """The endpoint's URL without the operation, its protocol, and what else the path says.

    `path` is the operation, which was left out. `prefix` is empty where the path had none of the usual `/v1`; None: as
    usual.
    """

    url: str
    path: str
    protocol: str
    model: str | None = None
    version: str | None = None
    prefix: str | None = None


def split_operation(url: str) -> OperationUrl | None:
    """Split a clean URL that ends in the path of an inference; None where it does not."""
    path = urlsplit(url).path
    for pattern, protocol in _OPERATIONS:
        match = re.search(f"{pattern}$", path)
        if match is None:
            continue
        parts = match.groupdict()
        has_prefix = "prefix" not in parts or parts["prefix"] is not None
        model, version = (unquote(parts[name]) if parts.get(name) else None for name in ("model", "version"))
        base = url[: len(url) - len(match[0])]
        return OperationUrl(base, match[0], protocol, model, version, None if has_prefix else "")
    return None
