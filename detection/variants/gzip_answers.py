"""Answers are packed for clients that say they can unpack them."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from detection.switch import Variant


def _wrap(app: ASGIApp) -> ASGIApp:
    return GZipMiddleware(app, minimum_size=1)


VARIANT = Variant(name="gzip_answers", title="answers are gzip for clients that accept it", wrap=_wrap)
