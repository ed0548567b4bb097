"""MLflow's scoring server: `POST /invocations` (`mlflow models serve`, its containers, Databricks model serving).

The sample's form says which input the model takes: an object with `columns` and `data` is a `dataframe_split`, a list
of objects `dataframe_records`; rows, values and an object of arrays by name are `inputs`. MLflow reads `instances` as
the same, so it is not offered. Rows are sent with the columns of a configured `dataframe_split`. Predictions may be
rows, objects (a data frame) or text. Answers of MLflow before 2.0, which have no `predictions`, are refused, and so is
bare NaN, which MLflow 3.17.2 writes into its JSON.

SageMaker's containers have `/ping` and `/invocations` too and say nothing of what they take: only `/version` tells
MLflow from them, and what is another's is better spoken to as `plain_json` with its template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import row_answers
from harness.protocols.shared.non_streaming import NonStreaming
from harness.protocols.shared.values import parse_answer, refuse_error
from harness.protocols.shared.wire import (
    JSON_HEADERS,
    UNKNOWN_PATH,
    get_status,
    has_rows,
    is_offered,
    make_get,
    make_post,
)

PATH = "/invocations"
_VERSION = re.compile(rb"\s*(\d{1,4}(?:\.\w{1,20}){1,5})\s*")


class MLflow(NonStreaming):
    """The adapter; every form of input, rows or a data frame out."""

    name = "mlflow"
    title = "MLflow scoring server (/invocations)"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; batches where the sample has rows; `/ping` says that the model is loaded."""
        found = bool(facts.inputs.get("live"))
        batches = has_rows(_given(endpoint.sample))
        return Capabilities(liveness=found, readiness=found, tensors=True, batches=batches, model_name=False)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """`/ping`, MLflow's version, and a GET where POST belongs."""
        ping = make_get("/ping")
        return {
            "live": ping,
            "ready": ping,
            "version": make_get("/version"),
            "route": make_get(PATH),
            "nowhere": make_get(UNKNOWN_PATH),
        }

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: a ping, a version and the route; 0.8 with a template, which means plain JSON; 0.3: SageMaker's look."""
        ping, version = get_status(answers, "live") == 200 and is_offered(answers, "live"), answers.get("version")
        route = get_status(answers, "route") == 405 and get_status(answers, "nowhere") != 405
        facts = Facts(inputs={"live": True})
        if not ping or not route:
            return Recognition(0.0, f"GET /ping and a POST route at {PATH} were not both found")
        stated = _VERSION.fullmatch(version.body) if version is not None and version.status == 200 else None
        if stated:
            score = 1.0 if endpoint.template == Template() else 0.8
            said = f"GET /version answered {stated[1].decode()}, GET /ping 200, and a POST route stands at {PATH}"
            return Recognition(score, said, facts)
        if is_offered(answers, "version") and get_status(answers, "version") == 200:
            return Recognition(0.0, "GET /version brought no version of MLflow's")
        return Recognition(
            0.3,
            f"GET /ping answered 200 and a POST route stands at {PATH}, but no GET /version says that it is MLflow's: "
            f"any SageMaker container looks so (of another kind: protocol plain_json, template.path {PATH})",
            facts,
        )

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample, of a `dataframe_split` its rows. Raises `UsageError` when there is none."""
        if endpoint.sample is None:
            raise UsageError(
                "no sample of a valid input: give one as [endpoint] sample (rows of numbers, an object with columns "
                "and data, or a list of objects); MLflow does not say what its model takes"
            )
        return Query(_given(endpoint.sample))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The input in the form that fits it; options (`params`) stand beside it. Raises `UsageError` for a stream."""
        self.refuse_stream(query)
        return make_post(PATH, {**_input(endpoint, query.inputs), **query.options})

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """`predictions`; of a data frame each column by its name. Raises `ProtocolError` with the place."""
        value = parse_answer(response)
        if "error_code" in value:
            refuse_error({"error": value}, response)
        if "predictions" not in value:
            raise ProtocolError("no predictions in the answer", at="$")
        return row_answers.decode_rows(value, "predictions")

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no input, two inputs in one request, a data frame without columns, a path that is not there."""
        return {
            "malformed_json": Request("POST", PATH, JSON_HEADERS, b'{"inputs": [[1, 2'),
            "null_body": make_post(PATH, None),
            "missing_input": make_post(PATH, {}),
            "two_inputs": make_post(PATH, {"inputs": [[0.0]], "instances": [[0.0]]}),
            "input_of_wrong_type": make_post(PATH, {"dataframe_split": 5}),
            "unknown_path": make_post(UNKNOWN_PATH, {}),
        }


def _is_split(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("columns"), list) and isinstance(value.get("data"), list)


def _given(sample: Any) -> Any:
    """The rows of a data frame, since they can be chosen alone; any other sample as it is."""
    return sample["data"] if _is_split(sample) else sample


def _input(endpoint: Endpoint, inputs: Any) -> dict[str, Any]:
    if _is_split(inputs):
        return {"dataframe_split": inputs}
    if isinstance(inputs, list) and inputs and all(isinstance(each, dict) for each in inputs):
        return {"dataframe_records": inputs}
    if _is_split(endpoint.sample) and isinstance(inputs, list):
        rows = inputs if inputs and isinstance(inputs[0], list) else [inputs]
        return {"dataframe_split": {"columns": endpoint.sample["columns"], "data": rows}}
    return {"inputs": inputs}


ADAPTER = MLflow()
