"""A seeded defect of the gateway: a `Hardened` that handles a disturbed backend wrong, and what must see it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.reference.breaker import Breaker, Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.upstream import Limits, Upstream

_STREAMS = re.compile(rb'"stream":\s*true')


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDefect:
    """One way in which the gateway is wrong on purpose; a file in `detection/gateway_defects/` offers it as `DEFECT`.

    `title` is one line for people, `name` its file's (`load_gateway_defect` sets it), `gateway` the class that takes
    the place of `Hardened`. It shows in the file `experiment` of `detection/experiments/`, where the check `caught_by`
    (the beginning of its id) must end with `status`, and its reason holds `words`. `kills`: a replica that is asked to
    end is killed.
    """

    title: str
    gateway: type[Hardened]
    experiment: str
    caught_by: str
    words: str
    status: str = "FAIL"
    kills: bool = False
    name: str = ""


INTACT, RECOVERS, OBJECTIVE, PULSE, SHEDS, DRAINS, OTHERS, ABANDONED, WAITS = (
    f"ai-suite/chaos/test_faults.py::{check}"
    for check in (
        *("test_intact", "test_recovers", "test_objective", "test_survives_pulse", "test_sheds", "test_drains"),
        *("test_others_served", "test_abandoned_work_ends", "test_retries_wait"),
    )
)


def is_stream_call(call: UpstreamCall) -> bool:
    """Whether a request asks for a stream."""
    return _STREAMS.search(call.body) is not None


class _BlindBreaker(Breaker):
    """Never opens."""

    def strike(self, failure: Failure) -> None:
        """Note the reason alone."""
        self.last_reason = failure.reason


class RoundRobin(Hardened):
    """Asks the upstreams in turn whatever state they are in; `repeats`: with a second attempt at the next one."""

    repeats: ClassVar[bool] = False

    def __init__(self, urls: list[str], limits: Limits | None = None) -> None:
        super().__init__(urls, limits)
        self._turn = 0
        for upstream in self.upstreams:
            upstream.breaker = _BlindBreaker()

    def _order_upstreams(self) -> list[Upstream]:
        self._turn += 1
        count = len(self.upstreams)
        first, second = self.upstreams[self._turn % count], self.upstreams[(self._turn + 1) % count]
        return [first, second] if self.repeats else [first]


class RestChanging(Hardened):
    """Passes streams through `change_rest`."""

    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        upstream, answer = await super()._ask_upstreams(call)
        if answer.rest is not None:
            answer = replace(answer, rest=self.change_rest(call, answer, answer.rest))
        return upstream, answer

    def change_rest(
        self, call: UpstreamCall, answer: UpstreamAnswer, rest: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """The later parts of a stream, of which the client has `answer.body` already."""
        raise NotImplementedError


class FailingOver(RestChanging):
    """Asks again when a stream breaks, and goes on with the new answer `offset` events after the last delivered one.

    0 would be right. `from_start`: the new answer is delivered from its beginning.
    """

    offset: ClassVar[int] = 0
    from_start: ClassVar[bool] = False

    async def change_rest(
        self, call: UpstreamCall, answer: UpstreamAnswer, rest: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """The rest, and where it breaks, that of the answer of another attempt."""
        delivered = answer.body.count(b"\n\n")
        try:
            async for events in rest:
                delivered += events.count(b"\n\n")
                yield events
        except Failure:
            skipped = 0 if self.from_start else delivered + self.offset
            async for event in self._repeat(call):
                if skipped <= 0:
                    yield event
                skipped -= 1

    async def _repeat(self, call: UpstreamCall) -> AsyncIterator[bytes]:
        """The single events of a new answer."""
        _, again = await Hardened._ask_upstreams(self, call)
        try:
            for event in again.body.split(b"\n\n")[:-1]:
                yield event + b"\n\n"
            if again.rest is not None:
                async for events in again.rest:
                    for event in events.split(b"\n\n")[:-1]:
                        yield event + b"\n\n"
        finally:
            await again.close()
