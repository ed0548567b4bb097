"""What disturbances share: doing something at a rate, or many times at once, and reading answers.

Tested in tests/disturbances/test_every_disturbance.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from harness.core.disturbance import MOST_CONNECTIONS, PeerConnection, TargetService
from harness.core.fault import Parameter

Connections = Annotated[int, Parameter("connections at a time", low=1, high=MOST_CONNECTIONS)]
Rate = Annotated[int, Parameter("how many begin", unit="per second", low=1, high=MOST_CONNECTIONS)]

Act = Callable[[TargetService], Awaitable[None]]
"""What one client does, once. It may raise `OSError`: the service has ended its connection."""

_PAUSE, _CYCLE = 0.2, 0.1
"""Seconds before a client that was refused comes again, and from the begin of what a client does to its next begin."""


async def hold_many(target: TargetService, clients: int, act: Act) -> None:
    """Have so many clients at a time act, each of them again and again, up to ten times per second."""

    async def repeat() -> None:
        while True:
            begun = asyncio.get_running_loop().time()
            await _act_once(target, act)
            await asyncio.sleep(max(0.0, begun + _CYCLE - asyncio.get_running_loop().time()))

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(repeat())


async def act_at_rate(target: TargetService, rate: float, act: Act, most: int = MOST_CONNECTIONS) -> None:
    """Have a client act `rate` times per second on a schedule, with at most `most` of them at a time."""
    loop = asyncio.get_running_loop()
    due, running = loop.time(), set[asyncio.Task[None]]()
    async with asyncio.TaskGroup() as group:
        while True:
            if len(running) < most:
                task = group.create_task(_act_once(target, act))
                running.add(task)
                task.add_done_callback(running.discard)
            due = max(due + 1 / rate, loop.time() - 1)  # after a stall of ours the schedule is not caught up with
            await asyncio.sleep(max(0.0, due - loop.time()))


async def _act_once(target: TargetService, act: Act) -> None:
    try:
        await act(target)
    except OSError:
        target.count("connections that the service refused or ended")
        await asyncio.sleep(_PAUSE)


async def send_request(connection: PeerConnection, target: TargetService, *, words: int = 0) -> None:
    """Send the target's next request, whole. Raises as its methods."""
    head, body = target.encode_request(words=words)
    await connection.send(head + body)
    target.count("requests sent")


async def read_to_end(connection: PeerConnection, target: TargetService) -> None:
    """Read until the peer closes. Raises as its methods."""
    while data := await connection.receive():
        target.count("bytes read", len(data))


async def ask_whole(target: TargetService) -> None:
    """Ask and read the whole answer, as a client does that behaves. Raises as the target's methods."""
    async with target.connect() as connection:
        await send_request(connection, target)
        await read_to_end(connection, target)
        target.count("answers read")
