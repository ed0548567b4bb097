"""Several rates that last equally long. `locust -f scenarios/steps.py --host URL --headless`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Steps(ArrivalUser):
    """The rates of `steps`, one after the other."""

    shape = "steps"
