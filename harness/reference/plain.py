"""Plain JSON: `POST /predict`, and the service's own pages (health, readiness, version, OpenAPI, metrics)."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from harness.reference.digits import FEATURES
from harness.reference.openapi import make_document
from harness.reference.request_body import Pixel, convert, read_object
from harness.reference.service import Service
from harness.reference.settings import DIGITS_MODEL, VERSION

_Row = Annotated[list[Pixel], Meta(min_length=FEATURES, max_length=FEATURES)]


class _Body(Struct, forbid_unknown_fields=True):
    instances: Annotated[list[_Row], Meta(min_length=1)]


class Plain:
    """The routes of the plain protocol over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.openapi = make_document(service.settings)
        self.routes = [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/health", self.get_health),
            Route("/ready", self.get_readiness),
            Route("/version", self.get_version),
            Route("/openapi.json", self.get_openapi),
            Route("/metrics", self.get_metrics),
        ]

    async def predict(self, request: Request) -> Response:
        """`{"instances": [[64 numbers], ...]}` to predictions and probabilities, in the order of the instances."""
        body = convert(await read_object(request, self.service.settings), _Body)
        probabilities = await self.service.classify(np.array(body.instances))
        return JSONResponse(
            {
                "predictions": probabilities.argmax(axis=1).tolist(),
                "probabilities": probabilities.tolist(),
                "model": DIGITS_MODEL,
                "version": VERSION,
            }
        )

    async def get_health(self, request: Request) -> Response:
        """Alive: the process answers."""
        return JSONResponse({"status": "ok"})

    async def get_readiness(self, request: Request) -> Response:
        """Ready: the models are trained, which they are before the port opens."""
        return JSONResponse({"status": "ready"})

    async def get_version(self, request: Request) -> Response:
        """The version with which every answer is stamped."""
        return JSONResponse({"model": DIGITS_MODEL, "version": VERSION})

    async def get_openapi(self, request: Request) -> Response:
        """The OpenAPI document."""
        return JSONResponse(self.openapi)

    async def get_metrics(self, request: Request) -> Response:
        """The counters, and gauges of this process, in Prometheus's text format."""
        lines = [f"reference_{name} {value}\n" for name, value in asdict(self.service.counters).items()]
        gauges = [f"# TYPE {name} gauge\n{name} {value}\n" for name, value in _read_gauges().items()]
        return PlainTextResponse("".join(lines + gauges))


def _read_gauges() -> dict[str, int]:
    """Memory and open files of this process, under the names of Prometheus's own clients; none where not on Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return {
            "process_resident_memory_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
            "process_open_fds": len(os.listdir("/proc/self/fd")),
        }
    except OSError:
        return {}
