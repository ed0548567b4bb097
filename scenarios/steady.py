"""Steady load: one rate from beginning to end. `locust -f scenarios/steady.py --host URL --headless`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Steady(ArrivalUser):
    """Sends the configured sample at a constant rate, or as a Poisson process."""
