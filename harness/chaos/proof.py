"""Does a fault act on a link? A plain connection through the proxy, before and while the fault is on.

A real Toxiproxy counts nothing while connections live, so this is the only proof it allows. It shows that the link is
disturbed, not that the service uses it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import socket
import time
from dataclasses import dataclass

from harness.core.experiment import Fault, Proof

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""Most peers answer this, or end the connection; both make something flow through the toxic."""

VISIBLE, _MOST = 0.01, 4.0
"""Seconds below which an added delay cannot be told from noise, and seconds that one probe waits at most."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One connection: how it ended (refused, reset, closed, silent), seconds to the first byte and to the end."""

    outcome: str
    first: float | None = None
    total: float = 0.0
    size: int = 0


def probe_link(listen: str, patience: float = 1.0) -> Probe:
    """Connect to `listen` ("host:port"), ask, and read for at most `patience` seconds or 64 KiB."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    with contextlib.suppress(ValueError):  # a name
        host = "127.0.0.1" if ipaddress.ip_address(host).is_unspecified else host
    began = time.monotonic()
    try:
        peer = socket.create_connection((host, int(port)), patience)
    except (OSError, ValueError):
        return Probe("refused", total=time.monotonic() - began)
    first, size, outcome = None, 0, "silent"
    with peer:
        try:
            peer.sendall(ASK)
            while size < 65536 and (left := began + patience - time.monotonic()) > 0:
                peer.settimeout(left)
                if not (data := peer.recv(16384)):
                    outcome = "closed"
                    break
                first, size = first or time.monotonic() - began, size + len(data)
        except OSError as error:
            outcome = "silent" if isinstance(error, TimeoutError) else "reset"
    return Probe(outcome, first, time.monotonic() - began, size)


def prove_fault(fault: Fault, listen: str, before: Probe) -> Proof:
    """Probe until the fault's own signature is seen, as often as its toxicity asks for (20 times at most)."""
    tries = 1 if fault.toxicity >= 1 else min(20, math.ceil(math.log(1e-3) / math.log1p(-fault.toxicity)))
    ends = time.monotonic() + min(_MOST, fault.duration)
    while True:
        found = probe_link(listen, before.total + min(_MOST, 2 * _expected(fault, before) + 0.5))
        if why := signature(fault, before, found):
            return Proof("probe", None, why)
        tries -= 1
        if tries <= 0 or time.monotonic() > ends:
            return Proof("none", None, f"a connection through {listen} showed no {fault.kind}: {found.outcome}")


def signature(fault: Fault, before: Probe, now: Probe) -> str:
    """What tells that the fault acts, comparing a connection before with one now; empty when nothing does."""
    kind, sign = fault.kind, {"down": "refused", "reset_peer": "reset"}.get(fault.kind)
    if sign is not None:
        return f"a connection was {sign}" if now.outcome == sign != before.outcome else ""
    if before.first is None:
        return ""  # the peer says nothing to compare with
    stalls = kind == "timeout" or (kind == "bandwidth" and not fault.attributes.get("rate"))
    if stalls:
        return "no byte came through" if now.first is None and now.outcome in ("silent", "closed") else ""
    expected = min(_expected(fault, before), _MOST)
    known = now.first if kind == "latency" and now.first is not None else now.total
    added = known - (before.first if kind == "latency" else before.total)
    return f"{added * 1e3:.0f} ms were added to a connection" if added >= expected / 2 >= VISIBLE / 2 else ""


def _expected(fault: Fault, before: Probe) -> float:
    """Seconds that the fault should add to one probe."""
    given = {key: float(value) for key, value in fault.attributes.items()}
    if fault.kind == "latency":
        return max(0.0, given.get("latency", 0.0) - given.get("jitter", 0.0)) / 1e3
    if fault.kind == "bandwidth" and given.get("rate"):
        return (before.size if fault.stream == "downstream" else len(ASK)) / (given["rate"] * 1e3)
    return given.get("timeout", 0.0) / 1e3 if fault.kind == "reset_peer" else 0.0
