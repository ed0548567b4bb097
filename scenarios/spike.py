"""A steady rate with one peak. `locust -f scenarios/spike.py --host URL --headless`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Spike(ArrivalUser):
    """`rate`, but `peak` for `peak_for` seconds from `peak_at` on; all of it is judged."""

    shape = "spike"
