"""Plain JSON: `POST /predict`, and the service's own pages (health, readiness, version, OpenAPI, metrics)."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from harness.reference.api_error import ApiError
from harness.reference.digits import FEATURES
from harness.reference.openapi import make_document
from harness.reference.request_body import kind_of, read_features, read_object
from harness.reference.service import Service
from harness.reference.settings import DIGITS_MODEL, VERSION


class Plain:
    """The routes of the plain protocol over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.openapi = make_document(service.settings)
        self.routes = [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/health", self.health),
            Route("/ready", self.ready),
            Route("/version", self.version),
            Route("/openapi.json", self.describe),
            Route("/metrics", self.metrics),
        ]

    async def predict(self, request: Request) -> Response:
        """`{"instances": [[64 numbers], ...]}` to predictions and probabilities, in the order of the instances."""
        body = await read_object(request, self.service.settings)
        if unknown := sorted(body.keys() - {"instances"}):
            raise ApiError(400, f"unknown field {unknown[0][:40]!r}; the body has 'instances' only", "unknown_field")
        instances = body.get("instances")
        if not isinstance(instances, list):
            given = "missing" if "instances" not in body else kind_of(instances)
            raise ApiError(400, f"instances is {given}; an array of rows was expected", "invalid_type")
        if not instances:
            raise ApiError(400, "instances is empty; send at least one row", "invalid_shape")
        for index, row in enumerate(instances):
            if not isinstance(row, list):
                raise ApiError(400, f"instances[{index}] is {kind_of(row)}, not an array", "invalid_type")
            if len(row) != FEATURES:
                message = f"instances[{index}] has {len(row)} values; {FEATURES} were expected"
                raise ApiError(400, message, "invalid_shape")
        probabilities = await self.service.classify(read_features(list(chain.from_iterable(instances)), "instances"))
        return JSONResponse(
            {
                "predictions": probabilities.argmax(axis=1).tolist(),
                "probabilities": probabilities.tolist(),
                "model": DIGITS_MODEL,
                "version": VERSION,
            }
        )

    async def health(self, request: Request) -> Response:
        """Alive: the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Ready: the models are trained, which they are before the port opens."""
        return JSONResponse({"status": "ready"})

    async def version(self, request: Request) -> Response:
        """The version with which every answer is stamped."""
        return JSONResponse({"model": DIGITS_MODEL, "version": VERSION})

    async def describe(self, request: Request) -> Response:
        """The OpenAPI document."""
        return JSONResponse(self.openapi)

    async def metrics(self, request: Request) -> Response:
        """The counters, in Prometheus's text format."""
        lines = [f"reference_{name} {value}\n" for name, value in asdict(self.service.counters).items()]
        return PlainTextResponse("".join(lines))
