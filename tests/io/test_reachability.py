"""Name, port and certificate, each within its time."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import trustme

from harness.core.endpoint import TLS, Endpoint
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.io import reachability

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Serve

    Context = Callable[..., ssl.SSLContext]


def nothing(conn: Conn) -> None:
    conn.until_closed()


def test_resolve() -> None:
    assert reachability.resolve_host("127.0.0.1", 80, 5.0) == ("127.0.0.1",)
    assert "127.0.0.1" in reachability.resolve_host("localhost", 80, 5.0)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".invalid"])
def test_resolve_an_unknown_name(host: str) -> None:
    with pytest.raises(TransportError, match="no address") as caught:
        reachability.resolve_host(host, 80, 5.0)
    assert caught.value.error is ErrorClass.NAME


def test_a_hanging_resolver_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*args: object, **kwargs: object) -> list[object]:
        release.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(TransportError, match=r"not resolved within 0\.05 s") as caught:
        reachability.resolve_host("slow.example", 80, 0.05)
    release.set()
    assert caught.value.error is ErrorClass.CONNECT_TIMEOUT


def test_connect(serve: Serve) -> None:
    reachability.try_connection(Endpoint(serve(nothing).url), 5.0)


def test_connect_refused() -> None:
    with pytest.raises(TransportError, match="refused") as caught:
        reachability.try_connection(Endpoint("http://127.0.0.1:1"), 5.0)
    assert caught.value.error is ErrorClass.CONNECT


def test_connect_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        port = full.getsockname()[1]
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        with pytest.raises(TransportError) as caught:
            reachability.try_connection(Endpoint(f"http://127.0.0.1:{port}"), 0.1)
    assert caught.value.error is ErrorClass.CONNECT_TIMEOUT


def test_connect_reaches_for_the_proxy(serve: Serve) -> None:
    proxy = serve(nothing)
    reachability.try_connection(Endpoint("http://service.invalid", proxy=proxy.url), 5.0)
    with pytest.raises(TransportError) as caught:
        reachability.try_connection(Endpoint(proxy.url, proxy="http://127.0.0.1:1"), 5.0)
    assert caught.value.error is ErrorClass.PROXY


def test_certificate(serve: Serve, server_context: Context, ca_file: str) -> None:
    until = datetime.datetime(2035, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    peer = serve(nothing, server_context(not_after=until))
    certificate = reachability.read_certificate(Endpoint(peer.url, tls=TLS(ca_file)), 5.0)
    assert certificate.not_after == until.timestamp()
    assert certificate.not_before < certificate.not_after
    assert "trustme" in certificate.subject


@pytest.mark.parametrize(
    ("issue", "words"),
    [
        ({"not_before": datetime.datetime(2020, 1, 1), "not_after": datetime.datetime(2020, 1, 2)}, "expired"),
        ({"names": ("other.example",)}, "another address"),
        ({"issuer": trustme.CA()}, "not trusted"),
        ({"mutual": True}, "client certificate"),
    ],
    ids=["expired", "wrong host", "unknown issuer", "client certificate required"],
)
def test_a_wrong_certificate_is_told(
    serve: Serve, server_context: Context, ca_file: str, issue: dict[str, object], words: str
) -> None:
    names = issue.get("names", ())
    assert isinstance(names, tuple)
    context = server_context(*names, **{key: value for key, value in issue.items() if key != "names"})
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    peer = serve(nothing, context)
    with pytest.raises(TransportError, match=words) as caught:
        reachability.read_certificate(Endpoint(peer.url, tls=TLS(ca_file)), 5.0)
    assert caught.value.error is (ErrorClass.TLS if "mutual" in issue else ErrorClass.CERTIFICATE)


def test_a_self_signed_certificate_is_told(serve: Serve, ca: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with ca.private_key_pem.tempfile() as key, ca.cert_pem.tempfile() as cert:
        context.load_cert_chain(cert, key)
    with pytest.raises(TransportError, match="self-signed") as caught:
        reachability.read_certificate(Endpoint(serve(nothing, context).url), 5.0)
    assert caught.value.error is ErrorClass.CERTIFICATE


def drip_handshake(conn: Conn) -> None:
    conn.sock.recv(65536)
    conn.send(b"\x16\x03\x03\x40\x00")
    conn.drip(b"\x02", 0.01)


@pytest.mark.parametrize("script", [nothing, drip_handshake])
def test_the_handshake_has_a_deadline(serve: Serve, script: Callable[[Conn], None]) -> None:
    url = serve(script).url.replace("http:", "https:")
    with pytest.raises(TransportError) as caught:
        reachability.read_certificate(Endpoint(url), 0.1)
    assert caught.value.error is ErrorClass.CONNECT_TIMEOUT


def test_a_handshake_that_is_cut_or_none(serve: Serve) -> None:
    for script in (lambda conn: None, lambda conn: conn.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")):
        with pytest.raises(TransportError) as caught:
            reachability.read_certificate(Endpoint(serve(script).url.replace("http:", "https:")), 5.0)
        assert caught.value.error is ErrorClass.TLS


def test_no_certificate_to_ask_for() -> None:
    for endpoint in (Endpoint("http://127.0.0.1:1"), Endpoint("https://127.0.0.1:1", proxy="http://127.0.0.1:2")):
        with pytest.raises(UsageError):
            reachability.read_certificate(endpoint, 1.0)


@pytest.mark.parametrize(
    ("script", "speaks"),
    [
        (lambda conn: conn.send(conn.sock.recv(65536)), False),
        (lambda conn: conn.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), False),
        (lambda conn: conn.send(b"\x15\x03"), False),
        (lambda conn: conn.send(b"\x15\x03\x03\x00\x02\x02\x28"), True),
        (lambda conn: conn.sock.recv(1), False),
    ],
    ids=["echo", "http", "cut", "alert", "closes"],
)
def test_what_looks_like_tls(serve: Serve, script: Callable[[Conn], None], speaks: bool) -> None:
    endpoint = Endpoint(serve(script).url)
    words = reachability.find_tls_obstacle(endpoint, 5.0)
    assert words == (f"the port speaks TLS, not plain HTTP: give https://127.0.0.1:{endpoint.port}" if speaks else None)


def test_a_port_of_tls_is_seen_whatever_its_certificate(serve: Serve, server_context: Context) -> None:
    for context in (server_context("other.example"), server_context(mutual=True)):
        url = serve(nothing, context).url
        words = reachability.find_tls_obstacle(Endpoint(url.replace("https:", "http:")), 5.0)
        assert words is not None
        assert words.endswith(f"give {url}")


def test_a_required_client_certificate_is_seen_after_the_handshake(
    serve: Serve, server_context: Context, ca_file: str
) -> None:
    required, open_to_all = (serve(nothing, server_context(mutual=mutual)).url for mutual in (True, False))
    words = reachability.find_tls_obstacle(Endpoint(required, tls=TLS(ca_file)), 5.0)
    assert words is not None
    assert "client_cert" in words
    assert reachability.find_tls_obstacle(Endpoint(open_to_all, tls=TLS(ca_file)), 5.0) is None
    assert reachability.find_tls_obstacle(Endpoint(required, tls=TLS(ca_file), proxy="http://127.0.0.1:1"), 5.0) is None
