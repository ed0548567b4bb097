"""Whether a request to the control API may come from a page in a browser: by its Host and its Origin.

A page of a foreign site can send requests to loopback: across sites (the Origin names the page's site), or after its
own name was made to lead here (DNS rebinding: the Host is that name). Tested in tests/chaos/proxy/test_origin.py.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def find_foreign_origin(headers: Mapping[str, str], *, any_host: bool = False) -> str:
    """Why a request is refused; empty when it is not. `any_host`: the API listens beyond loopback, under any name.

    Without an Origin it is no page's; without a Host, HTTP/1.0.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    if host and not any_host and not _is_loopback(host):
        return f"Host {host!r} is not allowed: call the API as localhost or by a loopback address"
    if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        return f"Origin {origin!r} is not allowed: no page of another site may call the API"
    return ""


def _is_loopback(host: str) -> bool:
    """Whether "host" or "host:port" is this machine's loopback."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port
        if parts.netloc != host or "@" in host or parts.path:
            return False
        return name.rstrip(".") == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
