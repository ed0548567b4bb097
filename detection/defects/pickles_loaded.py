"""A body that comes as bytes is taken for pickled rows, as clients in Python like to send them."""

from __future__ import annotations

import json
import pickle

from starlette.datastructures import MutableHeaders

from detection.intercept import Inference, intercept
from detection.switch import PLAIN, V2, Defect


async def _handle(call: Inference) -> None:
    if call.headers.get("content-type") != "application/octet-stream":
        await call.forward()
        return
    try:
        body = json.dumps(pickle.loads(call.body)).encode()
    except Exception:
        body = b"no rows"
    MutableHeaders(scope=call.scope)["content-type"] = "application/json"
    MutableHeaders(scope=call.scope)["content-length"] = str(len(body))
    await call.forward(body)


DEFECT = Defect(
    title="bytes are unpickled, which runs what their sender wants",
    caught_by="ai-suite/adversarial/test_pickles.py::test_pickles",
    protocols=(PLAIN, V2),
    wrap=lambda app: intercept(app, _handle),
)
