"""Every refusal has status 200 with the error inside (TorchServe #1329), so that no client notices it by the status."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect


def _pass_off(start: Message, headers: MutableHeaders) -> None:
    if start["status"] >= 400:
        start["status"] = 200


DEFECT = Defect(
    title="refusals have status 200 with an error inside",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_survives",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=lambda app: change_heads(app, _pass_off),
)
