"""The base of protocols whose requests name a model that takes tensors (V2, TensorFlow Serving)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import NotAnnounced, UsageError
from harness.core.exchange import Query
from harness.protocols.shared.non_streaming import NonStreaming
from harness.protocols.shared.tensors import make_zeros
from harness.protocols.shared.values import get_list, parse_name, pick_only


class NamedModels(NonStreaming):
    """A protocol whose models have paths under `root`; a configured version becomes a part of every path."""

    root: str

    def choose_model(self, endpoint: Endpoint, facts: Facts) -> str:
        """The configured name, or the only listed one. Raises `UsageError` if there is neither."""
        name = pick_only(facts.models) if endpoint.model is None else endpoint.model
        if name is not None:
            return name
        needed = f"{self.name} needs the name of the model: give --ai-model or [endpoint] model"
        if facts.models:
            raise UsageError(f"{needed}; the service lists {', '.join(facts.models[:20])}")
        raise NotAnnounced(needed)

    def build_path(self, endpoint: Endpoint, model: str) -> str:
        """The path of a model."""
        version = f"/versions/{quote(endpoint.version, safe='')}" if endpoint.version is not None else ""
        return f"{self.root}/{quote(model, safe='')}{version}"

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample, otherwise one row of zeros (or the text "hello") in the shapes of the metadata.

        Without metadata it is the first row of the data. Raises `UsageError` without any of them, or without the name
        of a model.
        """
        self.choose_model(endpoint, facts)
        if endpoint.sample is not None:
            return Query(endpoint.sample)
        specs = facts.inputs.get("inputs")
        if specs:
            inputs = {spec["name"]: make_zeros(spec) for spec in specs}
            return Query(inputs if len(inputs) > 1 else next(iter(inputs.values())))
        if endpoint.data_sample is not None:
            return Query(endpoint.data_sample)
        why = "name no inputs" if "inputs" in facts.inputs else "were not answered"
        if endpoint.model is None:
            why = "were not requested, because no model is configured (--ai-model or [endpoint] model)"
        problem = f"the metadata of the model {why}; give one valid input as [endpoint] sample, or [data]"
        if "inputs" in facts.inputs:
            raise UsageError(problem)
        raise NotAnnounced(problem)


def parse_kserve_list(value: Any) -> tuple[str, ...]:
    """The names on KServe's page of models; none if it is not such a page."""
    return tuple(name for name in get_list(value, "models") if parse_name(name))
