"""A request whose answer is long, so that clients can leave in its middle and others can disturb it.

Tested in tests/suites/integration/test_disconnect.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.core.errors import TIMEOUT_ERRORS
from harness.core.exchange import Exchange, Query
from harness.suite import Session

from .generated_text import make_query

SLOW = 0.5
"""Seconds of a short answer from which on a service is slow."""
LONG_TOKENS, _SLOW_TOKENS, _LEAST_TOKENS = 400, 128, 64
"""The limit of a long answer, that of a slow service, and that of one that refuses larger ones."""
_LONG_PROMPTS = (
    "Count from 1 to 900 in full, one number after the other, and leave none out.\nCount.",
    "Write a long story of a thousand words about a ship, a storm and an island.",
    "Repeat after me: " + " ".join(map(str, range(101, 401))),
)
"""Prompts for long answers; the first that is answered at length is used."""
LONG_EVENTS = 100
"""Events of a long answer: more than a usual queue between an engine and its client holds."""
LONG_PROBES = 2 * len(_LONG_PROMPTS)
"""The most requests by which a long answer is looked for."""


@dataclass(frozen=True, slots=True)
class LongAnswer:
    """A request whose answer is long; None: the service generates no text.

    `events` are those that its stream has at least; 0: not known. `probes` are the streams that clients left meanwhile.
    """

    query: Query | None
    events: int = 0
    probes: Sequence[Exchange] = ()


def find_long_answer(ai_client: Session, seconds: float) -> LongAnswer:
    """The first long answer whose stream has `LONG_EVENTS` events, or the one with the most.

    `seconds` is what a short answer takes.
    """
    if not ai_client.capabilities.generates:
        return LongAnswer(None)
    limit = LONG_TOKENS if seconds < SLOW else _SLOW_TOKENS
    queries = [make_query(ai_client, limit, prompt) for prompt in _LONG_PROMPTS]
    if not ai_client.capabilities.streaming:
        return LongAnswer(queries[0])
    events: list[int] = []
    probes: list[Exchange] = []
    for number, prompt in enumerate(_LONG_PROMPTS):
        probe = ai_client.leave(replace(queries[number], stream=True), events=LONG_EVENTS)
        if probe.status is not None and 400 <= probe.status < 500:
            queries[number] = make_query(ai_client, _LEAST_TOKENS, prompt)
            probe = ai_client.leave(replace(queries[number], stream=True), events=LONG_EVENTS)
        probes.append(probe)
        events.append(len(probe.timing.tokens))
        if events[-1] >= LONG_EVENTS or probe.error in TIMEOUT_ERRORS:
            break
    return LongAnswer(queries[events.index(max(events))], max(events), probes)
