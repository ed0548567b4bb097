"""Where answers of the common APIs have texts, reasons and counts, and which events of a stream a fault strikes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters

TEXT_FIELDS = frozenset({"content", "text", "response", "generated_text", "output_text"})
"""Fields with generated text in the APIs of OpenAI, Anthropic, Ollama and TGI."""

REASON_FIELDS = frozenset({"finish_reason", "stop_reason", "done_reason", "finishReason"})
"""Fields that say why a generation has ended."""

COUNT_FIELDS = re.compile(r"(?!max)\w*(_tokens|eval_count|TokenCount)")
"""Fields that count tokens."""


def find_names(names: Iterable[str]) -> re.Pattern[bytes]:
    """What JSON holds in which the name of a field ends with one of these patterns, or may be written with escapes."""
    return re.compile(rb'(?:%b)"|\\u' % "|".join(sorted(names)).encode())


def list_objects(value: Any) -> list[dict[str, Any]]:
    """Every object in a value, itself too, in any order."""
    objects, places = [], [value]
    while places:
        place = places.pop()
        if isinstance(place, dict):
            objects.append(place)
            places += place.values()
        elif isinstance(place, list):
            places += place
    return objects


def list_text_places(value: Any) -> list[tuple[dict[str, Any], str]]:
    """Each object and key with a generated text that is not empty."""
    places = [
        (place, key)
        for place in list_objects(value)
        for key, text in place.items()
        if key in TEXT_FIELDS and isinstance(text, str) and text
    ]
    if isinstance(value, dict) and value.get("type") == "response.output_text.delta":
        text = value.get("delta")
        places += [(value, "delta")] if isinstance(text, str) and text else []
    return places


@dataclass(frozen=True, slots=True)
class EventParameters(HttpParameters):
    """Which events of a stream are struck."""

    events: Annotated[int, Parameter("events that pass before it", high=1_000_000)] = 0
    every: Annotated[int, Parameter("events from one to the next that is struck; 0: only one", high=1_000_000)] = 0

    def strikes(self, index: int) -> bool:
        """Whether the event of this number, from 0, is struck."""
        after = index - self.events
        if after > 0 and self.every:
            return after % self.every == 0
        return after == 0
