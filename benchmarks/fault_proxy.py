"""Our fault proxy beside Toxiproxy 2.12.0 on one core (GOMAXPROCS=1) in the same run, haproxy as the floor.

CPU per request, also with an active latency toxic, added latency, MB/s, and the memory of 1,000 idle connections.

Toxiproxy is built with `go install` and cached; without Go its column is left out and the command is printed.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

FOLDER = Path.home() / ".cache" / "aiharness-servers" / "toxiproxy-2.12.0"
COMMAND = ["go", "install", "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"]
MOST = 1 / 1.3
"""The most CPU per request of ours, relative to Toxiproxy, by the median of the rounds."""

IDLE, MOST_IDLE_MB, DELAY = 1000, 10.0, 2
"""Idle connections, the most memory for them, and the latency toxic's delay in ms."""

HAPROXY = """global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen a
  bind 127.0.0.1:{port}
  server b 127.0.0.1:{upstream}
"""

ROUNDS, REQUESTS, PINGS, MEGABYTES = 5, 4000, 1500, 150


def start_service(serve_peer: Callable[[socket.socket], None]) -> int:
    """Start a service in this process, with a thread for each connection; gives its port on loopback."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)

    def accept_peers() -> None:
        while True:
            peer, _ = listening.accept()
            threading.Thread(target=serve_peer, args=(peer,), daemon=True).start()

    threading.Thread(target=accept_peers, daemon=True).start()
    return int(listening.getsockname()[1])


def start_backend() -> int:
    """Start a service in this process that answers 64 bytes with 64 bytes, or with megabytes if they begin with big."""
    megabyte = bytes(1 << 20)

    def serve_peer(peer: socket.socket) -> None:
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := peer.recv(64):
                if data.startswith(b"big"):
                    for _ in range(MEGABYTES):
                        peer.sendall(megabyte)
                else:
                    peer.sendall(data)

    return start_service(serve_peer)


@contextmanager
def start_proxy(command: list[str], url: str | None, upstream: int) -> Iterator[tuple[int, int, int]]:
    """Start a server with two proxies; gives its process id and their ports, the second with a latency toxic."""
    environment = {**os.environ, "GOMAXPROCS": "1"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        base = url or json.loads(line)["url"]
        if url:
            threading.Thread(target=child.stdout.read, daemon=True).start()
            time.sleep(0.5)
        ports = []
        for name in ("plain", "late"):
            body = {"name": name, "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{upstream}"}
            row = httpx.post(f"{base}/proxies", json=body).raise_for_status().json()
            ports.append(int(row["listen"].rsplit(":", 1)[1]))
        toxic = {"type": "latency", "attributes": {"latency": DELAY}}
        httpx.post(f"{base}/proxies/late/toxics", json=toxic).raise_for_status()
        yield child.pid, ports[0], ports[1]
    finally:
        child.terminate()
        child.wait(35)


@contextmanager
def start_haproxy(upstream: int) -> Iterator[tuple[int, int, int]]:
    """Start haproxy with one thread; both ports are the same, for it delays nothing."""
    port = find_free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(HAPROXY.format(port=port, upstream=upstream))
        file.flush()
        child = subprocess.Popen(["haproxy", "-db", "-f", file.name], stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            yield child.pid, port, port
        finally:
            child.kill()
            child.wait()


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def read_cpu(pid: int) -> float:
    """Seconds that the threads of a process have run, in nanoseconds' grain."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def measure_idle_memory(pid: int, port: int) -> float:
    """MB that idle connections take, after as many were there and have gone: the first take what all share."""
    sizes = []
    for _ in range(2):
        sizes.append(read_memory(pid))
        peers = [connect_to(port) for _ in range(IDLE)]
        time.sleep(1)
        sizes.append(read_memory(pid))
        for peer in peers:
            peer.close()
        time.sleep(1)
    return sizes[3] - sizes[2]


