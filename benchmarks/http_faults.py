"""CPU of our fault proxy per HTTP request: with each fault that strikes every request, relative to pass-through.

Times wait in faults, so faults on times are given none; a fault that ends connections is left out.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.fault_proxy import connect_to, start_service
from harness.core.fault import load_fault
from harness.core.registry import list_plugins

MOST = 2.0
"""The most CPU per request of a fault, relative to pass-through."""

ROUNDS, REQUESTS, CONNECTIONS = 5, 250, 16
GAP = 0.004
"""Seconds between the events of a stream: each passes the proxy on its own, as tokens of a model do."""

WITHOUT_TIME = {"delay_answer": {"delay": 1}, "drip_answer": {"size": 1_000_000}, "stall_stream": {"events": 1_000_000}}
SPARED = {"path": "/elsewhere"}
USAGE = {"prompt_tokens": 20, "completion_tokens": 12, "total_tokens": 32}
CALLS = [{"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"city": "Berlin"}'}}]
TEXT = "The harbour town lies between two hills, and its market opens on Tuesdays."


def make_page() -> bytes:
    """A whole answer of a chat API, with the headers that a server sends."""
    message = {"role": "assistant", "content": TEXT, "tool_calls": CALLS}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "c", "model": "tiny", "created": 1, "choices": [choice], "usage": USAGE}).encode()
    head = "HTTP/1.1 200 OK\r\ndate: Mon, 30 Nov 2026 00:00:00 GMT\r\nserver: uvicorn\r\ncontent-type: application/json"
    return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def make_stream() -> list[bytes]:
    """The pieces of a streamed answer, each event on its own, as a server sends them."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces = [head]
    for word in [*TEXT.split(" "), None]:
        delta = {"content": word} if word else {}
        choice = {"index": 0, "delta": delta, "finish_reason": None if word else "stop"}
        row = {"id": "c", "object": "chat.completion.chunk", "model": "tiny", "choices": [choice]}
        event = b"data: %b\n\n" % json.dumps(row).encode()
        pieces.append(b"%x\r\n%b\r\n" % (len(event), event))
    return [*pieces, b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"]


PAGE, STREAM = make_page(), make_stream()


def make_request(number: int, *, stream: bool) -> bytes:
    body = json.dumps({"model": "tiny", "stream": stream, "tools": [{"function": {"name": "look_up"}}], "n": number})
    return f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def start_model() -> int:
    """A service in this process that answers each request, a streamed one piece by piece."""

    def serve_peer(peer: socket.socket) -> None:
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := peer.recv(65536):
                pieces = STREAM if b'"stream": true' in data else [PAGE]
                for piece in pieces:
                    peer.sendall(piece)
                    if len(pieces) > 1:
                        time.sleep(GAP)

    return start_service(serve_peer)


@contextmanager
def start_link() -> Iterator[tuple[int, int, str]]:
    """Start our proxy with one link to the service; gives its process id, the link's port and the URL of its API."""
    child = subprocess.Popen([sys.executable, "-m", "harness.chaos.proxy", "--port", "0"], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        base = json.loads(child.stdout.readline())["url"]
        body = {"name": "b", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{start_model()}"}
        row = httpx.post(f"{base}/proxies", json=body).raise_for_status().json()
        yield child.pid, int(row["listen"].rsplit(":", 1)[1]), base
    finally:
        child.terminate()
        child.wait(35)


def read_cpu(pid: int) -> float:
    """Seconds that the proxy's only busy thread has run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def read_answer(peer: socket.socket) -> None:
    """Read one answer to its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    if b"chunked" in head:
        while not body.endswith(b"0\r\n\r\n"):
            body += peer.recv(65536)
        return
    left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(body)
    while left > 0:
        left -= len(peer.recv(left))


def measure(pid: int, port: int, *, stream: bool) -> float:
    """Microseconds of the proxy's CPU per request, on connections that are kept."""
    peers = [connect_to(port) for _ in range(CONNECTIONS)]
    for peer in peers:
        peer.settimeout(20)
    requests = REQUESTS // 10 if stream else REQUESTS
    before = read_cpu(pid)
    for number in range(requests):
        for peer in peers:
            peer.sendall(make_request(number % 3, stream=stream))
        for peer in peers:
            read_answer(peer)
    seconds = read_cpu(pid) - before
    for peer in peers:
        peer.close()
    return seconds / requests / len(peers) * 1e6


def list_cases() -> list[tuple[str, str, dict[str, Any]]]:
    """Name, kind and attributes of each case."""
    kinds = [
        kind for kind in map(load_fault, list_plugins("faults")) if kind.by_request and "downstream" in kind.streams
    ]
    cases: list[tuple[str, str, dict[str, Any]]] = [("spared", "wrong_model", SPARED)]
    for kind in kinds:
        if not kind.name.startswith(("truncate_stream", "swap_answers", "grpc")):
            example = {parameter.name: getattr(kind.example, parameter.name) for parameter in kind.parameters}
            cases.append((kind.name, kind.name, {**example, **WITHOUT_TIME.get(kind.name, {})}))
    return cases


def main() -> int:
    chosen = sys.argv[1:]
    cases = [case for case in list_cases() if not chosen or case[0] in chosen]
    ratios: dict[str, float] = {}
    with start_link() as (pid, port, base):
        for name, kind, attributes in cases:
            for stream in (False, True):
                ends = stream and name in ("answer_status", "stale_answer")
                if ends or (load_fault(kind).needs_streaming and not stream):
                    continue
                rows = []
                for _ in range(ROUNDS):
                    plain = measure(pid, port, stream=stream)
                    body = {"type": kind, "name": "f", "attributes": attributes}
                    httpx.post(f"{base}/proxies/b/toxics", json=body).raise_for_status()
                    rows.append((plain, measure(pid, port, stream=stream)))
                    httpx.delete(f"{base}/proxies/b/toxics/f").raise_for_status()
                plain, struck = (statistics.median(column) for column in zip(*rows, strict=True))
                form = "stream" if stream else "whole"
                ratios[f"{name} {form}"] = statistics.median(after / before for before, after in rows)
                print(f"{name:22} {form:6} {plain:7.1f} us pass-through, {struck:7.1f} us struck", end="")
                print(f", ratio {ratios[f'{name} {form}']:.2f}", flush=True)
    worst = max(ratios, key=ratios.__getitem__)
    print(f"worst: {worst}, ratio {ratios[worst]:.2f}, at most {MOST:g} allowed")
    return int(ratios[worst] > MOST)


if __name__ == "__main__":
    sys.exit(main())
