"""`GET /metrics`: Toxiproxy's counters with the same samples as the real one, and the harness's own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.proxy.conftest import Link, Served, end_child, exactly, free_port, real_binary, spawn


@pytest.fixture(params=["ours", "real"])
def counting_server(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server that counts: ours, and the real one with its flag."""
    if request.param == "ours":
        child, url = spawn()
    else:
        port = free_port()
        command = [str(real_binary()), "-host", "127.0.0.1", "-port", str(port), "-proxy-metrics"]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=20, transport=httpx.HTTPTransport(retries=8)) as http:
        yield Served(url, request.param == "real", http)
    child.terminate()
    if request.param == "ours":
        end_child(child)
    else:
        child.wait(35)


def read_samples(server: Served, prefix: str) -> dict[tuple[str, ...], float]:
    """The value of each sample whose name begins so, by name and labels in the order of their names."""
    text = server.http.get("/metrics").raise_for_status().text
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(prefix)
    }


def await_samples(server: Served, expected: dict[tuple[str, ...], float]) -> None:
    """The real one counts a connection when it ends."""
    ends = time.monotonic() + 10
    while (samples := read_samples(server, "toxiproxy_proxy")) != expected and time.monotonic() < ends:
        time.sleep(0.02)
    assert samples == expected


def expect(link: Link, upstream: str, **bytes_: int) -> dict[tuple[str, ...], float]:
    labels = (f"listener={link.listen}", f"proxy={link.name}", f"upstream={upstream}")
    samples: dict[tuple[str, ...], float] = {}
    for key, value in bytes_.items():
        way, direction = key.split("_")
        samples[f"toxiproxy_proxy_{way}_bytes_total", f"direction={direction}stream", *labels] = float(value)
    return samples


def exchange(link: Link, data: bytes, size: int) -> bytes:
    with link.connect() as peer:
        peer.sendall(data)
        return exactly(peer, size)


def test_the_samples_are_those_of_the_real_one(counting_server: Served, echo: str) -> None:
    assert read_samples(counting_server, "toxiproxy") == {}
    one, two = counting_server.proxy(echo), counting_server.proxy(echo)
    assert exchange(one, b"12345", 5) == b"12345"
    assert exchange(one, b"67", 2) == b"67"
    two.toxic("limit_data", bytes=30)
    assert len(exchange(two, b"x" * 100, 100)) == 30
    expected = expect(one, echo, received_up=7, sent_up=7, received_down=7, sent_down=7)
    expected |= expect(two, echo, received_up=100, sent_up=100, received_down=100, sent_down=30)
    await_samples(counting_server, expected)
    counting_server.http.post(one.path, json={"upstream": "127.0.0.1:1"})
    counting_server.http.delete(two.path)
    await_samples(counting_server, expected)


def test_ours_are_live_and_have_more(ours: Served, echo: str) -> None:
    link = ours.proxy(echo)
    link.toxic("latency", name='say "x"\\\n', latency=1)
    with link.connect() as peer:
        peer.sendall(b"12345")
        assert exactly(peer, 5) == b"12345"
        samples = {key: value for key, value in read_samples(ours, "").items() if f"proxy={link.name}" in key}
        values = {(key[0], *(part for part in key if "direction" in part)): value for key, value in samples.items()}
        assert values["toxiproxy_proxy_received_bytes_total", "direction=upstream"] == 5
        assert values["toxiproxy_proxy_sent_bytes_total", "direction=downstream"] == 5
        assert values["aiharness_proxy_connections_total",] == values["aiharness_proxy_open",] == 1
        assert values["aiharness_toxic_affected_connections_total",] == 1
        assert values["aiharness_toxic_bytes_total",] == 5
        toxic = 'toxic=say "x"\\\n'
        assert ("aiharness_toxic_bytes_total", f"proxy={link.name}", toxic) in samples


def test_any_verb_and_its_type(ours: Served) -> None:
    for method in ("GET", "POST", "HEAD"):
        answer = ours.http.request(method, "/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
