"""Steady load: one rate from beginning to end. `locust -f scenarios/steady.py --host URL --headless`."""

from __future__ import annotations

from harness.scenarios._openloop import ArrivalUser  # type: ignore[import-not-found]


class Steady(ArrivalUser):  # type: ignore[misc]
    """Sends the configured sample at a constant rate, or as a Poisson process."""
