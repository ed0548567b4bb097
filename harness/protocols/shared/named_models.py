"""What servers of models share whose models take tensors and are asked for by name (V2, TensorFlow Serving)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Query
from harness.protocols.shared import tensors
from harness.protocols.shared.non_streaming import NonStreaming
from harness.protocols.shared.values import get_member, parse_name


class NamedModels(NonStreaming):
    """A protocol whose models stand under `root`; with a configured version every path goes through it."""

    root: str

    def model(self, endpoint: Endpoint, facts: Facts) -> str:
        """The model's name. Raises `UsageError` when it is not configured and not the only one listed."""
        if endpoint.model is not None:
            return endpoint.model
        if len(facts.models) == 1:
            return facts.models[0]
        listed = f"; the service lists {', '.join(facts.models[:20])}" if facts.models else ""
        raise UsageError(f"{self.name} needs the name of the model: give --ai-model or [endpoint] model{listed}")

    def path(self, endpoint: Endpoint, model: str) -> str:
        """Where a model stands."""
        version = f"/versions/{quote(endpoint.version, safe='')}" if endpoint.version is not None else ""
        return f"{self.root}/{quote(model, safe='')}{version}"

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample, else zeros (of text: "hello") in the shapes of the metadata, one row.

        Raises `UsageError` without a model's name, or without metadata to make it from.
        """
        self.model(endpoint, facts)
        if endpoint.sample is not None:
            return Query(endpoint.sample)
        specs = facts.inputs.get("inputs") or []
        if not specs:
            why = "name no inputs" if "inputs" in facts.inputs else "were not answered"
            if endpoint.model is None:
                why = "were not asked, for no model is configured (--ai-model or [endpoint] model)"
            raise UsageError(f"the model's metadata {why}; give one valid input as [endpoint] sample")
        inputs = {spec["name"]: tensors.make_zeros(spec) for spec in specs}
        return Query(inputs if len(inputs) > 1 else next(iter(inputs.values())))


def parse_kserve_list(value: Any) -> tuple[str, ...]:
    """The names on a page of models as KServe has it; none when it is no such page."""
    models = get_member(value, "models")
    return tuple(each for each in models if parse_name(each)) if isinstance(models, list) else ()
