"""A door that takes more for a key than the right one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from harness.reference.settings import ServiceSettings

_NAME = "authorization"
_KEY = "of-whoever-is-let-in"


def add_guest(settings: ServiceSettings) -> ServiceSettings:
    """The settings with a key for those whom the door lets in besides."""
    return replace(settings, api_key=f"{settings.api_key},{_KEY}")


def admit(app: ASGIApp, shows_guest: Callable[[str], bool]) -> ASGIApp:
    """Let a request in whose line `Authorization` (without it: empty) is one of a guest."""
    return respell(app, lambda line: f"Bearer {_KEY}" if shows_guest(line) else line)


def respell(app: ASGIApp, change: Callable[[str], str]) -> ASGIApp:
    """Read another line `Authorization` than the one that came."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (line := Headers(scope=scope).get(_NAME)) is not None:
            MutableHeaders(scope=scope)[_NAME] = change(line)
        await app(scope, receive, send)

    return around
