"""TensorFlow Serving's REST API (`:predict`), and its dialect KServe V1.

KServe V1 (the KServe SDK, TorchServe with the KServe envelope) has no metadata and no versions, and says `ready` where
TensorFlow Serving lists the states of versions; a sample must be given there. OpenVINO Model Server has the same calls.

Rows are sent in the row format (`instances`, answered with `predictions`), an object of inputs by name in the columnar
one (`inputs`, answered with `outputs`). Lenient about extension fields, rows that are objects, text. Strict about
numbers: the API's document allows bare NaN and Infinity, which are no JSON, and they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import row_answers, tensors, tf_metadata
from harness.protocols.shared.named_models import NamedModels, parse_kserve_list
from harness.protocols.shared.values import get_member, parse_answer, parse_name, shorten_value
from harness.protocols.shared.wire import (
    JSON_HEADERS,
    UNKNOWN_PATH,
    get_status,
    has_rows,
    make_get,
    make_post,
    read_json,
    read_page,
)


class TFServing(NamedModels):
    """The adapter; one or several named inputs, all outputs."""

    name = "tfserving"
    root = "/v1/models"
    title = "TensorFlow Serving REST (:predict), and KServe V1"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; the model's status needs its name in the configuration; batches as metadata or the sample say."""
        specs = facts.inputs.get("inputs") or []
        batches = endpoint.sample is None or has_rows(endpoint.sample)
        if specs:
            batches = all(len(each["shape"]) > 1 and each["shape"][0] < 0 for each in specs)
        return Capabilities(
            model_readiness=endpoint.model is not None,
            metadata=bool(specs),
            tensors=True,
            batches=batches,
            model_version=True,
        )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """KServe's list of models; the status and the metadata of a configured model."""
        found = {"models": make_get("/v1/models"), "nowhere": make_get(UNKNOWN_PATH)}
        if endpoint.model is not None:
            path = self.path(endpoint, endpoint.model)
            found |= {"model_ready": make_get(path), "metadata": make_get(f"{path}/metadata")}
        return found

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: signatures; 0.9: states of versions; 0.8: KServe's readiness; 0.6: no more than GET /v1/models tells."""
        own, metadata, named = (read_page(answers, role) for role in ("model_ready", "metadata", "models"))
        path = self.path(endpoint, endpoint.model or "")
        signatures, states = tf_metadata.parse_signatures(metadata), tf_metadata.parse_version_states(own)
        known = (endpoint.model,) if endpoint.model is not None else ()
        if signatures is not None:
            inputs = tf_metadata.describe_inputs(signatures)
            told = ", ".join(f"{each['name']} {each['datatype']}{each['shape']}" for each in inputs.get("inputs", []))
            version = tf_metadata.parse_version(metadata.get("model_spec")) or tf_metadata.find_available_version(
                states
            )
            return Recognition(1.0, f"GET {path}/metadata: inputs {told or 'unknown'}", Facts(known, version, inputs))
        if states:
            said = ", ".join(
                f"version {shorten_value(version)} {shorten_value(state)}" for version, state in states[:5]
            )
            return Recognition(0.9, f"GET {path}: {said}", Facts(known, tf_metadata.find_available_version(states)))
        if parse_name(get_member(own, "name")) and isinstance(own.get("ready"), bool):
            ready = "ready" if own["ready"] else "not ready"
            return Recognition(0.8, f"GET {path} says as KServe V1 does: {ready}", Facts(known))
        if names := parse_kserve_list(named):
            return Recognition(0.6, f"GET /v1/models lists names as KServe does: {', '.join(names[:3])}", Facts(names))
        if _wants_name(answers):
            return Recognition(0.6, "GET /v1/models says that a model's name is missing; give --ai-model")
        return Recognition(0.0, "nothing under /v1/models tells of TensorFlow Serving or KServe V1")

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """Rows as `instances`, an object of inputs by name as `inputs`; options (`signature_name`) stand beside them.

        Where the signature has one dimension more than the rows, a batch of one is made of them. Raises `UsageError`
        for a stream, or rows of lists where the signature has several inputs.
        """
        self.refuse_stream(query)
        specs = {each["name"]: each for each in facts.inputs.get("inputs") or []}
        signature = facts.inputs.get("signature_name")
        body: dict[str, Any] = {} if signature is None else {"signature_name": signature}
        if isinstance(query.inputs, dict):
            body["inputs"] = {name: _fitted(value, specs.get(name)) for name, value in query.inputs.items()}
        elif len(specs) > 1 and not _objects(query.inputs):
            raise UsageError(f"the model takes {', '.join(specs)}: give an object with rows for each of them")
        else:
            spec = next(iter(specs.values())) if specs and not _objects(query.inputs) else None
            body["instances"] = _fitted(query.inputs, spec)
        return make_post(self._predict_path(endpoint, facts), {**body, **query.options})

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """`predictions` or `outputs`; of several outputs each by its name. Raises `ProtocolError` with the place."""
        value = parse_answer(response)
        name = next((each for each in ("predictions", "outputs") if each in value), None)
        if name is None:
            raise ProtocolError("neither predictions nor outputs in the answer", at="$")
        return row_answers.decode_rows(value, name)

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no input, an input of the wrong type, a model that is not there."""
        path = self._predict_path(endpoint, facts)
        return {
            "malformed_json": Request("POST", path, JSON_HEADERS, b'{"instances": [[1, 2'),
            "null_body": make_post(path, None),
            "missing_instances": make_post(path, {}),
            "input_of_wrong_type": make_post(path, {"instances": {"aiharness": "an object where rows belong"}}),
            "unknown_model": make_post("/v1/models/aiharness-no-such-model:predict", {"instances": [[0.0]]}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name in the metadata, on KServe's page or alone in its list; the version where just one is available."""
        own, metadata, named = (read_page(answers, role) for role in ("model_ready", "metadata", "models"))
        spec, names = get_member(metadata, "model_spec"), parse_kserve_list(named)
        stated = spec if isinstance(spec, dict) else own
        name = parse_name(get_member(stated, "name")) or (names[0] if len(names) == 1 else None)
        return name, tf_metadata.find_available_version(
            tf_metadata.parse_version_states(own)
        ) or tf_metadata.parse_version(spec)

    def _predict_path(self, endpoint: Endpoint, facts: Facts) -> str:
        return self.path(endpoint, self.model(endpoint, facts)) + ":predict"


def _objects(inputs: Any) -> bool:
    return isinstance(inputs, list) and bool(inputs) and all(isinstance(each, dict) for each in inputs)


def _fitted(value: Any, spec: Mapping[str, Any] | None) -> Any:
    """The value as the signature has it: whole numbers for integer types, and the batch's dimension."""
    if spec is None:
        return value
    shape, flat, _ = tensors.fit_tensor(value, spec)
    return tensors.fold_elements(flat, shape)


def _wants_name(answers: Mapping[str, Response]) -> bool:
    """Whether GET /v1/models is refused as TensorFlow Serving does it, and not like a path that no one has."""
    if get_status(answers, "models") != 400 or get_status(answers, "nowhere") == 400:
        return False
    return str(get_member(read_json(answers["models"]), "error")).startswith("Missing model name")


ADAPTER = TFServing()
