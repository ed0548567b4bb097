"""Where answers of the common APIs have texts, reasons and counts, and which events of a stream a fault strikes."""

from __future__ import annotations

import re
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
    places = [(place, key) for place in list_objects(value) for key in TEXT_FIELDS & place.keys()]
    if isinstance(value, dict) and value.get("type") == "response.output_text.delta":
        places.append((value, "delta"))
    return [(place, key) for place, key in places if isinstance(place.get(key), str) and place[key]]


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
