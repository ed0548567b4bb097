"""Runs in a process of its own: the load engine under gevent, with a task a line on standard input."""

from __future__ import annotations

from typing import Any

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
import msgspec  # noqa: E402
from gevent.monkey import get_original  # noqa: E402

from harness.core.endpoint import Endpoint  # noqa: E402
from harness.core.exchange import Request  # noqa: E402
from harness.io.raw import encode_request  # noqa: E402
from harness.load.child import portions  # noqa: E402
from harness.load.child.engine import LoadEngine  # noqa: E402


def stand_still(engine: LoadEngine) -> float:
    """Let nothing run until an answer can be read, and for a while after; when it was there, in seconds of the run."""
    while not (sockets := [connection._sock for connection in engine.busy if connection._sock is not None]):
        gevent.sleep(0.001)
    get_original("select", "select")(sockets, [], [], 10)
    readable = engine.now()
    get_original("time", "sleep")(0.05)
    return readable


ORIGINAL = socket.getaddrinfo, portions.is_worth_waiting


def carry_out(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Fetch `rounds` times `at_once` requests, with `pause` seconds after each, and `busy` seconds before each in which
    the hub does nothing; the outcomes."""
    socket.getaddrinfo, portions.is_worth_waiting = ORIGINAL
    if addresses := task.get("addresses"):
        entries = [
            (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", tuple(address)) for family, address in addresses
        ]
        socket.getaddrinfo = lambda *_, **__: entries
    if task.get("in_portions"):
        portions.is_worth_waiting = lambda *_: True
    engine = LoadEngine(msgspec.convert(task["endpoint"], Endpoint), time.monotonic())
    request = Request("POST", "/x", (), b"?" * task.get("size", 2))
    encoded = b"".join(encode_request(engine.endpoint, request, "identity"))
    outcomes = []
    for _ in range(task.get("rounds", 1)):
        get_original("time", "sleep")(task.get("busy", 0.0))
        greenlets = [gevent.spawn(engine.fetch, request, encoded) for _ in range(task.get("at_once", 1))]
        readable = stand_still(engine) if task.get("stands_still") else None
        gevent.joinall(greenlets, raise_error=True)
        gevent.sleep(task.get("pause", 0))
        for raw in (greenlet.get() for greenlet in greenlets):
            body = b"".join(data for _, data in raw.pieces).decode()
            stamps = [round(at - raw.started, 4) for at, _ in raw.pieces]
            outcomes.append(
                {
                    "status": raw.head.status if raw.head else None,
                    "body": body,
                    "stamps": stamps,
                    "error": raw.error,
                    "detail": raw.detail,
                    "ended": raw.done is not None,
                    "is_stamp_late": None if raw.done is None or readable is None else raw.done > readable,
                }
            )
    engine.close()
    return outcomes


def main() -> None:
    """Print the outcomes of each task in a line."""
    for line in sys.stdin:
        print(json.dumps(carry_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
