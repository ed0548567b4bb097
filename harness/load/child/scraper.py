"""Reads the service's own page of metrics while a soak goes on, over a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import gevent

from harness.core.load import Job
from harness.io.metrics_page import MOST_PAGE_BYTES, parse_gauges
from harness.io.raw import encode_request
from harness.io.response_reader import Caps
from harness.load.child.slow_sender import create_sender
from harness.run.gauges import find_metrics_page

_SCRAPES, _LONGEST, _SHORTEST = 240, 15.0, 0.1
"""How often a soak reads the page, and the most and the fewest seconds between two looks."""


class Scraper:
    """Calls `take` with the gauges of each look, until it is stopped. A page that cannot be read is left out."""

    def __init__(self, job: Job, take: Callable[[Mapping[str, float]], None]) -> None:
        self._job, self._take = job, take
        self._interval = min(_LONGEST, max(_SHORTEST, job.load.duration / _SCRAPES))
        page, self._request = find_metrics_page(job.endpoint, job.load)
        self._sender = create_sender(page, job.started, Caps(body_bytes=MOST_PAGE_BYTES))
        self._encoded = b"".join(encode_request(page, self._request, "identity"))
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Read no more; further calls do nothing."""
        self._greenlet.kill(block=False)
        self._sender.close()

    def _run(self) -> None:
        while True:
            response = self._sender.fetch(self._request, self._encoded).response
            if response is not None and response.status == 200:
                gauges = parse_gauges(response.body)
                if gauges:
                    self._take(gauges)
            gevent.sleep(self._interval)
