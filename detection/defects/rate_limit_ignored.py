"""A limit is announced, and nobody is ever declined."""

from __future__ import annotations

from dataclasses import replace

from detection.switch import Defect

DEFECT = Defect(
    title="a rate limit is promised and never applied",
    caught_by="ai-suite/integration/test_rate_limit.py::test_declined",
    promises={"rate_limit": 40},
    configure=lambda settings: replace(settings, rate_limit=None),
)
