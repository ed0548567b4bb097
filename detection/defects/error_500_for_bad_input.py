"""Every mistake of the client is reported as one of the server, so that clients and gateways repeat it in vain."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from detection.change_request import change_heads
from detection.switch import Defect

_OF_THE_CLIENT = (400, 404, 408, 413, 415, 422)


def _blame(start: Message, headers: MutableHeaders) -> None:
    if start["status"] in _OF_THE_CLIENT:
        start["status"] = 500


DEFECT = Defect(
    title="bad requests are answered 500",
    caught_by="ai-suite/integration/test_bad_inputs.py::test_refused",
    wrap=lambda app: change_heads(app, _blame),
)
