"""slowloris: clients that send their requests so slowly that they never end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Connections, hold_many


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    connections: Connections = 8
    part: Annotated[Literal["head", "body"], Parameter("which part of the request never ends")] = "head"
    pause: Annotated[int, Parameter("silence before each further byte", unit="ms", low=10, high=60_000)] = 500


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    async def drip(target: TargetService) -> None:
        head, body = target.encode_request()
        ready = head[:-2] if parameters.part == "head" else head + body[: len(body) // 2]
        rest = b"X-Slow: " + b"a" * 1000 if parameters.part == "head" else body[len(body) // 2 : -1]
        async with target.connect() as connection:
            await connection.send(ready)
            target.count("requests held open")
            for byte in rest:
                await asyncio.sleep(parameters.pause / 1000)
                await connection.send(bytes([byte]))
                target.count("bytes dripped")
            await asyncio.sleep(target.seconds)

    await hold_many(target, parameters.connections, drip)


FAULT = Disturbance(
    name="slowloris",
    title="clients that send their requests a byte at a time, and never to the end",
    example=_Parameters(connections=8),
    stage=None,
    disturb=_disturb,
    proof=("requests held open",),
    spares_others=True,
    count_requests=lambda parameters, _: parameters.connections,
)
