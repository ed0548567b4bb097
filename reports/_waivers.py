"""The waivers of a run with their state, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.waiver import is_used

_WORDS = ((True, "active: "), (False, "expired: "))


@dataclass(frozen=True, slots=True)
class WaiverLine:
    """One waiver; `tone` is the class of its state on a page: alert where it has ended or lets something through."""

    state: str
    tone: str
    check: str
    reason: str
    owner: str
    expires: str


def list_waiver_lines(waivers: Sequence[Mapping[str, Any]]) -> list[WaiverLine]:
    """A line for each waiver; what it does not state is a dash."""
    lines = []
    for waiver in waivers:
        fields = [_read_field(waiver, name) for name in ("check", "reason", "owner", "expires")]
        state = _read_field(waiver, "state")
        word = next((text for value, text in _WORDS if waiver.get("in_force") is value), "")
        tone = "alert" if is_used(waiver) or waiver.get("in_force") is False else "muted"
        lines.append(WaiverLine(word + state, tone, *fields))
    return lines


def _read_field(waiver: Mapping[str, Any], name: str) -> str:
    value = waiver.get(name)
    return "–" if value in (None, "") else str(value)
