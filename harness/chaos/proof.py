"""Prove that a fault acts on a link: a plain connection through the proxy, before and while the fault is applied.

A real Toxiproxy counts nothing while connections live, so this is the only proof that it allows. It shows that the
link is disturbed, not that the service uses it.

Tested in tests/chaos/test_judging.py.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import socket
from typing import Literal

from harness.core.experiment import Fault, Proof
from harness.core.fault import MOST_PROBE_DELAY, LinkProbe, load_fault
from harness.io.clock import read_monotonic

_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""Most peers answer this, or end the connection; both send something through the toxic."""

_MOST_BYTES, _MOST_TRIES = 65536, 20
"""Bytes that one probe reads at most, and probes that look for a rare fault at most."""


def probe_link(listen: str, patience: float = 1.0) -> LinkProbe:
    """Connect to `listen` ("host:port"), send a request, and read for at most `patience` seconds or 64 KiB."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    with contextlib.suppress(ValueError):  # a name
        if ipaddress.ip_address(host).is_unspecified:
            host = "127.0.0.1"
    began = read_monotonic()
    try:
        peer = socket.create_connection((host, int(port)), patience)
    except (OSError, ValueError):
        return LinkProbe("refused", total=read_monotonic() - began)
    first, size = None, 0
    outcome: Literal["reset", "closed", "silent"] = "silent"
    with peer:
        try:
            peer.sendall(_REQUEST)
            while size < _MOST_BYTES and (left := began + patience - read_monotonic()) > 0:
                peer.settimeout(left)
                if not (data := peer.recv(16384)):
                    outcome = "closed"
                    break
                first = first or read_monotonic() - began
                size += len(data)
        except TimeoutError:
            pass
        except OSError:
            outcome = "reset"
    return LinkProbe(outcome, first, read_monotonic() - began, size, len(_REQUEST))


def prove_fault(fault: Fault, listen: str, before: LinkProbe) -> Proof:
    """Probe until the fault's own signature is seen, as often as its toxicity asks for (20 times at most)."""
    parameters = load_fault(fault.kind).parse(fault.attributes)
    delay = min(MOST_PROBE_DELAY, 2 * parameters.expect_delay(before, fault.stream) + 0.5)
    tries = 1
    if fault.toxicity < 1:
        tries = min(_MOST_TRIES, math.ceil(math.log(1e-3) / math.log1p(-fault.toxicity)))
    ends = read_monotonic() + min(MOST_PROBE_DELAY, fault.duration)
    while True:
        now = probe_link(listen, before.total + delay)
        if reason := parameters.recognise(before, now, fault.stream):
            return Proof("probe", None, reason)
        tries -= 1
        if tries <= 0 or read_monotonic() > ends:
            return Proof("none", None, f"a connection through {listen} showed no {fault.kind}: {now.outcome}")
