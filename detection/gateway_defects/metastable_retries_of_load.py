"""As `metastable_retries`, pushed over by a pulse of load."""

from __future__ import annotations

from dataclasses import replace

from detection.gateway_defects import metastable_retries

DEFECT = replace(
    metastable_retries.DEFECT,
    title="attempts that are late are repeated while their work goes on: a pulse of load never ends",
    experiment="load_pulse",
)
