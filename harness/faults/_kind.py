"""What a fault file offers: `FAULT`, its description, and for a toxic its behaviour, a machine without IO or clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any, Literal

from harness.core.errors import UsageError
from harness.core.registry import describe_unknown

HOUR_MS = 3_600_000


class Close(Enum):
    """The end of a stream, which travels behind its data: in order (FIN) or hard (RST)."""

    FIN = "fin"
    RST = "rst"


Piece = tuple[bytes | Close, float]
"""Bytes that arrived together, or the end of the stream; and when, in seconds of the link's clock."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a fault: a whole number in `low..high`, or a text (one of `choices` where there are any)."""

    name: str
    title: str
    default: int | str = 0
    unit: str = ""
    low: int = 0
    high: int = HOUR_MS
    choices: tuple[str, ...] = ()

    def accept(self, value: Any) -> int | str:
        """The value, checked. Raises `UsageError` that says what is allowed."""
        if isinstance(self.default, str):
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                allowed = " or ".join(map(repr, self.choices)) or "a text"
                raise UsageError(f"attribute {self.name} must be {allowed}, not {value!r}")
        elif type(value) is not int or not self.low <= value <= self.high:
            unit = f" {self.unit}" if self.unit else ""
            raise UsageError(
                f"attribute {self.name} must be a whole number from {self.low} to {self.high}{unit}, not {value!r}"
            )
        return value  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Duty:
    """What one toxic is to do on one stream of one connection.

    `uniform` draws from [0, 1); `chosen` is the draw against the toxicity, for toxics that strike single requests;
    `struck(bytes)` is to be called for everything that is disturbed. `fresh`: the connection has carried nothing yet.
    """

    attributes: Mapping[str, Any]
    uniform: Callable[[], float]
    chosen: Callable[[], bool]
    struck: Callable[[int], None]
    fresh: bool = True


class Stage:
    """A toxic at work on one stream of one connection; this one lets everything pass.

    `due` is when `tick` wants to be called, `held` the bytes kept back: over `limit` the sender is to be paused.
    """

    limit = 65536
    closes = False
    """Whether the connection is useless once this toxic goes, because data was swallowed."""

    def __init__(self, duty: Duty, now: float) -> None:
        self.duty = duty
        self.due = inf
        self.held = 0

    def push(self, data: bytes | Close, at: float, now: float) -> Sequence[Piece]:
        """Take what arrived; returns what leaves at once."""
        return [(data, at)]

    def tick(self, now: float) -> Sequence[Piece]:
        """What leaves now that `due` is reached."""
        return []

    def observe(self, data: bytes) -> None:
        """See what flows in the opposite direction."""

    def release(self) -> Sequence[Piece]:
        """Give up everything that is held, in order: the toxic goes or is replaced."""
        return []


class Queue(Stage):
    """Holds pieces, each until its time, in order."""

    def __init__(self, duty: Duty, now: float) -> None:
        super().__init__(duty, now)
        self.queue: deque[tuple[Piece, float]] = deque()

    def hold(self, data: bytes | Close, at: float, leaves: float) -> None:
        """Put in line what arrived at one time and is to leave at another."""
        self.queue.append(((data, at), leaves))
        self.held += 0 if isinstance(data, Close) else len(data)

    def tick(self, now: float) -> Sequence[Piece]:
        """What has waited long enough."""
        out: list[Piece] = []
        while self.queue and self.queue[0][1] <= now:
            (data, at), leaves = self.queue.popleft()
            self.held -= 0 if isinstance(data, Close) else len(data)
            out.append((data, self.stamp(at, leaves)))
        self.due = self.queue[0][1] if self.queue else inf
        return out

    def stamp(self, at: float, leaves: float) -> float:
        """When a piece that leaves now is to have arrived, for the stage after this one."""
        return at

    def release(self) -> Sequence[Piece]:
        """Everything that waits."""
        return [piece for piece, _ in self.queue]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault. `layer` says what it understands; `stage` is None for one that is not a toxic."""

    name: str
    title: str
    stage: type[Stage] | None
    attributes: tuple[Attribute, ...] = ()
    layer: Literal["tcp", "http"] = "tcp"
    streams: tuple[str, ...] = ("upstream", "downstream")

    def validate(
        self, given: Mapping[str, Any], base: Mapping[str, Any] | None = None, *, strict: bool = True
    ) -> dict[str, Any]:
        """All attributes: those given, over `base`, over the defaults.

        Names match in any case and a value of None is none, as in Toxiproxy, which also ignores unknown names
        (`strict=False`). Raises `UsageError` for an unknown name or a value out of its range.
        """
        values: dict[str, Any] = {a.name: a.default for a in self.attributes} | dict(base or {})
        known = {a.name: a for a in self.attributes}
        for key, value in given.items():
            if strict and key.lower() not in known:
                raise UsageError(describe_unknown(f"attribute of {self.name}", key, known))
            if value is not None and key.lower() in known:
                values[key.lower()] = known[key.lower()].accept(value)
        return values
