"""Reaching an endpoint step by step, below HTTP: its name, its port, its certificate."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from harness.core.endpoint import TLS, Endpoint
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.io import tls
from harness.io.errormap import classify

PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""Default ports of the proxy schemes that httpx speaks."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a service proved of itself in a verified handshake; times in seconds since the Unix epoch."""

    subject: str
    issuer: str
    not_before: float
    not_after: float
    sans: tuple[str, ...]
    protocol: str


def resolve(host: str, port: int, timeout: float) -> tuple[str, ...]:
    """The addresses of a host name, in the system's order. Raises `TransportError` (NAME; CONNECT_TIMEOUT).

    `getaddrinfo` cannot be interrupted: it runs in a thread that is left behind when the time is up.
    """
    answer: list[tuple[str, ...] | Exception] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.append(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    asking = threading.Thread(target=ask, name="aiharness-resolve", daemon=True)
    asking.start()
    asking.join(timeout)
    if not answer:
        raise TransportError(ErrorClass.CONNECT_TIMEOUT, f"the name {host!r} was not resolved within {timeout:g} s")
    if isinstance(answer[0], Exception):
        raise TransportError(ErrorClass.NAME, f"{host}: {classify(answer[0])[1]}") from None
    return answer[0]


def connect(endpoint: Endpoint, timeout: float) -> str:
    """Open a connection to the endpoint, or to its proxy, and close it; the address that accepted.

    Raises `TransportError`: NAME, CONNECT, CONNECT_TIMEOUT, or PROXY when it is the proxy that cannot be reached.
    """
    if endpoint.unix_socket is not None:
        _dial_unix(endpoint.unix_socket, timeout).close()
        return endpoint.unix_socket
    host, port = (endpoint.host, endpoint.port) if endpoint.proxy is None else _proxy_at(endpoint.proxy)
    try:
        with _dial(host, port, time.monotonic() + timeout) as sock:
            return str(sock.getpeername()[0])
    except TransportError as error:
        if endpoint.proxy is None:
            raise
        raise TransportError(ErrorClass.PROXY, f"the proxy cannot be reached: {error}") from None


def certificate(endpoint: Endpoint, timeout: float) -> Certificate:
    """The endpoint's certificate from a handshake verified with its TLS settings.

    Raises `TransportError`: TLS for a certificate that is expired, self-signed, for another host, ..., and what
    `connect` raises. Raises `UsageError` for an endpoint without TLS or behind a proxy, and for unusable TLS files.
    """
    if not endpoint.secure:
        raise UsageError(f"endpoint {endpoint.url!r} has no certificate: it is not https")
    if endpoint.proxy is not None:
        raise UsageError("the certificate is not read through a proxy")
    with opened(endpoint, timeout) as secured:
        assert isinstance(secured, ssl.SSLSocket)
        return _certificate(secured)


def opened(endpoint: Endpoint, timeout: float) -> socket.socket:
    """A connection to the endpoint itself, with its TLS where it is https. Raises as `certificate` does."""
    context = _context(endpoint.tls) if endpoint.secure else None
    deadline = time.monotonic() + timeout
    if endpoint.unix_socket is not None:
        sock = _dial_unix(endpoint.unix_socket, timeout)
    else:
        sock = _dial(endpoint.host, endpoint.port, deadline)
    if context is None:
        return sock
    try:
        # The socket's timeout bounds the handshake as a whole, however it drips (CPython counts one deadline).
        sock.settimeout(_left(deadline))
        return context.wrap_socket(sock, server_hostname=endpoint.host)
    except TimeoutError:
        raise TransportError(ErrorClass.CONNECT_TIMEOUT, f"no TLS handshake within {timeout:g} s") from None
    except (OSError, ValueError) as error:
        kind, detail = classify(error)
        if isinstance(error, ConnectionError):
            kind, detail = ErrorClass.TLS, "the peer ended the TLS handshake"
        raise TransportError(kind, detail) from None


@lru_cache(maxsize=4)
def _context(settings: TLS) -> ssl.SSLContext:
    made = tls.context(settings)
    made.set_alpn_protocols(["http/1.1"])
    return made


def _dial(host: str, port: int, deadline: float) -> socket.socket:
    failure = OSError("it has no address")
    for address in resolve(host, port, _left(deadline)):
        try:
            sock = socket.create_connection((address, port), timeout=_left(deadline))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            failure = error
    kind, detail = classify(failure)
    raise TransportError(ErrorClass.CONNECT if kind is ErrorClass.CLOSED else kind, f"{host}:{port}: {detail}")


def _dial_unix(path: str, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except OSError as error:
        sock.close()
        raise TransportError(ErrorClass.CONNECT, f"unix socket {path}: no connection ({error})") from None
    return sock


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _proxy_at(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PROXY_PORTS.get(parts.scheme, 80)


def _certificate(secured: ssl.SSLSocket) -> Certificate:
    told: dict[str, Any] = secured.getpeercert() or {}
    return Certificate(
        subject=_name(told.get("subject", ())),
        issuer=_name(told.get("issuer", ())),
        not_before=float(ssl.cert_time_to_seconds(told["notBefore"])),
        not_after=float(ssl.cert_time_to_seconds(told["notAfter"])),
        sans=tuple(str(value) for _, value in told.get("subjectAltName", ())),
        protocol=secured.version() or "",
    )


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    return ", ".join(f"{key}={value}" for pairs in parts for key, value in pairs)
