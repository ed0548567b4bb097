"""Which gauges a service shows of itself, asked once before the plan of a soak.

Tested in tests/load/test_soak_runs.py.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace

from harness.core.adapter import Capabilities
from harness.core.arrival_settings import SOAK
from harness.core.errors import UsageError
from harness.core.exchange import Request
from harness.core.gauge import classify_gauge
from harness.core.settings import LoadSettings
from harness.io.client import Client
from harness.io.metrics_page import parse_gauges
from harness.run.preflight import Preflight


def make_metrics_request(load: LoadSettings) -> Request:
    """The request for the page of metrics of the service."""
    return Request("GET", load.metrics, (), b"")


def probe_gauges(preflight: Preflight, client: Client, load: LoadSettings | None) -> Preflight:
    """The preflight with the names of the gauges that a soak of this service can read.

    Raises `UsageError` where what reads them is not installed.
    """
    if load is None or load.shape_name != SOAK or preflight.obstacle or client.endpoint.is_grpc:
        return preflight
    if importlib.util.find_spec("prometheus_client") is None:
        raise UsageError("a soak needs the package prometheus-client: pip install 'aiharness[load]'")
    exchange = client.exchange(make_metrics_request(load))
    if exchange.response is None or exchange.response.status != 200:
        return preflight
    return replace(preflight, gauges=tuple(sorted(parse_gauges(exchange.response.body))))


def add_gauges(able: Capabilities, preflight: Preflight) -> Capabilities:
    """The capabilities with those that the gauges of the service give."""
    kinds = {classify_gauge(name) for name in preflight.gauges}
    return replace(able, memory_gauges="memory" in kinds, connection_gauges="connections" in kinds)
