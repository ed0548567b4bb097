"""What ours has beyond Toxiproxy: leases, counters, events, range checks, a seed, cut streams; and its process."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import toxiproxy as stock
from toxiproxy.api import APIConsumer

from tests.chaos.proxy.conftest import Link, Served, end_child, exactly, free_port, serve, spawn

ASK = {"model": "tiny-chat", "stream": True, "messages": [{"role": "user", "content": "Say something"}]}


def _ping(peer: socket.socket, data: bytes = b"ping") -> float:
    began = time.monotonic()
    peer.sendall(data)
    assert exactly(peer, len(data)) == data
    return time.monotonic() - began


def test_stock_client(ours: Served, echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host, port = ours.url.removeprefix("http://").split(":")
    monkeypatch.setattr(APIConsumer, "host", host)
    monkeypatch.setattr(APIConsumer, "port", int(port))
    client = stock.Toxiproxy()
    assert client.running()
    assert b"aiharness" in client.version()
    proxy = client.create(upstream=echo, name="stock")
    proxy.add_toxic(type="latency", attributes={"latency": 60})
    assert proxy.get_toxic("latency_downstream").attributes["latency"] == 60
    where = proxy.listen.rsplit(":", 1)
    with socket.create_connection((where[0], int(where[1])), 3) as peer:
        assert _ping(peer) >= 0.059
    with proxy.down(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((where[0], int(where[1])), 3)
    assert client.reset()
    assert proxy.toxics() == {}
    assert client.destroy(proxy)
    assert "stock" not in client.proxies()


def test_a_lease_lifts_the_toxic(ours: Served, echo: str) -> None:
    link = ours.proxy(echo)
    last = ours.http.get("/aiharness/events").json()["last"]
    assert link.toxic("latency", name="l", latency=80, lease_ms=1000)["lease_ms"] == 1000
    with link.connect() as peer:
        assert _ping(peer) >= 0.079
        deadline = time.monotonic() + 8
        while ours.http.get(f"{link.path}/toxics").json() and time.monotonic() < deadline:
            time.sleep(0.02)
        delayed = link.counts("l")["bytes"]
        _ping(peer)
        assert link.counts("l")["bytes"] == delayed == 4
    events = ours.http.get(f"/aiharness/events?since={last}").json()["events"]
    assert [e["kind"] for e in events] == ["applied", "affected", "lifted"]
    assert events[2]["why"] == "lease"
    assert events[2]["when"] - events[0]["when"] >= 0.999
    assert all(e["proxy"] == link.name and e["toxic"] == "l" for e in events)
    assert link.counts("l")["affected_connections"] == 1  # known after the toxic has gone


def test_renewal_of_a_lease_draws_nothing_anew(ours: Served, echo: str) -> None:
    link = ours.proxy(echo)
    link.toxic("latency", name="l", latency=20, toxicity=0.5, lease_ms=60_000)
    peers = [link.connect() for _ in range(16)]
    try:
        for peer in peers:
            _ping(peer)
        before = link.counts("l")
        assert 0 < before["affected_connections"] < 16
        assert link.patch("l", lease_ms=50_000).json()["lease_ms"] == 50_000
        for peer in peers:
            _ping(peer)
        after = link.counts("l")
        assert after["affected_connections"] == before["affected_connections"]
        assert after["bytes"] == 2 * before["bytes"]
        assert "lease_ms" not in link.patch("l", lease_ms=0).json()
    finally:
        for peer in peers:
            peer.close()


def test_the_seed_decides(echo: str) -> None:
    struck = []
    for seed in ("3", "3", "4"):
        child, url = spawn("--seed", seed)
        try:
            with httpx.Client(base_url=url) as http:
                link = Served(url, False, http).proxy(echo)
                link.toxic("latency", name="l", latency=2, toxicity=0.5)
                for _ in range(20):
                    with link.connect() as peer:
                        _ping(peer)
                events = http.get("/aiharness/events").json()["events"]
                struck.append([e["connection"] for e in events if e["kind"] == "affected"])
        finally:
            assert end_child(child) == 0
    assert struck[0] == struck[1] != struck[2]
    assert 3 <= len(struck[0]) <= 17


def test_a_seed_of_its_own_decides_whatever_was_before(ours: Served, echo: str) -> None:
    """What an experiment strikes depends on its seed alone: not on the proxy's name, nor on earlier connections."""
    struck = []
    for seed, earlier in ((5, 0), (5, 3), (6, 0)):
        link = ours.proxy(echo)
        for _ in range(earlier):
            with link.connect() as peer:
                _ping(peer)
        link.await_none_open()  # a toxic counts the connections that are open when it is added
        link.toxic("latency", name="l", latency=2, toxicity=0.5, seed=seed)
        for _ in range(20):
            with link.connect() as peer:
                _ping(peer)
        events = ours.http.get("/aiharness/events").json()["events"]
        mine = [e["connection"] for e in events if e["kind"] == "affected" and e["proxy"] == link.name]
        struck.append([number - earlier for number in mine])
    assert struck[0] == struck[1] != struck[2]
    assert 3 <= len(struck[0]) <= 17


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"type": "latency", "attributes": {"latency": -1}}, "from 0 to"),
        ({"type": "bandwidth", "attributes": {"rate": -1}}, "from 0 to"),
        ({"type": "latency", "attributes": {"latency": True}}, "from 0 to"),
        ({"type": "latency", "toxicity": 7}, "toxicity"),
        ({"type": "latency", "toxicity": float("nan")}, "toxicity"),
        ({"type": "latency", "lease_ms": -5}, "lease_ms"),
        ({"type": "truncate_stream", "attributes": {"mode": "x"}}, "'fin' or 'rst'"),
        ({"type": "truncate_stream", "stream": "upstream"}, "can be downstream"),
        ({"type": "slicer", "attributes": {"size_variation": 1}}, "must be less than average_size"),
    ],
)
def test_out_of_range(ours: Served, body: object, part: str) -> None:
    link = ours.proxy("127.0.0.1:1")
    answer = ours.http.post(f"{link.path}/toxics", content=json.dumps(body))
    assert answer.status_code == 400
    assert part in answer.json()["error"]
    assert ours.http.get(f"{link.path}/toxics").json() == []


