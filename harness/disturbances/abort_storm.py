"""abort_storm: clients that end the connection after some events of a streamed answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Rate, act_at_rate, send_request


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    rate: Rate = 5
    events: Annotated[int, Parameter("events of a stream that come before; other answers: none", high=100_000)] = 2


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    async def abort(target: TargetService) -> None:
        async with target.connect() as connection:
            await send_request(connection, target)
            begin = await connection.receive(4096)
            events = begin.count(b"data:")
            while events < parameters.events and b"text/event-stream" in begin.lower():
                if not (data := await connection.receive(4096)):
                    target.count("answers that ended before")
                    return
                events += data.count(b"data:")
            target.count("answers aborted" if begin else "answers that did not begin")
            connection.reset()

    await act_at_rate(target, parameters.rate, abort)


FAULT = Disturbance(
    name="abort_storm",
    title="clients that reset their connections after some events of their answers",
    example=_Parameters(rate=5),
    stage=None,
    disturb=_disturb,
    proof=("answers aborted",),
    spares_others=True,
    count_requests=lambda parameters, _: parameters.rate,
)
