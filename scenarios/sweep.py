"""Loads at one rate after another until the capacity is known. `locust -f scenarios/sweep.py --host URL --headless`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Sweep(ArrivalUser):
    """The suite capacity takes over: it makes each load by locust again, with the options given here."""

    shape = "sweep"
