"""The base of embeddings and rerank: texts in, numbers out, on routes with or without `/v1` (infinity)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.exchange import Request, Response
from harness.protocols.shared import openapi
from harness.protocols.shared.non_streaming import NonStreaming
from harness.protocols.shared.openai_family import ListsModels, find_prefix
from harness.protocols.shared.values import get_list, get_member, parse_name, pick_only
from harness.protocols.shared.wire import join_path, make_get, read_page


class TextInputs(ListsModels, NonStreaming):
    """A protocol with one `route`; its path at this endpoint is the fact `path`."""

    route: str

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The list of models with and without `/v1`, a health page, and the OpenAPI document."""
        return {**super().probes(endpoint), "bare_models": make_get("/models")}

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The only listed model; no version, because none is ever stated."""
        return pick_only([str(card["id"]) for card in list_cards(answers)]), None

    def find_path(self, endpoint: Endpoint, facts: Facts) -> str:
        """The path for requests."""
        return str(facts.inputs.get("path") or find_prefix(endpoint) + self.route)


def find_documented_path(endpoint: Endpoint, document: Any, route: str) -> str | None:
    """The path of a route for which the OpenAPI document has POST: with `/v1`, without it, or None."""
    paths = (find_prefix(endpoint) + route, route)
    return next((path for path in paths if openapi.has_post(document, join_path(endpoint, path), path)), None)


def list_cards(answers: Mapping[str, Response]) -> list[dict[str, Any]]:
    """The entries on the page of models, with or without `/v1`; none if there is no such page."""
    for role in ("models", "bare_models"):
        cards = [card for card in get_list(read_page(answers, role), "data") if parse_name(get_member(card, "id"))]
        if cards:
            return cards
    return []
