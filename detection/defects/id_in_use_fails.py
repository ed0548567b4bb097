"""Requests under way are kept by their id, and a second one with the same id makes the engine fail."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect

_OVERLAP_S = 0.03


def _outside(app: ASGIApp) -> ASGIApp:
    under_way: set[str] = set()

    async def handle(call: Inference) -> None:
        id_ = call.headers.get("x-request-id", "")
        if id_ and id_ in under_way:
            await call.answer(JSONResponse({"error": {"message": f"request {id_} already exists"}}, 500))
            return
        under_way.add(id_)
        await asyncio.sleep(_OVERLAP_S)
        try:
            await call.forward()
        finally:
            under_way.remove(id_)

    return intercept(app, handle)


DEFECT = Defect(
    title="a request fails while another one with its id is under way",
    caught_by="ai-suite/integration/test_ids.py::test_same_request_id",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    outside=_outside,
)
