"""What embeddings and rerank share: texts in, numbers out, on routes under `/v1` or bare (infinity)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.exchange import Request, Response
from harness.protocols.shared import openapi
from harness.protocols.shared.openai_family import Listing, base, sole
from harness.protocols.shared.values import a_name, member
from harness.protocols.shared.whole_answers import Whole
from harness.protocols.shared.wire import full_path, get, page


class Texts(Listing, Whole):
    """A protocol of one `route`; where it stands on this endpoint is the fact `path`."""

    route: str

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """The list of models, with and without `/v1`, a health page, the OpenAPI document."""
        return {**super().probes(endpoint), "bare_models": get("/models")}

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The one listed model. No version is ever stated."""
        return sole([str(each["id"]) for each in cards(answers)]), None

    def path(self, endpoint: Endpoint, facts: Facts) -> str:
        """Where requests go."""
        return str(facts.inputs.get("path") or base(endpoint) + self.route)


def documented(endpoint: Endpoint, document: Any, route: str) -> str | None:
    """Where the document has POST on a route: with `/v1` or without."""
    paths = (base(endpoint) + route, route)
    return next((path for path in paths if openapi.has_post(document, full_path(endpoint, path), path)), None)


def cards(answers: Mapping[str, Response]) -> list[dict[str, Any]]:
    """The entries of the page of models, or of the bare one; none when there is no such page."""
    for role in ("models", "bare_models"):
        data = member(page(answers, role), "data")
        entries = data if isinstance(data, list) else []
        if found := [each for each in entries if a_name(member(each, "id"))]:
            return found
    return []
