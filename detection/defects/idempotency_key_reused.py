"""The key and the body together decide: another body under a used key is carried out, where 422 is due."""

from __future__ import annotations

import hashlib

from starlette.datastructures import MutableHeaders

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    headers = MutableHeaders(scope=call.scope)
    if key := headers.get("idempotency-key"):
        headers["idempotency-key"] = hashlib.sha256(key.encode("latin-1") + call.body).hexdigest()
    await call.forward()


DEFECT = Defect(
    title="another request under a used idempotency key is carried out",
    caught_by="ai-suite/integration/test_idempotency.py::test_reuse_refused",
    protocols=(CHAT,),
    promises={"idempotency": "Idempotency-Key"},
    outside=lambda app: intercept(app, _handle),
)