def read_memory(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def connect_to(port: int) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), 30)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def measure_ping(port: int, count: int = PINGS) -> float:
    times = []
    with connect_to(port) as peer:
        for _ in range(count):
            began = time.perf_counter()
            peer.sendall(b"x" * 64)
            peer.recv(64)
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def measure_cpu_per_request(pid: int, port: int) -> float:
    peers = [connect_to(port) for _ in range(32)]
    before = read_cpu(pid)
    for _ in range(REQUESTS // len(peers) * 4):
        for peer in peers:
            peer.sendall(b"x" * 64)
        for peer in peers:
            peer.recv(64)
    seconds = read_cpu(pid) - before
    for peer in peers:
        peer.close()
    return seconds / (REQUESTS // len(peers) * 4 * len(peers))


def measure_throughput(pid: int, port: int) -> tuple[float, float]:
    """MB/s by the wall clock, and by the CPU time of the proxy (what one core could transfer)."""
    buffer = memoryview(bytearray(1 << 20))
    before, began, left = read_cpu(pid), time.perf_counter(), MEGABYTES << 20
    with connect_to(port) as peer:
        peer.sendall(b"big")
        while left > 0:
            left -= peer.recv_into(buffer)
    return MEGABYTES / (time.perf_counter() - began), MEGABYTES / (read_cpu(pid) - before)


def measure_servers(servers: dict[str, tuple[int, int, int]], upstream: int) -> dict[str, dict[str, float]]:
    """Medians over rounds; the servers take turns, so that a change of the machine's speed affects both."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        direct = measure_ping(upstream)
        for name, (pid, port, late) in servers.items():
            added = measure_ping(port) - direct
            wall, core = measure_throughput(pid, port)
            figures = {"CPU us/request": measure_cpu_per_request(pid, port) * 1e6}
            figures["CPU us, latency"] = measure_cpu_per_request(pid, late) * 1e6
            error = math.nan  # haproxy delays nothing
            if late != port:
                error = measure_ping(late, PINGS // 10) - direct - DELAY / 1000
            figures |= {"added us": added * 1e6, "latency +us": error * 1e6, "MB/s": wall, "MB/s per core": core}
            rounds[name].append(figures)
    medians: dict[str, dict[str, float]] = {}
    for name, rows in rounds.items():
        medians[name] = {}
        for key in rows[0]:
            medians[name][key] = statistics.median(row[key] for row in rows)
        medians[name]["idle MB"] = measure_idle_memory(*servers[name][:2])
    return medians


def main() -> int:
    upstream = start_backend()
    ours = [sys.executable, "-m", "harness.chaos.proxy", "--port", "0"]
    if not (FOLDER / "server").exists() and shutil.which("go"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(COMMAND, env={**os.environ, "GOBIN": str(FOLDER)}, check=True, timeout=300)
    with ExitStack() as stack:
        servers = {"ours": stack.enter_context(start_proxy(ours, None, upstream))}
        if (FOLDER / "server").exists():
            port = find_free_port()
            real = [str(FOLDER / "server"), "-host", "127.0.0.1", "-port", str(port)]
            servers["Toxiproxy"] = stack.enter_context(start_proxy(real, f"http://127.0.0.1:{port}", upstream))
        else:
            print(f"no Toxiproxy to compare with; install Go, then: GOBIN={FOLDER} {' '.join(COMMAND)}")
        if shutil.which("haproxy"):
            servers["haproxy"] = stack.enter_context(start_haproxy(upstream))
        figures = measure_servers(servers, upstream)
    return print_figures(figures)


def print_figures(figures: dict[str, dict[str, float]]) -> int:
    """A line for each figure; 1 when ours needs too much CPU beside Toxiproxy, or too much memory."""
    is_bad = figures["ours"]["idle MB"] > MOST_IDLE_MB
    for key, value in figures["ours"].items():
        line = "  ".join(f"{name} {row[key]:8.1f}" for name, row in figures.items())
        if theirs := figures.get("Toxiproxy", {}).get(key):
            line += f"  ratio {value / theirs:.2f}"
            is_bad |= key.startswith("CPU") and value > MOST * theirs
        print(f"{key:15} {line}")
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
