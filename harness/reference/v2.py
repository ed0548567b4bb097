"""The Open Inference Protocol, version 2, over HTTP, for the digits model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.digits import CLASSES, FEATURES, HIGH, LOW, Floats
from harness.reference.request_body import Pixel, convert, read_object, refuse
from harness.reference.service import Service
from harness.reference.settings import DIGITS_MODEL, VERSION

_INPUT = "input"
_Row = Annotated[list[Pixel], Meta(min_length=FEATURES, max_length=FEATURES)]


class _Tensor(Struct):
    name: Literal["input"]
    shape: tuple[Annotated[int, Meta(ge=1)], Annotated[int, Meta(ge=FEATURES, le=FEATURES)]]
    datatype: Literal["FP64", "FP32"]
    data: list[Any]


class _Output(Struct):
    name: Literal["label", "probabilities"]


class _Body(Struct):
    inputs: Annotated[list[_Tensor], Meta(min_length=1, max_length=1)]
    outputs: list[_Output] | None = None
    id: str | UnsetType = UNSET


class V2:
    """The routes of the V2 protocol over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.routes = [
            Route("/v2", self.get_server),
            Route("/v2/health/live", self.get_liveness),
            Route("/v2/health/ready", self.get_readiness),
        ]
        for prefix in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            self.routes += [
                Route(prefix, self.get_metadata),
                Route(f"{prefix}/ready", self.get_model_readiness),
                Route(f"{prefix}/infer", self.infer, methods=["POST"]),
            ]

    async def get_server(self, request: Request) -> Response:
        """Server metadata."""
        return JSONResponse({"name": "reference", "version": VERSION, "extensions": []})

    async def get_liveness(self, request: Request) -> Response:
        """Server live."""
        return JSONResponse({"live": True})

    async def get_readiness(self, request: Request) -> Response:
        """Server ready."""
        return JSONResponse({"ready": True})

    async def get_model_readiness(self, request: Request) -> Response:
        """Model ready."""
        _check_model(request)
        return JSONResponse({"name": DIGITS_MODEL, "ready": True})

    async def get_metadata(self, request: Request) -> Response:
        """Model metadata; `parameters` has the bounds of a valid input."""
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
        body = convert(await read_object(request, self.service.settings), _Body)
        names = [output.name for output in body.outputs or ()] or list(_OUTPUTS)
        if len(set(names)) < len(names):
            raise refuse("outputs", "an output is asked for twice")
        probabilities = await self.service.classify(_read_tensor(body.inputs[0]))
        answer: dict[str, Any] = {"model_name": DIGITS_MODEL, "model_version": VERSION}
        if body.id is not UNSET:
            answer["id"] = body.id
        answer["outputs"] = [{"name": name, **_OUTPUTS[name](probabilities)} for name in names]
        return JSONResponse(answer)


_OUTPUTS: dict[Literal["label", "probabilities"], Callable[[Floats], dict[str, Any]]] = {
    "label": lambda p: {"shape": [len(p)], "datatype": "INT64", "data": p.argmax(axis=1).tolist()},
    "probabilities": lambda p: {"shape": list(p.shape), "datatype": "FP64", "data": p.ravel().tolist()},
}


def _check_model(request: Request) -> None:
    if request.path_params["model"] != DIGITS_MODEL:
        raise ApiError(404, "no such model", "model_not_found")
    if request.path_params.get("version", VERSION) != VERSION:
        raise ApiError(404, "no such version of the model", "model_not_found")


def _read_tensor(tensor: _Tensor) -> Floats:
    """The values as (n, 64), whether they are sent flat or as rows. Raises `ApiError` 400."""
    (rows, width), data = tensor.shape, tensor.data
    if data and isinstance(data[0], list):
        if len(data) != rows:
            raise refuse("inputs[0].data", "must have the shape that is announced")
        data = list(chain.from_iterable(convert(data, list[_Row], "inputs[0].data")))
    if len(data) != rows * width:
        raise refuse("inputs[0].data", f"has {len(data)} values where the shape announces {rows} x {width}")
    return np.array(convert(data, list[Pixel], "inputs[0].data")).reshape(rows, width)
