"""Reach an endpoint step by step, below HTTP: its name, its port, its certificate."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from harness.core.endpoint import TLS, Endpoint
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.io import tls
from harness.io.error_map import classify_error

_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""Default ports of the proxy schemes that httpx speaks."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A service's certificate, verified in a handshake; times in seconds since the Unix epoch."""

    subject: str
    not_before: float
    not_after: float


def resolve_host(host: str, port: int, timeout: float) -> tuple[str, ...]:
    """Resolve a host name to its addresses, in the system's order. Raises `TransportError` (NAME; CONNECT_TIMEOUT).

    `getaddrinfo` cannot be interrupted: it runs in a thread that is left behind when the time is up.
    """
    addresses: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            addresses.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            addresses.set_exception(error)

    threading.Thread(target=look_up, name="aiharness-resolve", daemon=True).start()
    try:
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in addresses.result(timeout)))
    except TimeoutError:
        why = f"the name {host!r} was not resolved within {timeout:g} s"
        raise TransportError(ErrorClass.CONNECT_TIMEOUT, why) from None
    except (OSError, UnicodeError) as error:
        raise TransportError(ErrorClass.NAME, f"{host}: {classify_error(error)[1]}") from None


def try_connection(endpoint: Endpoint, timeout: float) -> None:
    """Open a connection to the endpoint, or to its proxy, and close it.

    Raises `TransportError`: NAME, CONNECT, CONNECT_TIMEOUT, or PROXY when it is the proxy that cannot be reached.
    """
    deadline = time.monotonic() + timeout
    if endpoint.proxy is None or endpoint.unix_socket is not None:
        _dial(endpoint, deadline).close()
        return
    proxy = urlsplit(endpoint.proxy)
    try:
        _dial_tcp(proxy.hostname or "", proxy.port or _PROXY_PORTS.get(proxy.scheme, 80), deadline).close()
    except TransportError as error:
        raise TransportError(ErrorClass.PROXY, f"the proxy cannot be reached: {error}") from None


def read_certificate(endpoint: Endpoint, timeout: float) -> Certificate:
    """Read the endpoint's certificate in a handshake verified with its TLS settings.

    Raises `TransportError`: TLS for a certificate that is expired, self-signed, for another host, ..., and what
    `try_connection` raises. Raises `UsageError` for an endpoint without TLS or behind a proxy, and for bad TLS files.
    """
    if not endpoint.is_secure:
        raise UsageError(f"endpoint {endpoint.url!r} has no certificate: its URL is not https")
    if endpoint.proxy is not None:
        raise UsageError("the certificate cannot be read through a proxy")
    with open_connection(endpoint, timeout) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        fields: dict[str, Any] = connection.getpeercert() or {}
    subject = ", ".join(f"{key}={value}" for pairs in fields.get("subject", ()) for key, value in pairs)
    first, last = (float(ssl.cert_time_to_seconds(fields[name])) for name in ("notBefore", "notAfter"))
    return Certificate(subject, first, last)


def open_connection(endpoint: Endpoint, timeout: float) -> socket.socket:
    """Open a connection to the endpoint itself, with TLS for an https URL. Raises as `read_certificate` does."""
    context = _create_http1_context(endpoint.tls) if endpoint.is_secure else None
    deadline = time.monotonic() + timeout
    sock = _dial(endpoint, deadline)
    if context is None:
        return sock
    try:
        # The socket's timeout bounds the handshake as a whole, however slow its bytes (CPython counts one deadline).
        sock.settimeout(_compute_remaining(deadline))
        return context.wrap_socket(sock, server_hostname=endpoint.host)
    except TimeoutError:
        raise TransportError(ErrorClass.CONNECT_TIMEOUT, f"no TLS handshake within {timeout:g} s") from None
    except (OSError, ValueError) as error:
        kind, detail = classify_error(error)
        if isinstance(error, ConnectionError):
            kind, detail = ErrorClass.TLS, "the peer ended the TLS handshake"
        raise TransportError(kind, detail) from None


@lru_cache(maxsize=4)
def _create_http1_context(settings: TLS) -> ssl.SSLContext:
    context = tls.create_context(settings)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _dial(endpoint: Endpoint, deadline: float) -> socket.socket:
    if endpoint.unix_socket is None:
        return _dial_tcp(endpoint.host, endpoint.port, deadline)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(_compute_remaining(deadline))
        sock.connect(endpoint.unix_socket)
    except OSError as error:
        sock.close()
        why = f"unix socket {endpoint.unix_socket}: no connection ({error})"
        raise TransportError(ErrorClass.CONNECT, why) from None
    return sock


def _dial_tcp(host: str, port: int, deadline: float) -> socket.socket:
    failure = OSError("it has no address")
    for address in resolve_host(host, port, _compute_remaining(deadline)):
        try:
            sock = socket.create_connection((address, port), timeout=_compute_remaining(deadline))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            failure = error
    kind, detail = classify_error(failure)
    raise TransportError(ErrorClass.CONNECT if kind is ErrorClass.CLOSED else kind, f"{host}:{port}: {detail}")


def _compute_remaining(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)
