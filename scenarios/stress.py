"""Too much for the service, and then a rate that it takes. `locust -f scenarios/stress.py --host URL --headless`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Stress(ArrivalUser):
    """`peak` for a while, then `rate` again: what is due `recovery` seconds after the peak or later is judged."""

    shape = "stress"
