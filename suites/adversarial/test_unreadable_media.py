"""Media that nobody can read, in a request: refused as the client's mistake, and survived."""

from __future__ import annotations

from harness.checks.bad_input.outcomes import BadInputTrial, judge_bad_input_refusals, judge_bad_inputs
from harness.checks.bad_input.unreadable_media import MOST_REFERENCES, list_unreadable_media
from harness.checks.control import Control
from harness.core.mutation import ACCEPT_BAD_INPUT, CRASH_ON_BAD_INPUT
from harness.core.verdict import make_skipped
from harness.suite import Session, Verdict, check, once

from .trials import HARM_CONTROLS, HARM_COST, try_until_harmed

_REQUESTS = HARM_CONTROLS + HARM_COST * MOST_REFERENCES
_NO_MEDIA = "requests of this protocol refer to no media"


@once
def _try_media(ai_client: Session) -> tuple[Control, list[BadInputTrial]] | None:
    requests = list_unreadable_media(ai_client.request())
    return try_until_harmed(ai_client, requests) if requests else None


@check(
    "media that nobody can read are survived",
    needs=("generates",),
    grounds=("http",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
    broken_by=(CRASH_ON_BAD_INPUT,),
)
def test_survived(ai_client: Session) -> Verdict:
    tried = _try_media(ai_client)
    return judge_bad_inputs(*tried, ai_client.show) if tried else make_skipped(_NO_MEDIA)


@check(
    "media that nobody can read are refused with a clear 4xx",
    level="warn",
    needs=("generates",),
    grounds=("http",),
    requests=0,
    broken_by=(ACCEPT_BAD_INPUT, CRASH_ON_BAD_INPUT),
)
def test_refused(ai_client: Session) -> Verdict:
    tried = _try_media(ai_client)
    return judge_bad_input_refusals(*tried, ai_client.show) if tried else make_skipped(_NO_MEDIA)
