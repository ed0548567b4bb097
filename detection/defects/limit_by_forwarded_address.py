"""Requests are counted by the address that a header line states, which every client may write itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from starlette.types import ASGIApp

from detection.intercept import Inference, intercept
from detection.switch import Defect
from harness.reference.api_error import ApiError, make_error_response
from harness.reference.rate_limit import RateLimit
from harness.reference.settings import ServiceSettings

_MOST = 40


def _configure(settings: ServiceSettings) -> ServiceSettings:
    return replace(settings, rate_limit=None)


def _wrap(app: ASGIApp) -> ASGIApp:
    limits: dict[str, RateLimit] = defaultdict(lambda: RateLimit(_MOST))

    async def handle(call: Inference) -> None:
        seconds = limits[call.headers.get("x-forwarded-for", "")].admit()
        if not seconds:
            await call.forward()
            return
        message = f"at most {_MOST} requests a minute; try again in {seconds} s"
        refusal = ApiError(429, message, "rate_limit_exceeded", headers={"retry-after": str(seconds)})
        await make_error_response(call.path, refusal)(call.scope, call.receive, call.send)

    return intercept(app, handle)


DEFECT = Defect(
    title="the rate limit is evaded by stating another address",
    caught_by="ai-suite/adversarial/test_rate_evasion.py::test_rate_evasion",
    promises={"rate_limit": _MOST},
    configure=_configure,
    wrap=_wrap,
)
