"""half_open: clients that vanish in the middle without ending their connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Connections, hold_many, send_request


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    connections: Connections = 8
    during: Annotated[
        Literal["request", "answer"], Parameter("when they vanish: half of the request sent, or the answer begun")
    ] = "answer"


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    async def vanish(target: TargetService) -> None:
        async with target.connect(receive_buffer=2048) as connection:
            if parameters.during == "request":
                head, body = target.encode_request()
                await connection.send(head + body[: len(body) // 2])
            else:
                await send_request(connection, target)
                await connection.receive(1)
            target.count("clients vanished")
            await asyncio.sleep(target.seconds)  # the lift resets what is still open

    await hold_many(target, parameters.connections, vanish)


FAULT = Disturbance(
    name="half_open",
    title="clients that vanish: they neither read, nor send, nor close, and are reset at the end",
    example=_Parameters(connections=8),
    stage=None,
    disturb=_disturb,
    proof=("clients vanished",),
    spares_others=True,
    count_requests=lambda parameters, _: parameters.connections,
)
