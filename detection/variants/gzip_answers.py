"""Answers are packed for clients that say they can unpack them."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware

from detection.switch import Variant

VARIANT = Variant(
    title="answers are gzip for clients that accept it",
    wrap=lambda app: GZipMiddleware(app, minimum_size=1),
)
