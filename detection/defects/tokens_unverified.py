"""A token of three parts is taken for one of the company's, and neither its signature nor its end is looked at."""

from __future__ import annotations

from functools import partial

from detection.open_door import add_guest, admit
from detection.switch import Defect


def _has_three_parts(line: str) -> bool:
    return line.count(".") == 2


DEFECT = Defect(
    title="a token that has ended, or that nobody signed, opens the door",
    caught_by="ai-suite/adversarial/test_security.py::test_disguised_keys",
    needs_key=True,
    configure=add_guest,
    outside=partial(admit, shows_guest=_has_three_parts),
)
