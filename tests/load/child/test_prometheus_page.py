"""The page for Prometheus: what a load shows of itself while it runs."""

from __future__ import annotations

import socket
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.catalogues import sample_cases
from tests.load.loads import command, free_port, locust
from tests.load.test_processes import start_process


def read_page(port: str) -> dict[str, float]:
    """The samples of the page, by name and labels without quotes; empty while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            text = response.read().decode()
    except OSError:
        return {}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


def test_a_load_under_way_shows_its_figures_on_loopback(reference: str, tmp_path: Path) -> None:
    port = free_port()
    options = ("--headless", "--rate=40", "--duration=60", "--protocol=plain_json", "--warm-up=0")
    with start_process([*command(reference, *options, f"--prometheus={port}")], tmp_path):
        ends = time.monotonic() + 60
        page: dict[str, float] = {}
        while time.monotonic() < ends and page.get("aiharness_latency_seconds_bucket +Inf", 0) < 20:
            time.sleep(0.2)
            page = read_page(port)
    assert page["aiharness_latency_seconds_bucket +Inf"] >= 20, (tmp_path / "output").read_text()
    assert page["aiharness_requests_sent_total"] >= page["aiharness_requests_ended_total"] >= 20
    assert page["aiharness_latency_seconds_bucket 0.005"] <= page["aiharness_latency_seconds_bucket 60.0"]
    assert page["aiharness_requests_in_flight"] >= 0


@pytest.mark.parametrize("number", sample_cases([0, 99999], 0), ids=["taken", "none"])
def test_a_port_that_is_taken_or_none_is_one_clear_error(reference: str, tmp_path: Path, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = number or server.getsockname()[1]
        status, output = locust(tmp_path, reference, "--duration=2", "--protocol=plain_json", f"--prometheus={port}")
    assert status == 4, output
    assert f"--prometheus {port}: the port cannot be used" in output
    assert "Traceback" not in output
