"""long_prompts: bursts of long prompts, no two alike, which drive others out of the cache of keys and values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Connections, hold_many, read_to_end, send_request


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    connections: Connections = 4
    words: Annotated[int, Parameter("words of a prompt", low=1, high=1_000_000)] = 1000
    pause: Annotated[int, Parameter("silence after each answer", unit="ms", high=60_000)] = 100


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    async def ask(target: TargetService) -> None:
        async with target.connect() as connection:
            await send_request(connection, target, words=parameters.words)
            target.count("long prompts sent")
            await read_to_end(connection, target)
            target.count("long prompts answered")
        await asyncio.sleep(parameters.pause / 1000)

    await hold_many(target, parameters.connections, ask)


FAULT = Disturbance(
    name="long_prompts",
    title="long prompts, no two alike: a cache of prefixes, or of keys and values, thrashes",
    example=_Parameters(connections=4),
    stage=None,
    disturb=_disturb,
    proof=("long prompts sent",),
    needs_prompt=True,
    count_requests=lambda parameters, _: parameters.connections * 10,
)
