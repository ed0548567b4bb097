"""What toxics do to connections, line by line of Toxiproxy's contract, on ours and on the real one."""

from __future__ import annotations

import selectors
import socket
import threading
import time

import pytest

from tests.chaos.proxy.conftest import Link, Served, exactly


def _ping(peer: socket.socket, data: bytes = b"ping") -> float:
    """Seconds until the echo is back, whole."""
    began = time.monotonic()
    peer.sendall(data)
    assert exactly(peer, len(data)) == data
    return time.monotonic() - began


def _end(peer: socket.socket) -> str:
    """How a connection ends: fin, rst, or open after the socket's timeout."""
    try:
        while peer.recv(65536):
            pass
    except TimeoutError:
        return "open"
    except ConnectionResetError:
        return "rst"
    return "fin"


def _set(link: Link, **body: object) -> None:
    assert link.server.http.post(link.path, json=body).status_code == 200


def test_no_op_update_keeps_connections(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    with link.connect() as peer:
        _ping(peer)
        _set(link, enabled=True, name="ignored")
        _set(link, listen=link.listen.replace("127.0.0.1", "localhost"))
        _ping(peer)


def test_new_upstream_drops_connections_and_keeps_toxics(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("latency", latency=1)
    with link.connect() as peer:
        _ping(peer)
        _set(link, upstream=echo.replace("127.0.0.1", "localhost"))
        assert _end(peer) == "fin"
    assert len(toxiproxy.http.get(f"{link.path}/toxics").json()) == 1
    with link.connect() as peer:
        _ping(peer)


def test_disabled_is_down(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    with link.connect() as peer:
        _ping(peer)
        _set(link, enabled=False)
        assert _end(peer) == "fin"
    with pytest.raises(ConnectionRefusedError):
        link.connect()
    _set(link, enabled=True)
    with link.connect() as peer:
        _ping(peer)


def test_nobody_upstream_closes(toxiproxy: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with toxiproxy.proxy(f"127.0.0.1:{port}").connect() as peer:
        assert _end(peer) == "fin"


def test_latencies_add_and_keep_order(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("latency", name="one", latency=60)
    link.toxic("latency", name="two", latency=60, jitter=20)
    link.toxic("latency", name="up", stream="upstream", latency=50)
    data = bytes(range(256)) * 400
    with link.connect() as peer:
        assert _ping(peer, data) >= 0.150
        sent = time.monotonic()
        for i in range(100):
            peer.sendall(data[i * 100 : i * 100 + 100])
        assert exactly(peer, 10_000) == data[:10_000]
        assert time.monotonic() - sent < 100 * 0.150 / 2  # the pieces wait side by side, not one after another


def test_added_changed_and_removed_while_live(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    with link.connect() as peer:
        _ping(peer)
        link.toxic("latency", name="l", latency=120)
        assert _ping(peer) >= 0.119
        link.patch("l", attributes={"latency": 5000})
        peer.sendall(b"held")
        time.sleep(0.05)
        link.remove("l")
        assert exactly(peer, 4) == b"held"


def test_bandwidth(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("bandwidth", rate=200)
    with link.connect() as peer:
        assert _ping(peer, b"x" * 100_000) >= 0.45


def test_bandwidth_zero_stops(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("bandwidth", name="b")
    with link.connect(0.2) as peer:
        peer.sendall(b"x")
        assert _end(peer) == "open"
        link.remove("b")
        peer.settimeout(3)
        assert exactly(peer, 1) == b"x"


def test_timeout_closes_when_idle(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("timeout", timeout=150)
    began = time.monotonic()
    with link.connect() as peer:
        assert _end(peer) == "fin"
    assert time.monotonic() - began >= 0.14


def test_timeout_stays_open_while_data_flows(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("timeout", stream="upstream", timeout=600)
    for _ in range(5):  # a busy machine may let more than the timeout pass between two sends: then try again
        with link.connect(0.05) as peer:
            began = before = time.monotonic()
            longest, ends = 0.0, set()
            while before - began < 0.9:
                peer.sendall(b"x")
                ends.add(_end(peer))
                longest, before = max(longest, time.monotonic() - before), time.monotonic()
        if longest < 0.5:
            assert ends == {"open"}
            return
    pytest.fail("the machine is too busy to send in time")


def test_timeout_closes_when_removed(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("timeout", name="t")
    with link.connect() as peer:
        peer.sendall(b"x")
        time.sleep(0.05)
        link.remove("t")
        assert _end(peer) == "fin"


def test_reset_peer(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    with link.connect() as before:
        _ping(before)
        link.toxic("reset_peer", timeout=30)
        with link.connect(0.1) as peer:
            assert _end(peer) == "open"  # nothing has flowed
            peer.settimeout(3)
            peer.sendall(b"x")
            assert _end(peer) == "rst"
        before.sendall(b"x")
        assert _end(before) == ("fin" if toxiproxy.real else "rst")  # the real one resets new connections only


LATENCY = 0.6


def _find_spared(link: Link, peers: list[socket.socket]) -> list[bool]:
    """Which of the connections a latency of `LATENCY` seconds spares: its answer cannot come sooner on the others."""
    with selectors.DefaultSelector() as waiting:
        began = time.monotonic()
        for peer in peers:
            peer.sendall(b"x")
            waiting.register(peer, selectors.EVENT_READ, peer)
        arrived = {}
        while waiting.get_map():
            ready = waiting.select(5)
            assert ready, "no answer came"
            for key, _ in ready:
                key.data.recv(1)
                arrived[key.fd] = time.monotonic() - began
                waiting.unregister(key.fileobj)
        return [arrived[peer.fileno()] < LATENCY for peer in peers]


def test_toxicity_is_of_the_connection(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    peers = [link.connect() for _ in range(24)]
    try:
        for peer in peers:
            _ping(peer)
        link.toxic("latency", name="l", latency=int(LATENCY * 1000), toxicity=0.5)
        spared = _find_spared(link, peers)
        assert 2 <= sum(spared) <= 22
        assert _find_spared(link, peers) == spared
        link.patch("l", attributes={"latency": int(LATENCY * 1000)})
        assert _find_spared(link, peers) != spared
        link.patch("l", toxicity=0)
        assert all(_find_spared(link, peers))
    finally:
        for peer in peers:
            peer.close()


def test_no_byte_is_lost_over_changes(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    data = bytes(i * 7 % 251 for i in range(2_500_000))
    with link.connect(20) as peer:
        sender = threading.Thread(target=peer.sendall, args=(data,))
        sender.start()
        got = b""
        for cycle in range(100):
            kind = ("latency", "bandwidth")[cycle % 2]
            link.toxic(kind, name="c", stream=("upstream", "downstream")[cycle // 2 % 2], latency=3, rate=500_000)
            got += exactly(peer, min(20_000, len(data) - len(got)))
            link.remove("c")
        got += exactly(peer, len(data) - len(got))
        sender.join(10)
    assert got == data


def test_removal_with_a_dead_peer_answers(ours: Served, echo: str) -> None:
    """The real one hands over what is in flight first, 5 s for each piece, and holds its API up for so long."""
    link = ours.proxy(echo)
    link.toxic("bandwidth", name="b", rate=1)
    peer = link.connect()
    peer.sendall(b"x" * 200_000)
    time.sleep(0.1)
    peer.close()
    link.remove("b")
    assert ours.http.get("/version", timeout=4.5).status_code == 200
