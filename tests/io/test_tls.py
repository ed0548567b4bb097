"""TLS, client certificates and HTTP/2, against real servers with a CA of the test's own."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from harness.core.endpoint import TLS, Deadlines, Endpoint
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Request
from harness.io.client import Client

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Http2, Serve

    Context = Callable[..., ssl.SSLContext]

GET = Request("GET", "/x")
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def polite(conn: Conn) -> None:
    while conn.request():
        conn.answer(b"ok")


def test_trusted(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    peer = serve(polite, server_context())
    exchange = connect(peer.url, tls=TLS(ca_file=ca_file)).exchange(GET)
    assert exchange.ok, exchange.detail


def test_the_systems_store_does_not_know_the_ca(serve: Serve, connect: Connect, server_context: Context) -> None:
    exchange = connect(serve(polite, server_context()).url).exchange(GET)
    assert exchange.error is ErrorClass.CERTIFICATE
    assert "not trusted" in exchange.detail


def test_expired(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    context = server_context(not_before=PAST, not_after=PAST + datetime.timedelta(days=1))
    exchange = connect(serve(polite, context).url, tls=TLS(ca_file=ca_file)).exchange(GET)
    assert exchange.error is ErrorClass.CERTIFICATE
    assert "expired" in exchange.detail


def test_wrong_host(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    peer = serve(polite, server_context("elsewhere.example"))
    for url, words in ((peer.url, "another address"), (peer.url.replace("127.0.0.1", "localhost"), "another host")):
        exchange = connect(url, tls=TLS(ca_file=ca_file)).exchange(GET)
        assert exchange.error is ErrorClass.CERTIFICATE
        assert words in exchange.detail


def test_plain_http_behind_https(serve: Serve, connect: Connect) -> None:
    def bad_request(conn: Conn) -> None:
        conn.sock.recv(65536)
        conn.answer(b"no", status=b"400 Bad Request")

    exchange = connect(serve(bad_request).url.replace("http:", "https:")).exchange(GET)
    assert exchange.error is ErrorClass.TLS
    assert "does not speak TLS" in exchange.detail


def test_closed_inside_the_handshake(serve: Serve, connect: Connect) -> None:
    exchange = connect(serve(lambda conn: None).url.replace("http:", "https:")).exchange(GET)
    assert exchange.error is ErrorClass.TLS, exchange.detail


@pytest.fixture
def client_files(ca: trustme.CA, tmp_path: Path) -> tuple[str, str]:
    issued = ca.issue_cert("client@example.org")
    cert, key = tmp_path / "client.pem", tmp_path / "client.key"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return str(cert), str(key)


def test_client_certificate(
    serve: Serve, connect: Connect, server_context: Context, ca_file: str, client_files: tuple[str, str]
) -> None:
    peer = serve(polite, server_context(mutual=True))
    assert connect(peer.url, tls=TLS(ca_file, *client_files)).exchange(GET).ok


def test_client_certificate_missing(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    context = server_context(mutual=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # in 1.3 the refusal races with the request
    exchange = connect(serve(polite, context).url, tls=TLS(ca_file)).exchange(GET)
    assert exchange.error is ErrorClass.TLS
    assert "client certificate" in exchange.detail


def test_files_that_cannot_be_used_are_named(ca_file: str, client_files: tuple[str, str], tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    cert, key = client_files
    other = tmp_path / "other.key"
    trustme.CA().issue_cert("x.example").private_key_pem.write_to_path(str(other))
    missing = str(tmp_path / "missing.pem")
    for settings, named, words in (
        (TLS(missing), missing, "No such file"),
        (TLS(str(tmp_path)), str(tmp_path), "directory"),
        (TLS(str(text)), str(text), "no PEM certificate"),
        (TLS(ca_file, missing), missing, "No such file"),
        (TLS(ca_file, cert, missing), missing, "No such file"),
        (TLS(ca_file, str(text)), str(text), "cannot be used"),
        (TLS(ca_file, cert, str(other)), str(other), "does not belong"),
        (TLS(ca_file, None, key), key, "without a client certificate"),
    ):
        with pytest.raises(UsageError) as caught:
            Client(Endpoint("https://127.0.0.1:1", tls=settings))
        assert named in str(caught.value)
        assert words in str(caught.value)


def test_http2(serve: Serve, connect: Connect, server_context: Context, ca_file: str, http2_script: Http2) -> None:
    peer = serve(http2_script, server_context(alpn="h2"))
    client = connect(peer.url, tls=TLS(ca_file), http2=True)
    exchange = client.exchange(GET)
    assert exchange.ok, exchange.detail
    assert exchange.response is not None
    assert (exchange.response.http_version, exchange.response.body) == ("HTTP/2", b"/x")
    assert exchange.timing.sent is not None
    exchanges = client.exchange_many([Request("GET", f"/{i}") for i in range(20)], concurrency=20)
    assert [e.response.body for e in exchanges if e.response] == [b"/%d" % i for i in range(20)]
    assert http2_script.versions == ["h2"]


def test_http2_is_not_offered_unasked(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    peer = serve(polite, server_context(alpn="h2"))
    exchange = connect(peer.url, tls=TLS(ca_file)).exchange(GET)
    assert exchange.response is not None
    assert exchange.response.http_version == "HTTP/1.1"


def test_http2_falls_back(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    peer = serve(polite, server_context())
    exchange = connect(peer.url, tls=TLS(ca_file), http2=True).exchange(GET)
    assert exchange.response is not None
    assert exchange.response.http_version == "HTTP/1.1"


def test_an_abandoned_http2_stream_does_not_stall_the_next(
    serve: Serve, connect: Connect, server_context: Context, ca_file: str, http2_script: Http2
) -> None:
    peer = serve(http2_script, server_context(alpn="h2"))
    client = connect(peer.url, tls=TLS(ca_file), http2=True, deadlines=Deadlines(5.0, 1.5, 5.0, 8.0))
    assert client.exchange(Request("GET", "/flood")).error is ErrorClass.TOO_LARGE
    assert client.exchange(GET).ok
    assert client.exchange(Request("GET", "/silent")).error is ErrorClass.FIRST_BYTE_TIMEOUT
    assert client.exchange(Request("GET", "/reset")).error is ErrorClass.CLOSED
    assert client.exchange(GET).ok


def test_broken_http2(serve: Serve, connect: Connect, server_context: Context, ca_file: str) -> None:
    def data_on_stream_zero(conn: Conn) -> None:
        conn.sock.recv(65536)
        conn.send(b"\x00\x00\x01" + b"\x00\x00" + b"\x00\x00\x00\x00" + b"x")
        conn.until_closed()

    peer = serve(data_on_stream_zero, server_context(alpn="h2"))
    exchange = connect(peer.url, tls=TLS(ca_file), http2=True).exchange(GET)
    assert exchange.error is ErrorClass.MALFORMED, exchange.detail
