"""What a load shows to a Prometheus server while it runs: a page on loopback, on a port that the user names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from harness.core.errors import UsageError
from harness.core.metric import LOAD_TIMES
from harness.load.counts import WorkerCounts
from harness.stats.histogram import GAMMA, Histogram

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of the buckets, in seconds."""


class PrometheusPage:
    """Serves the counts that `read` returns, until it is stopped. Raises `UsageError` for a port that is taken."""

    def __init__(self, port: int, read: Callable[[], WorkerCounts]) -> None:
        registry = CollectorRegistry()
        registry.register(_LoadCollector(read))
        self._server = WSGIServer(("127.0.0.1", port), make_wsgi_app(registry), log=None, error_log=None)
        try:
            self._server.start()
        except (OSError, OverflowError) as problem:
            raise UsageError(f"--prometheus {port}: the port cannot be used: {problem}") from None

    def stop(self) -> None:
        """Close the port; further calls do nothing."""
        self._server.stop(timeout=0)


class _LoadCollector(Collector):
    def __init__(self, read: Callable[[], WorkerCounts]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """The metrics of the load now."""
        counts = self._read()
        for name, text, value in (
            ("requests_sent", "Requests that were sent", counts.sent),
            ("requests_ended", "Requests that have ended, in success or failure", counts.completed),
            ("tokens", "Tokens that were generated", counts.tokens),
            ("answers_wrong", "Answers that differ from what is known to be right", counts.wrong_count),
        ):
            yield CounterMetricFamily(f"aiharness_{name}", text, value=value)
        failures = CounterMetricFamily("aiharness_requests_failed", "Failed requests by class", labels=["error"])
        for error, count in sorted(counts.errors.items()):
            failures.add_metric([error], count)
        yield failures
        in_flight = max(0, counts.sent - counts.completed)
        yield GaugeMetricFamily("aiharness_requests_in_flight", "Requests without an answer yet", value=in_flight)
        for metric in LOAD_TIMES:
            if metric.name in counts.blocks:
                histogram = counts.blocks[metric.name].total()
                if histogram.n:
                    name = f"aiharness_{metric.name}_seconds"
                    yield HistogramMetricFamily(name, metric.title, buckets=_list_buckets(histogram), sum_value=None)


def _list_buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """How many values are at most each bound, within 2 %: cumulative, as Prometheus has it."""
    buckets = histogram.buckets()
    at_most = [(repr(bound), float(sum(n for i, n in buckets if GAMMA**i <= bound * GAMMA))) for bound in _BOUNDS]
    return [*at_most, ("+Inf", float(histogram.n))]
