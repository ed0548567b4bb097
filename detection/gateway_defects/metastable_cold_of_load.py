"""As `metastable_cold`, pushed over by a pulse of load."""

from __future__ import annotations

from dataclasses import replace

from detection.gateway_defects import metastable_cold

DEFECT = replace(
    metastable_cold.DEFECT,
    title="what makes the gateway fast is kept by answers in time alone: after a pulse of load none is",
    experiment="load_pulse",
)
