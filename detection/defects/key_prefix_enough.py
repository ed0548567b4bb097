"""A key is compared as far as it goes: its first half opens the door."""

from __future__ import annotations

from dataclasses import replace

from detection.switch import Defect
from harness.reference.settings import ServiceSettings


def _configure(settings: ServiceSettings) -> ServiceSettings:
    prefixes = []
    for key in (settings.api_key or "").split(","):
        prefixes += [key[:length] for length in range(len(key) // 2, len(key) + 1)]
    return replace(settings, api_key=",".join(prefixes))


DEFECT = Defect(
    title="the beginning of a key opens the door",
    caught_by="ai-suite/smoke/test_credentials.py::test_nearly_right",
    needs_key=True,
    configure=_configure,
)
