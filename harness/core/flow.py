"""Flow: what the order and the times of the answers of a load show of how the service queues.

Plain data that can be written as JSON. Tested in tests/load/test_flow.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LevelCount:
    """The time in which `low` to `high` requests were in flight, in seconds, and how many ended meanwhile."""

    low: int
    high: int
    seconds: float
    ended: int


@dataclass(frozen=True, slots=True)
class Flow:
    """How `n` requests flowed through the service.

    `passed_over` of them waited while many later ones of their size were answered, the worst while `most_passed`
    were. In `silences` nobody was served although several waited; `after_large` of these ended with the answer to a
    large one, and `large` is the share of the requests that are. `levels` are the rates by requests in flight.
    `halfway` and `at_end` are the requests in flight in the middle and at the end of the schedule, `refused` those
    that were declined with 429 or 503.
    """

    n: int = 0
    passed_over: int = 0
    most_passed: int = 0
    silences: int = 0
    silent_seconds: float = 0.0
    after_large: int = 0
    large: float = 0.0
    levels: tuple[LevelCount, ...] = ()
    halfway: int = 0
    at_end: int = 0
    answers_per_second: float = 0.0
    refused: int = 0
