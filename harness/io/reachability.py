"""Reach an endpoint step by step, below HTTP: its name, its port, its certificate."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from harness.core.endpoint import TLS, Endpoint
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.io import tls
from harness.io.clock import read_monotonic
from harness.io.error_map import classify_error

_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""Default ports of the proxy schemes that httpx speaks."""

_ALERT_SECONDS = 1.0
_RECORD_START = 6
"""Bytes of a TLS record's header and of the type of the handshake message in it."""
_SERVER_HELLO = 2


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
    deadline = read_monotonic() + timeout
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

    Raises `TransportError`: CERTIFICATE for one that is expired, self-signed, for another host, ...; TLS for a
    handshake that fails otherwise; and what `try_connection` raises. Raises `UsageError` for an endpoint without TLS or
    behind a proxy, and for bad TLS files.
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


def open_connection(
    endpoint: Endpoint, timeout: float, alpn_protocols: tuple[str, ...] = ("http/1.1",)
) -> socket.socket:
    """Open a connection to the endpoint itself, with TLS for an https URL. Raises as `read_certificate` does."""
    context = _create_tls_context(endpoint.tls, alpn_protocols) if endpoint.is_secure else None
    deadline = read_monotonic() + timeout
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


def find_tls_obstacle(endpoint: Endpoint, timeout: float) -> str | None:
    """Why an endpoint that accepts connections answers no request: http to a TLS port, or no client certificate.

    None where it is neither, and behind a proxy. Sends a handshake at most, and no request.
    """
    if endpoint.proxy is not None:
        return None
    try:
        if not endpoint.is_secure:
            port = "" if endpoint.port == 443 else f":{endpoint.port}"
            url = f"https://{endpoint.host}{port}"
            return f"the port speaks TLS, not plain HTTP: give {url}" if _speaks_tls(endpoint, timeout) else None
        # A gRPC server ends the connection of a client that does not offer HTTP/2.
        with open_connection(endpoint, timeout, ("h2", "http/1.1")) as connection:
            return _find_refused_client(connection, min(timeout, _ALERT_SECONDS), endpoint.tls)
    except TransportError as error:
        return str(error)
    except (OSError, ValueError):
        return None


def _find_refused_client(connection: socket.socket, seconds: float, settings: TLS) -> str | None:
    """Why a peer ends a connection on which nothing was sent; None where it keeps it.

    In TLS 1.3 a client without a certificate is refused after its handshake, with an alert or with the mere end.
    """
    connection.settimeout(seconds)
    try:
        is_kept = bool(connection.recv(1))
    except TimeoutError:
        is_kept = True
    except OSError as error:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return classify_error(error)[1]
        is_kept = False
    if is_kept or settings.client_cert is not None:
        return None
    return (
        "the service ends every connection right after the TLS handshake; it may require a client certificate: "
        "give client_cert and client_key under [endpoint] tls"
    )


def _speaks_tls(endpoint: Endpoint, timeout: float) -> bool:
    """Whether the peer answers a client's first message with a TLS handshake or alert of its own (RFC 8446, 5.1)."""
    outgoing, deadline = ssl.MemoryBIO(), read_monotonic() + timeout
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=endpoint.host)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    start = b""
    with _dial(endpoint, deadline) as sock:
        sock.sendall(outgoing.read())
        while len(start) < _RECORD_START:
            sock.settimeout(_compute_remaining(deadline))
            received = sock.recv(_RECORD_START - len(start))
            if not received:
                return False
            start += received
    # A server that returns what it gets would return the client's own hello, which is of another type.
    return start[:2] == b"\x15\x03" or (start[:2] == b"\x16\x03" and start[5] == _SERVER_HELLO)


@lru_cache(maxsize=4)
def _create_tls_context(settings: TLS, alpn_protocols: tuple[str, ...]) -> ssl.SSLContext:
    context = tls.create_context(settings)
    context.set_alpn_protocols(list(alpn_protocols))
    return context


def dial_endpoint(endpoint: Endpoint, timeout: float) -> socket.socket:
    """A connection to the endpoint itself, without TLS. Raises `TransportError` as `try_connection` does."""
    return _dial(endpoint, read_monotonic() + timeout)


def _dial(endpoint: Endpoint, deadline: float) -> socket.socket:
    if endpoint.unix_socket is None:
        return _dial_tcp(endpoint.host, endpoint.port, deadline)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(_compute_remaining(deadline))
        sock.connect(endpoint.unix_socket)
    except OSError as error:
        sock.close()
        why = f"unix socket {endpoint.unix_socket}: no connection ({error.strerror or error})"
        raise TransportError(ErrorClass.CONNECT, why) from None
    return sock


def _dial_tcp(host: str, port: int, deadline: float) -> socket.socket:
    failure = OSError("it has no address")
    addresses = resolve_host(host, port, _compute_remaining(deadline))
    for i, address in enumerate(addresses):
        patience = _compute_remaining(deadline) / (len(addresses) - i)  # a silent address leaves time for the others
        try:
            sock = socket.create_connection((address, port), timeout=patience)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            failure = error
    kind, detail = classify_error(failure)
    raise TransportError(ErrorClass.CONNECT if kind is ErrorClass.CLOSED else kind, f"{host}:{port}: {detail}")


def _compute_remaining(deadline: float) -> float:
    return max(deadline - read_monotonic(), 0.001)
