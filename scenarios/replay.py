"""The times of a trace. `locust -f scenarios/replay.py --host URL --headless`."""

from __future__ import annotations

from harness.load.child.open_loop import ArrivalUser


class Replay(ArrivalUser):
    """A request at each timestamp of the trace `dataset`, as far as the duration goes."""

    shape = "replay"
