"""Keys are stored and compared in small letters."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from detection.open_door import respell
from detection.switch import Defect
from harness.reference.settings import ServiceSettings


def _configure(settings: ServiceSettings) -> ServiceSettings:
    return replace(settings, api_key=(settings.api_key or "").lower())


def _lower_key(line: str) -> str:
    scheme, _, key = line.partition(" ")
    return f"{scheme} {key.lower()}"


DEFECT = Defect(
    title="a key opens the door in capitals and in small letters",
    caught_by="ai-suite/smoke/test_credentials.py::test_nearly_right",
    needs_key=True,
    configure=_configure,
    outside=partial(respell, change=_lower_key),
)
