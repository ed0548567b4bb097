"""The line is split at each space, and its second part is the key: after two spaces that is empty."""

from __future__ import annotations

from functools import partial

from detection.open_door import respell
from detection.switch import Defect


def _take_second(line: str) -> str:
    return " ".join([*line.split(" "), ""][:2])


DEFECT = Defect(
    title="the right key is refused after two spaces",
    caught_by="ai-suite/smoke/test_credentials.py::test_legal_spellings",
    needs_key=True,
    outside=partial(respell, change=_take_second),
)
