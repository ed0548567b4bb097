"""The door compares the whole line with `Bearer KEY`: a scheme in other capitals is refused (RFC 9110 section 11.1)."""

from __future__ import annotations

from functools import partial

from detection.open_door import respell
from detection.switch import Defect


def _refuse_others(line: str) -> str:
    return line if line.startswith("Bearer ") else ""


DEFECT = Defect(
    title="the right key is refused after the word bearer in small letters",
    caught_by="ai-suite/smoke/test_credentials.py::test_legal_spellings",
    needs_key=True,
    outside=partial(respell, change=_refuse_others),
)
