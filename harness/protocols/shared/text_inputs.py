"""What embeddings and rerank share: texts in, numbers out, on routes under `/v1` or bare (infinity)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.exchange import Request, Response
from harness.protocols.shared import openapi
from harness.protocols.shared.non_streaming import NonStreaming
from harness.protocols.shared.openai_family import ListsModels, find_prefix, pick_only
from harness.protocols.shared.values import get_member, parse_name
from harness.protocols.shared.wire import join_path, make_get, read_page


class TextInputs(ListsModels, NonStreaming):
    """A protocol of one `route`; where it stands on this endpoint is the fact `path`."""

    route: str

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The list of models, with and without `/v1`, a health page, the OpenAPI document."""
        return {**super().probes(endpoint), "bare_models": make_get("/models")}

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The one listed model. No version is ever stated."""
        return pick_only([str(each["id"]) for each in list_cards(answers)]), None

    def path(self, endpoint: Endpoint, facts: Facts) -> str:
        """Where requests go."""
        return str(facts.inputs.get("path") or find_prefix(endpoint) + self.route)


def find_documented_path(endpoint: Endpoint, document: Any, route: str) -> str | None:
    """Where the document has POST on a route: with `/v1` or without."""
    paths = (find_prefix(endpoint) + route, route)
    return next((path for path in paths if openapi.has_post(document, join_path(endpoint, path), path)), None)


def list_cards(answers: Mapping[str, Response]) -> list[dict[str, Any]]:
    """The entries of the page of models, or of the bare one; none when there is no such page."""
    for role in ("models", "bare_models"):
        data = get_member(read_page(answers, role), "data")
        entries = data if isinstance(data, list) else []
        if found := [each for each in entries if parse_name(get_member(each, "id"))]:
            return found
    return []
