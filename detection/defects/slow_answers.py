"""Every inference takes a second: more than the ceiling that is promised."""

from __future__ import annotations

from dataclasses import replace

from detection.switch import Defect

DEFECT = Defect(
    title="every inference takes 1 s, where 0.5 s is the promised ceiling",
    caught_by="ai-suite/smoke/test_answer.py::test_latency",
    promises={"latency_ceiling": 0.5},
    configure=lambda settings: replace(settings, latency_ms=1000.0),
)
