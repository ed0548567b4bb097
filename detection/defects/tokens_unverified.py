"""A token of three parts is taken for one of the company's, and neither its signature nor its end is looked at."""

from __future__ import annotations

from dataclasses import replace

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.switch import Defect
from harness.reference.settings import ServiceSettings

_KEY = "of-whoever-has-a-token"


def _configure(settings: ServiceSettings) -> ServiceSettings:
    return replace(settings, api_key=f"{settings.api_key},{_KEY}")


def _outside(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Headers(scope=scope).get("authorization", "").count(".") == 2:
            MutableHeaders(scope=scope)["authorization"] = f"Bearer {_KEY}"
        await app(scope, receive, send)

    return around


DEFECT = Defect(
    name="tokens_unverified",
    title="a token that has ended, or that nobody signed, opens the door",
    caught_by="ai-suite/adversarial/test_security.py::test_disguised_keys",
    needs_key=True,
    configure=_configure,
    outside=_outside,
)
