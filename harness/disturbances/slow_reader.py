"""slow_reader: clients that ask, and then take their answers a few bytes at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Connections, hold_many, send_request

_BUFFER = 2048
"""Bytes that the kernel is asked to take unread: the smallest that Linux has."""


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    connections: Connections = 8
    size: Annotated[int, Parameter("bytes that are read at a time", unit="bytes", low=1, high=65_536)] = 16
    pause: Annotated[int, Parameter("silence before the next ones", unit="ms", low=10, high=60_000)] = 500


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    async def read_slowly(target: TargetService) -> None:
        async with target.connect(receive_buffer=_BUFFER) as connection:
            await send_request(connection, target)
            while data := await connection.receive(parameters.size):
                target.count("bytes read slowly", len(data))
                await asyncio.sleep(parameters.pause / 1000)

    await hold_many(target, parameters.connections, read_slowly)


FAULT = Disturbance(
    name="slow_reader",
    title="clients that read their answers a few bytes at a time",
    example=_Parameters(connections=8),
    stage=None,
    disturb=_disturb,
    proof=("bytes read slowly",),
    spares_others=True,
    count_requests=lambda parameters, _: parameters.connections / 2,
)