def test_beyond_loopback_is_refused(ours: Served) -> None:
    for listen in ("0.0.0.0:0", ":0", ""):
        body = {"name": "far", "listen": listen, "upstream": "127.0.0.1:1"}
        answer = ours.http.post("/proxies", json=body)
        assert answer.status_code == 500
        assert "--allow-remote" in answer.json()["error"]


def test_recognised_and_bounded(ours: Served) -> None:
    assert "truncate_stream" in ours.http.get("/aiharness").json()["toxics"]
    assert ours.http.get("/aiharness/other").status_code == 404
    assert ours.http.post("/aiharness/events").status_code == 405
    assert ours.http.get("/aiharness/events?since=x").status_code == 400
    assert ours.http.post("/populate", content=b"[" + b" " * (1 << 20)).status_code == 413
    assert ours.http.post("/populate", content=b"[" * 100_000).status_code == 400


def test_silent_upstream_blocks_nobody(ours: Served, echo: str) -> None:
    """Toxiproxy dials inline, so that one unreachable upstream blocks every later client of its proxy."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(where)
            link = ours.proxy(f"127.0.0.1:{where[1]}")
            stuck = link.connect()
            ours.http.post(link.path, json={"upstream": echo})
            with link.connect() as peer:
                _ping(peer)
            stuck.close()
        finally:
            for filler in fillers:
                filler.close()


def test_bytes_are_the_same_in_any_pieces(ours: Served, echo: str) -> None:
    """Random pieces; toxics that lose nothing come and go, truncate_stream on what is no HTTP among them."""
    rng = random.Random(11)
    link = ours.proxy(echo)
    kinds = ("latency", "bandwidth", "truncate_stream", "noop")
    with link.connect(10) as peer:
        for cycle in range(120):
            kind = kinds[cycle % 4]
            stream = "downstream" if kind == "truncate_stream" else rng.choice(("upstream", "downstream"))
            attributes = {"latency": 2, "jitter": 2, "rate": rng.choice((5000, 100_000))}
            link.toxic(kind, name="c", stream=stream, toxicity=rng.choice((0.5, 1.0)), **attributes)
            data = rng.randbytes(rng.choice((1, 37, 4096, 70_000)))
            at = 0
            while at < len(data):
                size = rng.choice((1, 500, 40_000))
                peer.sendall(data[at : at + size])
                at += size
            if cycle % 2:
                link.remove("c")
            assert exactly(peer, len(data)) == data
            if not cycle % 2:
                link.remove("c")


@pytest.fixture
def gateway(ours: Served, reference: str) -> Iterator[tuple[Link, httpx.Client]]:
    link = ours.proxy(reference.removeprefix("http://"))
    with httpx.Client(base_url=f"http://{link.listen}", timeout=10) as client:
        yield link, client


def _stream(client: httpx.Client) -> list[str]:
    answer = client.post("/v1/chat/completions", json={**ASK, "max_tokens": 12})
    return [event for event in answer.text.split("\n\n") if event]


@pytest.mark.parametrize("events", [0, 1, 3])
def test_a_stream_cut_in_a_way_that_http_does_not_show(gateway: tuple[Link, httpx.Client], events: int) -> None:
    link, client = gateway
    assert _stream(client)[-1] == "data: [DONE]"  # the connection is open before the toxic comes
    link.toxic("truncate_stream", name="t", events=events, path="/v1/")
    for _ in range(2):
        cut = _stream(client)
        assert len(cut) == events
        assert all(event.startswith("data: {") for event in cut)
    assert client.get("/v1/models").status_code == 200  # no stream
    counts = link.counts("t")
    assert (counts["affected_requests"], counts["affected"]) == (2, 2)
    assert counts["bytes"] > 0
    link.remove("t")
    assert _stream(client)[-1] == "data: [DONE]"


def test_a_stream_cut_hard(gateway: tuple[Link, httpx.Client]) -> None:
    link, client = gateway
    link.toxic("truncate_stream", name="t", events=2, mode="rst")
    got = b""
    with client.stream("POST", "/v1/chat/completions", json={**ASK, "max_tokens": 12}) as answer:
        pieces = answer.iter_raw()
        while got.count(b"\n\n") < 2:
            got += next(pieces)
        with pytest.raises(httpx.ReadError):
            next(pieces)
    assert got.count(b"\n\n") == 2


def test_streams_that_are_no_target_stay_whole(gateway: tuple[Link, httpx.Client]) -> None:
    link, client = gateway
    link.toxic("truncate_stream", name="other", events=1, path="/elsewhere")
    link.toxic("truncate_stream", name="long", events=500)
    link.toxic("truncate_stream", name="never", events=1, toxicity=0)
    assert _stream(client)[-1] == "data: [DONE]"
    assert [link.counts(name)["affected"] for name in ("other", "long", "never")] == [0, 0, 0]


def test_the_draw_is_of_the_request(gateway: tuple[Link, httpx.Client]) -> None:
    """On one connection kept alive some streams are cut; which, the seed decides."""
    link, client = gateway
    link.toxic("truncate_stream", name="t", events=1, toxicity=0.5)
    cut = [len(_stream(client)) == 1 for _ in range(12)]
    assert 1 <= sum(cut) <= 11
    assert link.counts("t")["affected_requests"] == sum(cut)


def test_sse_with_a_length_and_crlf(ours: Served) -> None:
    body = b": hello\r\n\r\ndata: 1\r\n\r\nevent: x\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)

    def handle(peer: socket.socket) -> None:
        peer.recv(65536)
        for i in range(0, len(head + body), 3):  # every line end falls apart somewhere
            peer.sendall((head + body)[i : i + 3])
        peer.recv(1)

    address, end = serve(handle)
    try:
        link = ours.proxy(address)
        link.toxic("truncate_stream", events=2)
        with link.connect() as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert exactly(peer, 9999) == head + body[: body.index(b"data: 3")]
    finally:
        end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(echo: str, number: signal.Signals) -> None:
    child, url = spawn()
    with httpx.Client(base_url=url) as http:
        link = Served(url, False, http).proxy(echo)
        with link.connect() as peer:
            _ping(peer)
            os.kill(child.pid, number)
            assert child.wait(8) == 0
            assert peer.recv(1) == b""
    end_child(child)
    with pytest.raises(ConnectionRefusedError):
        link.connect()


def test_configuration_file(tmp_path: Path, echo: str) -> None:
    toxic = {"type": "latency", "attributes": {"latency": 60}}
    rows = [{"name": "c", "listen": "127.0.0.1:0", "upstream": echo, "toxics": [toxic]}]
    (tmp_path / "c.json").write_text(json.dumps(rows))
    child, url = spawn("--config", str(tmp_path / "c.json"))
    try:
        with httpx.Client(base_url=url) as http:
            row = http.get("/proxies/c").json()
            link = Link(Served(url, False, http), "c", row["listen"])
            with link.connect() as peer:
                assert _ping(peer) >= 0.059
    finally:
        assert end_child(child) == 0


def test_what_cannot_be_used_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert end_child(spawn("--port", str(taken.getsockname()[1]))[0]) == 4
    assert end_child(spawn("--config", str(tmp_path / "none.json"))[0]) == 4
    assert end_child(spawn("--host", "0.0.0.0", "--port", str(free_port()))[0]) == 4
    errors = capfd.readouterr().err.splitlines()
    assert len(errors) == 3
    assert all(line.startswith("error: ") for line in errors)
