"""A rate that rises or falls in a straight line. `locust -f scenarios/ramp.py --host URL --headless`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Ramp(ArrivalUser):
    """From `from_rate` to `rate` within the duration."""

    shape = "ramp"
