"""Which gauges a service shows of itself, asked once before the plan of a soak.

Tested in tests/load/test_soak_runs.py.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from urllib.parse import urlsplit

from harness.core.adapter import Capabilities
from harness.core.arrival_settings import SOAK
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Request
from harness.core.gauge import classify_gauge
from harness.core.load_settings import LoadSettings
from harness.io.client import Client
from harness.io.metrics_page import parse_gauges, parse_in_flight
from harness.run.preflight import Preflight


def find_metrics_page(endpoint: Endpoint, load: LoadSettings) -> tuple[Endpoint, Request]:
    """Where the service's page of metrics is, and the request for it.

    A path is one of the endpoint. A URL, as of servers that show metrics at another port, gets no credentials.
    """
    if load.metrics.startswith("/"):
        return endpoint, Request("GET", load.metrics, (), b"")
    parts = urlsplit(load.metrics)
    page = Endpoint(f"{parts.scheme}://{parts.netloc}", deadlines=endpoint.deadlines)
    return page, Request("GET", parts.path or "/metrics", (), b"")


def fetch_metrics(client: Client, load: LoadSettings) -> bytes | None:
    """The service's page of metrics; None where there is none. `client` is one of the service's own endpoint."""
    page, request = find_metrics_page(client.endpoint, load)
    if page is client.endpoint:
        response = client.exchange(request).response
    else:
        with Client(page) as other:
            response = other.exchange(request).response
    return response.body if response is not None and response.status == 200 else None


def read_in_flight(client: Client, load: LoadSettings | None) -> float | None:
    """How many requests the service states to be in flight, on its page of metrics; None where it does not."""
    page = fetch_metrics(client, load or LoadSettings())
    return None if page is None else parse_in_flight(page)


def probe_gauges(preflight: Preflight, client: Client, load: LoadSettings | None, *, aborts: bool = False) -> Preflight:
    """The preflight with the names of the gauges that a soak of this service can read.

    `aborts`: clients will leave, and it is asked whether the service states how many requests are in flight. Raises
    `UsageError` where what reads the gauges of a soak is not installed.
    """
    if aborts and not preflight.obstacle and not client.endpoint.is_grpc:
        preflight = replace(preflight, states_in_flight=read_in_flight(client, load) is not None)
    if (
        load is None
        or load.shape_name != SOAK
        or preflight.obstacle
        or (client.endpoint.is_grpc and load.metrics.startswith("/"))
    ):
        return preflight
    if importlib.util.find_spec("prometheus_client") is None:
        raise UsageError("a soak needs the package prometheus-client: pip install 'aiharness[load]'")
    page = fetch_metrics(client, load)
    if page is None:
        return preflight
    return replace(preflight, gauges=tuple(sorted(parse_gauges(page))))


def add_gauges(able: Capabilities, preflight: Preflight) -> Capabilities:
    """The capabilities with those that the gauges of the service give, and the answers before the plan."""
    kinds = {classify_gauge(name) for name in preflight.gauges}
    gauges = {"memory_gauges": "memory" in kinds, "connection_gauges": "connections" in kinds}
    gauges["kept_connections"] = not preflight.ends_connections
    return replace(able, **gauges, in_flight_gauge=preflight.states_in_flight)
