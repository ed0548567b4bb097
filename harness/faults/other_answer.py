"""other_answer: an answer of the same form with other numbers and texts, as of another model or replica."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Annotated, Any, Literal

from harness.core.fault import Parameter
from harness.core.http_request import HttpParameters
from harness.core.json_path import list_leaves, map_leaves
from harness.faults._answer_change import AnswerChange, StruckRequest
from harness.faults._http_stage import define_http_fault
from harness.faults._shapes import list_objects, list_text_places


@dataclass(frozen=True, slots=True)
class _Parameters(HttpParameters):
    form: Annotated[
        Literal["same", "drift", "escaped"],
        Parameter(
            "`same`: one change of all answers; `drift`: each answer changes more; `escaped`: the texts stay, but for "
            "backslashes and marks of HTML, which are escaped once more"
        ),
    ] = "same"
    add: Annotated[str, Parameter("a text that is added to each generated text, which stays otherwise")] = ""
    media_type: Annotated[
        Literal["text", "json", "stream"], Parameter("answers: whole ones (`json`), streams, or both (`text`)")
    ] = "text"


class _OtherAnswer(AnswerChange[_Parameters]):
    media = "text"
    fields = re.compile(rb"[\[:]\s*[-\"0-9]")

    def __init__(self, struck: StruckRequest[_Parameters]) -> None:
        super().__init__(struck)
        self._step = 1
        if self.parameters.form == "drift":
            self._step = struck.memory["step"] = struck.memory.get("step", 0) + 1

    def change_json(self, value: Any) -> bool:
        """Change every generated text and every list of numbers, within the bounds in which the numbers are."""
        if self.parameters.media_type not in ("text", self.struck.find_media()):
            return False
        places = list_text_places(value)
        if self.parameters.form == "escaped":
            before = [place[key] for place, key in places]
            for place, key in places:
                place[key] = escape(place[key].replace("\\", "\\\\"), quote=False)
            return before != [place[key] for place, key in places]
        for place, key in places:
            added = self.parameters.add
            place[key] = place[key] + added if added else _change_text(place[key], self._step)
        has_changed = bool(places)
        if self.parameters.add:
            return has_changed
        for place in list_objects(value):
            for key, child in place.items():
                if key != "shape" and isinstance(child, list) and (changed := _change_numbers(child, self._step)):
                    place[key], has_changed = changed, True
        return has_changed


def _change_text(text: str, step: int) -> str:
    """Letters and digits moved on in their order, which keeps the length of the text and its words apart."""
    return "".join(_move(character, step) for character in text)


def _move(character: str, step: int) -> str:
    for row in (ascii_lowercase, ascii_uppercase, digits):
        if character in row:
            return row[(row.index(character) + step) % len(row)]
    return character


def _change_numbers(numbers: list[Any], step: int) -> list[Any] | None:
    """The numbers reversed and turned, so that sums and bounds stay; None for a list of other things.

    A list of equal numbers gets others: whole ones are one more, of others a part is taken.
    """
    leaves = list_leaves(numbers)
    if not leaves or not all(type(leaf) in (int, float) for leaf in leaves):
        return None
    turned = leaves[::-1]
    turned = turned[step % len(turned) :] + turned[: step % len(turned)]
    if turned == leaves:
        turned = [leaf + step if type(leaf) is int else leaf * (1 - step / (step + 7)) for leaf in leaves]
    rest = iter(turned)
    return list(map_leaves(numbers, lambda _: next(rest)))


FAULT = define_http_fault(
    "other_answer", "answers of the same form with other numbers and texts", _Parameters(), _OtherAnswer
)
