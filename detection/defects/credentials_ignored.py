"""A key is configured, and anything passes for it: the check was never wired in."""

from __future__ import annotations

from dataclasses import replace

from detection.switch import Defect
from harness.reference.settings import ServiceSettings


def _configure(settings: ServiceSettings) -> ServiceSettings:
    return replace(settings, api_key=None)


DEFECT = Defect(
    title="a key is configured, but any key or none is accepted",
    caught_by="ai-suite/smoke/test_credentials.py::test_enforced[wrong]",
    needs_key=True,
    configure=_configure,
)
