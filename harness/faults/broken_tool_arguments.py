"""broken_tool_arguments: a call of a tool whose arguments are cut, and so are not JSON."""

from __future__ import annotations

from typing import Any

from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import find_names, list_objects

_FIELDS = frozenset({"arguments", "partial_json"})


class _BrokenToolArguments(AnswerChange[HttpParameters]):
    media = "text"
    fields = find_names((*_FIELDS, "input"))
    _is_cut = False

    def change_json(self, value: Any) -> bool:
        """Cut every text of arguments in half; in a stream, the first piece that has any, and drop those behind it."""
        has_changed = False
        for place in list_objects(value):
            for key in _FIELDS & place.keys():
                text = place[key]
                if isinstance(text, str) and text:
                    is_piece = self._is_cut and self.struck.find_media() == "stream"
                    place[key], has_changed = "" if is_piece else text[: len(text) // 2], True
                    self._is_cut = True
            if place.get("type") == "tool_use" and isinstance(place.get("input"), dict) and place["input"]:
                place["input"], has_changed = str(place["input"])[:-1], True
        return has_changed


FAULT = define_http_fault(
    "broken_tool_arguments", "the arguments of a call of a tool are cut", HttpParameters(), _BrokenToolArguments
)
