"""MLflow's scoring server: `POST /invocations` (`mlflow models serve`, its containers, Databricks model serving).

The sample determines the input format of the model: an object with `columns` and `data` is a `dataframe_split`, a list
of objects is `dataframe_records`; rows, values and an object of arrays by name are `inputs`. For MLflow, `instances` is
the same as `inputs`, so it is not used. Rows are sent with the columns of a configured `dataframe_split`. Predictions
may be rows, objects (a data frame) or text. Answers of MLflow before 2.0, which have no `predictions`, are refused, and
so is bare NaN, which MLflow 3.17.2 writes into its JSON.

SageMaker's containers also have `/ping` and `/invocations`, and do not say which input they take. Only `/version`
distinguishes MLflow from them. For other containers, `plain_json` with a template is the better protocol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import wire
from harness.protocols.shared.non_streaming import NonStreaming
from harness.protocols.shared.row_answers import decode_rows
from harness.protocols.shared.values import parse_answer, refuse_error

_PATH = "/invocations"
_VERSION = re.compile(rb"\s*(\d{1,4}(?:\.\w{1,20}){1,5})\s*")


class MLflow(NonStreaming):
    """The adapter; every format of input, and rows or a data frame as output."""

    name = "mlflow"
    title = "MLflow scoring server (/invocations)"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; batches if the sample has rows; `/ping` says that the model is loaded."""
        live = bool(facts.inputs.get("live"))
        batches = wire.has_rows(_extract_rows(endpoint.get_sample(endpoint.data_sample)))
        return Capabilities(liveness=live, readiness=live, tensors=True, batches=batches, model_name=False)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """`/ping`, the version of MLflow, and a GET on the route that takes POST."""
        paths = {"live": "/ping", "ready": "/ping", "version": "/version", "route": _PATH, "nowhere": wire.UNKNOWN_PATH}
        return {role: wire.make_get(path) for role, path in paths.items()}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: a ping, a version and the route; 0.8 with a template, which suggests plain JSON; 0.3: like SageMaker."""
        has_ping = wire.get_status(answers, "live") == 200 and wire.is_offered(answers, "live")
        has_route = wire.get_status(answers, "route") == 405 and wire.get_status(answers, "nowhere") != 405
        if not has_ping or not has_route:
            return Recognition(0.0, f"GET /ping and a POST route at {_PATH} were not both found")
        facts = Facts(inputs={"live": True})
        is_version = wire.get_status(answers, "version") == 200
        if is_version and (match := _VERSION.fullmatch(answers["version"].body)):
            score = 1.0 if endpoint.template == Template() else 0.8
            reason = f"GET /version answered {match[1].decode()}, GET /ping 200, and {_PATH} is a POST route"
            return Recognition(score, reason, facts)
        if is_version and wire.is_offered(answers, "version"):
            return Recognition(0.0, "GET /version did not answer with a version of MLflow")
        return Recognition(
            0.3,
            f"GET /ping answered 200 and {_PATH} is a POST route, but GET /version does not say that this is MLflow: "
            f"it may be any SageMaker container (for others: protocol plain_json, template.path {_PATH})",
            facts,
        )

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample (of a `dataframe_split` its rows), or a row of the data. Raises `UsageError`."""
        sample = endpoint.get_sample(endpoint.data_sample)
        if sample is None:
            raise UsageError(
                "no sample of a valid input: give one as [endpoint] sample (rows of numbers, an object with columns "
                "and data, or a list of objects), or rows as [data] file; MLflow does not say which input its model "
                "takes"
            )
        return Query(_extract_rows(sample))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The input in the format that fits it, with options (`params`) beside it. Raises `UsageError` for a stream."""
        self.refuse_stream(query)
        return wire.make_post(_PATH, {**_encode_input(endpoint, query.inputs), **query.options})

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """`predictions`; of a data frame each column by its name. Raises `ProtocolError` with the place."""
        value = parse_answer(response)
        if "error_code" in value:
            refuse_error({"error": value}, response)
        if "predictions" not in value:
            raise ProtocolError("no predictions in the answer", at="$")
        return decode_rows(value, "predictions")

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, no input, two inputs in one request, a data frame without columns, an unknown path."""
        return {
            "malformed_json": Request("POST", _PATH, wire.JSON_HEADERS, b'{"inputs": [[1, 2'),
            "null_body": wire.make_post(_PATH, None),
            "missing_input": wire.make_post(_PATH, {}),
            "two_inputs": wire.make_post(_PATH, {"inputs": [[0.0]], "instances": [[0.0]]}),
            "input_of_wrong_type": wire.make_post(_PATH, {"dataframe_split": 5}),
            "unknown_path": wire.make_post(wire.UNKNOWN_PATH, {}),
        }


def _is_split(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("columns"), list) and isinstance(value.get("data"), list)


def _extract_rows(sample: Any) -> Any:
    """The rows of a data frame, because they can be selected separately; any other sample as it is."""
    return sample["data"] if _is_split(sample) else sample


def _encode_input(endpoint: Endpoint, inputs: Any) -> dict[str, Any]:
    if _is_split(inputs):
        return {"dataframe_split": inputs}
    if isinstance(inputs, list) and inputs and all(isinstance(row, dict) for row in inputs):
        return {"dataframe_records": inputs}
    if _is_split(endpoint.sample) and isinstance(inputs, list):
        rows = inputs if inputs and isinstance(inputs[0], list) else [inputs]
        return {"dataframe_split": {"columns": endpoint.sample["columns"], "data": rows}}
    return {"inputs": inputs}


ADAPTER = MLflow()
