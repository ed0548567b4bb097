"""The Open Inference Protocol, version 2, over HTTP, for the digits model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.digits import CLASSES, FEATURES, HIGH, LOW, Floats
from harness.reference.request_body import kind_of, read_features, read_object
from harness.reference.service import Service
from harness.reference.settings import DIGITS_MODEL, VERSION

_INPUT = "input"
_DATATYPES = ("FP64", "FP32")


class V2:
    """The routes of the V2 protocol over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = [
            Route("/v2", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
        ]
        for prefix in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            self.routes += [
                Route(prefix, self.metadata),
                Route(f"{prefix}/ready", self.model_ready),
                Route(f"{prefix}/infer", self.infer, methods=["POST"]),
            ]

    async def server(self, request: Request) -> Response:
        """Server metadata."""
        return JSONResponse({"name": "reference", "version": VERSION, "extensions": []})

    async def live(self, request: Request) -> Response:
        """Server live."""
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """Server ready."""
        return JSONResponse({"ready": True})

    async def model_ready(self, request: Request) -> Response:
        """Model ready."""
        _check_model(request)
        return JSONResponse({"name": DIGITS_MODEL, "ready": True})

    async def metadata(self, request: Request) -> Response:
        """Model metadata; the bounds of a valid input stand in `parameters`."""
        _check_model(request)
        return JSONResponse(
            {
                "name": DIGITS_MODEL,
                "versions": [VERSION],
                "platform": "numpy",
                "inputs": [{"name": _INPUT, "datatype": "FP64", "shape": [-1, FEATURES]}],
                "outputs": [
                    {"name": "label", "datatype": "INT64", "shape": [-1]},
                    {"name": "probabilities", "datatype": "FP64", "shape": [-1, CLASSES]},
                ],
                "parameters": {"minimum": LOW, "maximum": HIGH},
            }
        )

    async def infer(self, request: Request) -> Response:
        """Inference; outputs in the order asked for, all of them when none is named."""
        _check_model(request)
        if "inference-header-content-length" in request.headers:
            raise ApiError(400, "the binary tensor extension is not offered (see extensions in /v2)", "unsupported")
        body = await read_object(request, self.service.settings)
        if not isinstance(body.get("id", ""), str):
            raise ApiError(400, f"id is {kind_of(body['id'])}, not a string", "invalid_type")
        wanted = _wanted(body.get("outputs"))
        probabilities = await self.service.classify(_tensor(body.get("inputs")))
        answer: dict[str, Any] = {"model_name": DIGITS_MODEL, "model_version": VERSION}
        if "id" in body:
            answer["id"] = body["id"]
        answer["outputs"] = [{"name": name, **_OUTPUTS[name](probabilities)} for name in wanted]
        return JSONResponse(answer)


_OUTPUTS: dict[str, Callable[[Floats], dict[str, Any]]] = {
    "label": lambda p: {"shape": [len(p)], "datatype": "INT64", "data": p.argmax(axis=1).tolist()},
    "probabilities": lambda p: {"shape": list(p.shape), "datatype": "FP64", "data": p.ravel().tolist()},
}


def _check_model(request: Request) -> None:
    if request.path_params["model"] != DIGITS_MODEL:
        raise ApiError(404, "no such model", "model_not_found")
    if request.path_params.get("version", VERSION) != VERSION:
        raise ApiError(404, "no such version of the model", "model_not_found")


def _objects(value: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ApiError(400, f"{what} must be an array of objects", "invalid_type")
    return value


def _wanted(outputs: Any) -> list[str]:
    if outputs is None:
        return list(_OUTPUTS)
    names = [each.get("name") for each in _objects(outputs, "outputs")]
    for name in names:
        if not isinstance(name, str) or name not in _OUTPUTS:
            raise ApiError(400, f"unknown output; the outputs are {', '.join(_OUTPUTS)}", "unknown_output")
        if names.count(name) > 1:
            raise ApiError(400, f"output {name!r} is asked for twice", "duplicate_output")
    return [str(name) for name in names]


def _tensor(inputs: Any) -> Floats:
    """The one input as (n, 64). Raises `ApiError` 400 for every way in which it can be wrong."""
    found = _objects(inputs, "inputs")
    if len(found) != 1 or found[0].get("name") != _INPUT:
        raise ApiError(400, f"exactly one input, named {_INPUT!r}, is expected", "invalid_input")
    tensor = found[0]
    if tensor.get("datatype") not in _DATATYPES:
        raise ApiError(400, f"the datatype of {_INPUT!r} must be one of {', '.join(_DATATYPES)}", "invalid_datatype")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) != 2 or any(type(size) is not int for size in shape):
        raise ApiError(400, f"the shape of {_INPUT!r} must be two whole numbers, [rows, {FEATURES}]", "invalid_shape")
    rows, width = shape
    if rows < 1 or width != FEATURES:
        raise ApiError(400, f"the shape of {_INPUT!r} must be [rows, {FEATURES}] with rows from 1", "invalid_shape")
    data = tensor.get("data")
    if not isinstance(data, list):
        raise ApiError(400, f"the data of {_INPUT!r} must be an array", "invalid_type")
    if data and isinstance(data[0], list):
        if len(data) != rows or any(not isinstance(row, list) or len(row) != width for row in data):
            raise ApiError(400, f"the nested data of {_INPUT!r} do not have the shape they announce", "invalid_shape")
        data = [value for row in data for value in row]
    if len(data) != rows * width:
        message = f"{_INPUT!r} has {len(data)} values where its shape says rows x {FEATURES}"
        raise ApiError(400, message, "invalid_shape")
    return read_features(data, _INPUT)
