"""Through a real forward proxy; what the proxy breaks is the proxy's, not the service's."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.core.endpoint import TLS
from harness.core.errors import ErrorClass
from harness.core.exchange import Request

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Serve

    Context = Callable[..., ssl.SSLContext]

GET = Request("GET", "/x")


def polite(conn: Conn) -> None:
    while conn.request():
        conn.answer(b"ok")


def tunnel(conn: Conn) -> None:
    """CONNECT host:port, then bytes both ways (RFC 9110 section 9.3.6)."""
    head = conn.request()
    host, port = head.split(b" ")[1].decode().split(":")
    with socket.create_connection((host, int(port)), timeout=5.0) as onward:
        conn.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=pump, args=(onward, conn.sock))
        back.start()
        pump(conn.sock, onward)
        back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def refuse(status: bytes) -> Callable[[Conn], None]:
    def script(conn: Conn) -> None:
        conn.request()
        conn.answer(b"", status=status)

    return script


def hang_up(conn: Conn) -> None:
    conn.request()


def test_plain_http_is_forwarded(serve: Serve, connect: Connect) -> None:
    proxy = serve(polite)
    exchange = connect("http://service.invalid", proxy=proxy.url.replace("//", "//anna:pw@")).exchange(GET)
    assert exchange.ok, exchange.detail
    assert proxy.seen[-1].startswith(b"GET http://service.invalid/x HTTP/1.1\r\n")
    assert b"roxy-Authorization: Basic YW5uYTpwdw==" in proxy.seen[-1]


def test_https_is_tunnelled(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    service, proxy = serve(polite, server_context()), serve(tunnel)
    exchange = connect(service.url, proxy=proxy.url, tls=TLS(ca_file)).exchange(GET)
    assert exchange.ok, exchange.detail
    assert proxy.seen[0].startswith(f"CONNECT 127.0.0.1:{service.port} ".encode())
    assert service.seen[0].startswith(b"GET /x ")


def test_the_services_certificate_is_not_the_proxys_fault(
    serve: Serve, connect: Connect, server_context: Context
) -> None:
    service, proxy = serve(polite, server_context()), serve(tunnel)
    exchange = connect(service.url, proxy=proxy.url).exchange(GET)
    assert exchange.error is ErrorClass.CERTIFICATE, exchange.detail


def test_the_proxy_refuses(serve: Serve, connect: Connect) -> None:
    for script in (refuse(b"403 Forbidden"), refuse(b"407 Proxy Authentication Required"), hang_up):
        exchange = connect("https://service.invalid", proxy=serve(script).url).exchange(GET)
        assert exchange.error is ErrorClass.PROXY, exchange.detail
        assert exchange.error.is_before_contact
        assert exchange.timing.sent is None


def test_the_proxy_wants_a_password_for_plain_http(serve: Serve, connect: Connect) -> None:
    proxy = serve(refuse(b"407 Proxy Authentication Required"))
    assert connect("http://service.invalid", proxy=proxy.url).exchange(GET).error is ErrorClass.PROXY


def test_no_proxy_there(connect: Connect) -> None:
    for url in ("http://service.invalid", "https://service.invalid"):
        for proxy in ("http://127.0.0.1:1", "http://nowhere.invalid:3128", "socks5://127.0.0.1:1"):
            exchange = connect(url, proxy=proxy).exchange(GET)
            assert exchange.error is ErrorClass.PROXY, exchange.detail


def test_a_socks_proxy_that_is_none(serve: Serve, connect: Connect) -> None:
    proxy = serve(lambda conn: conn.sock.recv(100) and conn.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    exchange = connect("http://service.invalid", proxy=f"socks5://127.0.0.1:{proxy.port}").exchange(GET)
    assert exchange.error is ErrorClass.PROXY, exchange.detail
