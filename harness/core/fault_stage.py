"""The stage of a fault: a machine without IO and without a clock, which disturbs one stream of one connection.

Tested in tests/faults/test_fault_conformance.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Any, Generic, TypeVar

_Parameters = TypeVar("_Parameters")


class Close(Enum):
    """The end of a stream, which travels behind its data: in order (FIN) or hard (RST)."""

    FIN = "fin"
    RST = "rst"


StreamChunk = tuple[bytes | Close, float]
"""Bytes that arrived together, or the end of the stream; and when, in seconds of the link's clock."""


def count_no_wait(is_early: bool) -> None:
    """What a stage calls where nobody counts who waits."""


@dataclass(frozen=True, slots=True)
class StageContext(Generic[_Parameters]):
    """What a stage needs for one stream of one connection.

    `draw_uniform` draws from [0, 1); `draw_request` decides by the toxicity whether a request is struck, for faults
    that strike single requests. `record_effect(size)` must be called with the number of bytes of everything that is
    delayed, changed or dropped (0 for an effect without bytes): it is the proof that the fault acts. `is_fresh`: the
    connection has carried nothing yet. `memory` is common to all streams that the fault disturbs. `record_wait(False)`
    is called for each request whose sender is asked to wait and can be known again, `record_wait(True)` when one comes
    again too early.
    """

    parameters: _Parameters
    draw_uniform: Callable[[], float]
    draw_request: Callable[[], bool]
    record_effect: Callable[[int], None]
    is_fresh: bool = True
    memory: dict[Any, Any] = field(default_factory=dict)
    record_wait: Callable[[bool], None] = count_no_wait


class Stage(Generic[_Parameters]):
    """A fault at work on one stream of one connection; this one lets everything pass.

    `due` is the time at which `tick` must be called. While `buffered`, the number of bytes kept back, is over
    `buffer_limit`, the sender is paused.
    """

    buffer_limit = 65536
    keeps_bytes = True
    """Whether the bytes that pass are those that came, or fewer."""
    swallows_data = False
    """Whether data is lost without the connection's end: the connection is then closed when the fault is lifted."""

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        self.context = context
        self.parameters = context.parameters
        self.due = inf
        self.buffered = 0

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Take data that arrived, or the end of the stream; returns what leaves at once.

        A stage ends the connection by returning a `Close`. Data may still be pushed after that; it is not delivered.
        """
        return [(data, arrived)]

    def tick(self, now: float) -> Sequence[StreamChunk]:
        """Returns what leaves when the time `due` is reached."""
        return []

    def observe(self, data: bytes) -> None:
        """See data of the opposite stream."""

    def inherit(self, old: Stage[Any]) -> None:
        """Take over what the stage has counted that this one replaces: the fault is changed on an open connection."""

    def release(self) -> Sequence[StreamChunk]:
        """Give up everything that is kept back, in order: the fault is lifted or changed."""
        return []


class QueueStage(Stage[_Parameters]):
    """Keeps each chunk until its time, in order."""

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self.queue: deque[tuple[StreamChunk, float]] = deque()

    def enqueue(self, data: bytes | Close, arrived: float, leaves: float) -> None:
        """Keep what arrived at one time until the time at which it leaves."""
        self.queue.append(((data, arrived), leaves))
        if not isinstance(data, Close):
            self.buffered += len(data)
        self.due = self.queue[0][1]

    def tick(self, now: float) -> Sequence[StreamChunk]:
        """Every chunk whose time has come."""
        chunks: list[StreamChunk] = []
        while self.queue and self.queue[0][1] <= now:
            (data, arrived), leaves = self.queue.popleft()
            self.buffered -= _count_bytes(data)
            chunks.append((data, self.stamp(arrived, leaves)))
        self.due = self.queue[0][1] if self.queue else inf
        return chunks

    def stamp(self, arrived: float, leaves: float) -> float:
        """The time of arrival that the next stage sees for a chunk that leaves now."""
        return arrived

    def release(self) -> Sequence[StreamChunk]:
        """Every chunk that waits."""
        return [chunk for chunk, _ in self.queue]


def _count_bytes(data: bytes | Close) -> int:
    return len(data) if isinstance(data, bytes) else 0
