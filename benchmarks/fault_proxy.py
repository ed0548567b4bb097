"""Our fault proxy without toxics beside Toxiproxy 2.12.0 in the same run: CPU per request, added latency, MB/s.

Toxiproxy is built with `go install` and cached; without Go its column is left out and the command is printed.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

FOLDER = Path.home() / ".cache" / "aiharness-servers" / "toxiproxy-2.12.0"
COMMAND = ["go", "install", "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"]
MOST = 1.2
"""The most CPU per request of ours, relative to Toxiproxy."""

ROUNDS, REQUESTS, PINGS, MEGABYTES = 5, 4000, 1500, 150
TICK = os.sysconf("SC_CLK_TCK")


def start_backend() -> int:
    """Start a service in this process that answers 64 bytes with 64 bytes, or with megabytes if they begin with big."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
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

    def accept_peers() -> None:
        while True:
            peer, _ = listening.accept()
            threading.Thread(target=serve_peer, args=(peer,), daemon=True).start()

    threading.Thread(target=accept_peers, daemon=True).start()
    return int(listening.getsockname()[1])


@contextmanager
def start_proxy(command: list[str], url: str | None, upstream: int) -> Iterator[tuple[int, int]]:
    """Start a server with one proxy; gives its process id and the port of the proxy."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        base = url or json.loads(line)["url"]
        if url:
            threading.Thread(target=child.stdout.read, daemon=True).start()
            time.sleep(0.5)
        body = {"name": "b", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{upstream}"}
        row = httpx.post(f"{base}/proxies", json=body).raise_for_status().json()
        yield child.pid, int(row["listen"].rsplit(":", 1)[1])
    finally:
        child.terminate()
        child.wait(35)


def read_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def connect_to(port: int) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), 30)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def measure_ping(port: int) -> float:
    times = []
    with connect_to(port) as peer:
        for _ in range(PINGS):
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
    return MEGABYTES / (time.perf_counter() - began), MEGABYTES / max(read_cpu(pid) - before, 1 / TICK)


def measure_servers(servers: dict[str, tuple[int, int]], upstream: int) -> dict[str, dict[str, float]]:
    """Medians over rounds; the servers take turns, so that a change of the machine's speed affects both."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        direct = measure_ping(upstream)
        for name, (pid, port) in servers.items():
            added = measure_ping(port) - direct
            wall, core = measure_throughput(pid, port)
            figures = {"CPU us/request": measure_cpu_per_request(pid, port) * 1e6, "added us": added * 1e6}
            rounds[name].append({**figures, "MB/s": wall, "MB/s per core": core})
    medians: dict[str, dict[str, float]] = {}
    for name, rows in rounds.items():
        medians[name] = {}
        for key in rows[0]:
            medians[name][key] = statistics.median(row[key] for row in rows)
    return medians


def main() -> int:
    upstream = start_backend()
    ours = [sys.executable, "-m", "harness.chaos.proxy", "--port", "0"]
    if not (FOLDER / "server").exists() and shutil.which("go"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(COMMAND, env={**os.environ, "GOBIN": str(FOLDER)}, check=True, timeout=300)
    with start_proxy(ours, None, upstream) as own:
        servers = {"ours": own}
        if not (FOLDER / "server").exists():
            print(f"no Toxiproxy to compare with; install Go, then: GOBIN={FOLDER} {' '.join(COMMAND)}")
            figures = measure_servers(servers, upstream)
        else:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            real = [str(FOLDER / "server"), "-host", "127.0.0.1", "-port", str(port)]
            with start_proxy(real, f"http://127.0.0.1:{port}", upstream) as other:
                figures = measure_servers({**servers, "Toxiproxy": other}, upstream)
    for key, value in figures["ours"].items():
        theirs = figures.get("Toxiproxy", {}).get(key)
        beside = f"  Toxiproxy {theirs:8.1f}  ratio {value / theirs:.2f}" if theirs else ""
        print(f"{key:15} ours {value:8.1f}{beside}")
    worst = figures.get("Toxiproxy", {}).get("CPU us/request")
    return int(worst is not None and figures["ours"]["CPU us/request"] > MOST * worst)


if __name__ == "__main__":
    sys.exit(main())
