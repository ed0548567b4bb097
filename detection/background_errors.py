"""Background errors: a share of all inferences, whatever they ask, is answered with 503, as on a busy service."""

from __future__ import annotations

import os
import random

from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import is_inference
from detection.switch import Variant
from harness.reference.api_error import ApiError, make_error_response

SEED_VARIABLE = "AIHARNESS_NOISE_SEED"
"""The environment variable with the seed of the errors; without it every start has others."""


def make_error_variant(share: float) -> Variant:
    """A healthy service of which this share of inferences fails."""

    def wrap(app: ASGIApp) -> ASGIApp:
        chance = random.Random(os.environ.get(SEED_VARIABLE))
        refusal = ApiError(503, "the upstream service did not answer", "upstream_unavailable")

        async def around(scope: Scope, receive: Receive, send: Send) -> None:
            if is_inference(scope) and chance.random() < share:
                await make_error_response(scope["path"], refusal)(scope, receive, send)
                return
            await app(scope, receive, send)

        return around

    return Variant(title=f"{share:.1%} of all inferences are answered with 503", wrap=wrap)
