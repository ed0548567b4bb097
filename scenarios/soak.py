"""One rate for hours or days, with pauses. `locust -f scenarios/soak.py --host URL --headless --duration 8h`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Soak(ArrivalUser):
    """`rate`, with `pauses` in which nothing is sent; what changes over the run is judged."""

    shape = "soak"
