"""TensorFlow Serving's REST API (`:predict`), and KServe V1, a variant of it.

KServe V1 (the KServe SDK, TorchServe with the KServe envelope) has no metadata and no versions, and states `ready`
where TensorFlow Serving lists the states of versions; it needs a configured sample. OpenVINO Model Server has the same
API.

Rows are sent in the row format (`instances`, answered with `predictions`), an object of inputs by name in the column
format (`inputs`, answered with `outputs`). Extension fields, rows that are objects, and text are accepted. The document
of the API allows bare NaN and Infinity, but these are not valid JSON and are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import tensors, tf_metadata, wire
from harness.protocols.shared.named_models import NamedModels, parse_kserve_list
from harness.protocols.shared.row_answers import decode_rows
from harness.protocols.shared.values import get_member, parse_answer, parse_name, pick_only, shorten_value

_ROLES = ("model_ready", "metadata", "models")


class TFServing(NamedModels):
    """The adapter; one or several named inputs, all outputs."""

    name = "tfserving"
    root = "/v1/models"
    title = "TensorFlow Serving REST (:predict), and KServe V1"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; readiness if the name of the model is configured; batches according to the metadata or sample."""
        specs = facts.inputs.get("inputs") or []
        batches = endpoint.sample is None or wire.has_rows(endpoint.sample)
        if specs:
            batches = all(len(spec["shape"]) > 1 and spec["shape"][0] < 0 for spec in specs)
        return Capabilities(
            model_readiness=endpoint.model is not None,
            metadata=bool(specs),
            tensors=True,
            batches=batches,
            model_version=True,
            other_versions=len(facts.versions) > 1,
        )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """KServe's list of models; the status and the metadata of a configured model."""
        probes = {"models": wire.make_get("/v1/models"), "nowhere": wire.make_get(wire.UNKNOWN_PATH)}
        if endpoint.model is not None:
            path = self.build_path(endpoint, endpoint.model)
            probes |= {"model_ready": wire.make_get(path), "metadata": wire.make_get(f"{path}/metadata")}
            if endpoint.version is not None:
                all_versions = self.build_path(replace(endpoint, version=None), endpoint.model)
                probes["versions"] = wire.make_get(all_versions)
        return probes

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: signatures; 0.9: states of versions; 0.8: readiness as in KServe; 0.6: only GET /v1/models."""
        ready_page, metadata, list_page = (wire.read_page(answers, role) for role in _ROLES)
        path = self.build_path(endpoint, endpoint.model or "")
        names: tuple[str, ...] = () if endpoint.model is None else (endpoint.model,)
        signatures, states = tf_metadata.parse_signatures(metadata), tf_metadata.parse_version_states(ready_page)
        available = tf_metadata.find_available_version(states)
        of_model = tf_metadata.parse_version_states(wire.read_page(answers, "versions")) or states
        versions = tuple(tf_metadata.list_available_versions(of_model))
        if signatures is not None:
            inputs = tf_metadata.describe_inputs(signatures)
            shapes = [f"{spec['name']} {spec['datatype']}{spec['shape']}" for spec in inputs.get("inputs", [])]
            reason = f"GET {path}/metadata: inputs {', '.join(shapes) or 'unknown'}"
            version = tf_metadata.parse_version(metadata.get("model_spec")) or available
            return Recognition(1.0, reason, Facts(names, version, inputs, versions))
        if states:
            listing = ", ".join(f"version {shorten_value(text)} {shorten_value(state)}" for text, state in states[:5])
            return Recognition(0.9, f"GET {path}: {listing}", Facts(names, available, versions=versions))
        if parse_name(get_member(ready_page, "name")) and isinstance(ready_page.get("ready"), bool):
            ready = "ready" if ready_page["ready"] else "not ready"
            return Recognition(0.8, f"GET {path} answered as KServe V1 does: {ready}", Facts(names))
        if names := parse_kserve_list(list_page):
            return Recognition(0.6, f"GET /v1/models lists names as KServe does: {', '.join(names[:3])}", Facts(names))
        if _requires_name(answers):
            return Recognition(0.6, "GET /v1/models says that the name of a model is missing; give --ai-model")
        return Recognition(0.0, "nothing under /v1/models indicates TensorFlow Serving or KServe V1")

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """Rows as `instances`, an object of inputs by name as `inputs`; options (`signature_name`) beside them.

        If the signature has one more dimension than the rows, they become a batch of one. Raises `UsageError` for a
        stream, or for rows of lists if the signature has several inputs.
        """
        self.refuse_stream(query)
        specs = {spec["name"]: spec for spec in facts.inputs.get("inputs") or []}
        signature = facts.inputs.get("signature_name")
        body: dict[str, Any] = {} if signature is None else {"signature_name": signature}
        if isinstance(query.inputs, dict):
            body["inputs"] = {name: _fit_value(value, specs.get(name)) for name, value in query.inputs.items()}
        elif _are_objects(query.inputs) or not specs:
            body["instances"] = query.inputs
        elif len(specs) > 1:
            raise UsageError(f"the model takes {', '.join(specs)}: give an object with rows for each of them")
        else:
            body["instances"] = _fit_value(query.inputs, next(iter(specs.values())))
        return wire.make_post(self._build_predict_path(endpoint, facts), {**body, **query.options})

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """`predictions` or `outputs`; of several outputs each by its name. Raises `ProtocolError` with the place."""
        value = parse_answer(response)
        for name in ("predictions", "outputs"):
            if name in value:
                return decode_rows(value, name)
        raise ProtocolError("neither predictions nor outputs in the answer", at="$")

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, no input, an input of the wrong type, an unknown model."""
        path = self._build_predict_path(endpoint, facts)
        wrong = {"instances": {"aiharness": "an object where rows belong"}}
        return {
            "malformed_json": Request("POST", path, wire.JSON_HEADERS, b'{"instances": [[1, 2'),
            "null_body": wire.make_post(path, None),
            "missing_instances": wire.make_post(path, {}),
            "input_of_wrong_type": wire.make_post(path, wrong),
            "unknown_model": wire.make_post("/v1/models/aiharness-no-such-model:predict", {"instances": [[0.0]]}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name in the metadata, on KServe's page or alone in its list; the version if only one is available."""
        ready_page, metadata, list_page = (wire.read_page(answers, role) for role in _ROLES)
        spec, names = get_member(metadata, "model_spec"), parse_kserve_list(list_page)
        name = parse_name(get_member(spec if isinstance(spec, dict) else ready_page, "name")) or pick_only(names)
        version = tf_metadata.find_available_version(tf_metadata.parse_version_states(ready_page))
        return name, version or tf_metadata.parse_version(spec)

    def _build_predict_path(self, endpoint: Endpoint, facts: Facts) -> str:
        return self.build_path(endpoint, self.choose_model(endpoint, facts)) + ":predict"


def _are_objects(inputs: Any) -> bool:
    return isinstance(inputs, list) and bool(inputs) and all(isinstance(row, dict) for row in inputs)


def _fit_value(value: Any, spec: Mapping[str, Any] | None) -> Any:
    """The value as the signature requires it: integers for integer types, and the dimension of the batch."""
    if spec is None:
        return value
    shape, flat, _ = tensors.fit_tensor(value, spec)
    return tensors.fold_elements(flat, shape)


def _requires_name(answers: Mapping[str, Response]) -> bool:
    """Whether GET /v1/models is refused as TensorFlow Serving does it, and not like an unknown path."""
    if wire.get_status(answers, "models") != 400 or wire.get_status(answers, "nowhere") == 400:
        return False
    return str(get_member(wire.read_json(answers["models"]), "error")).startswith("Missing model name")


ADAPTER = TFServing()
