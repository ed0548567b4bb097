"""oversized_requests: requests whose head or body is far beyond what services take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.disturbance import Disturbance, TargetService
from harness.core.fault import FaultParameters, Parameter
from harness.disturbances._pace import Rate, act_at_rate, read_to_end

_PIECE = b"a" * 65_536


@dataclass(frozen=True, slots=True)
class _Parameters(FaultParameters):
    rate: Rate = 2
    part: Annotated[Literal["head", "body"], Parameter("what is too large: a header line, or the body")] = "head"
    size: Annotated[int, Parameter("how large it is", unit="KiB", low=64, high=65_536)] = 1024


async def _disturb(target: TargetService, parameters: _Parameters) -> None:
    async def send_much(target: TargetService) -> None:
        head, body = target.encode_request()
        size = parameters.size * 1024
        async with target.connect() as connection:
            target.count("oversized requests begun")
            if parameters.part == "head":
                await connection.send(head[:-2] + b"X-Large: ")
            else:
                length = f"Content-Length: {len(body)}".encode()
                await connection.send(head.replace(length, f"Content-Length: {len(body) + size}".encode()) + body)
            for _ in range(size // len(_PIECE)):
                await connection.send(_PIECE)
                target.count("KiB sent", len(_PIECE) // 1024)
            await connection.send(b"\r\n\r\n" if parameters.part == "head" else b"")
            await read_to_end(connection, target)

    await act_at_rate(target, parameters.rate, send_much, most=8)


FAULT = Disturbance(
    name="oversized_requests",
    title="requests with a header line, or a body, that is far too large",
    example=_Parameters(rate=2),
    stage=None,
    disturb=_disturb,
    proof=("oversized requests begun",),
    count_requests=lambda parameters, _: parameters.rate,
)
