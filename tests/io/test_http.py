"""Exchanges that go as they should: what is sent, what is kept, what is never done."""

from __future__ import annotations

import asyncio
import base64
import threading
from typing import TYPE_CHECKING

import pytest

from harness.core.endpoint import Credentials, Deadlines, Endpoint, Secret
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Exchange, Request
from harness.io.client import Client
from harness.io.clock import Monotonic
from harness.io.http import HttpTransport

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Peer, Serve

GET = Request("GET", "/x")
KEY = "s3cret-k3y-0123"
BEARER = Credentials("bearer", Secret(KEY))
HEADER = Credentials("header", Secret(KEY), header="X-Api-Key")
BASIC = Credentials("basic", Secret(KEY), username="anna")


def polite(conn: Conn) -> None:
    while conn.request():
        conn.answer(b"ok", b"Content-Type: text/plain; charset=utf-8", b"X-Twice: 1", b"x-twice: 2")


def lines_of(peer: Peer) -> dict[str, str]:
    """The header lines of the last request, names in lower case; a repeated name fails the test."""
    head = peer.seen[-1].partition(b"\r\n\r\n")[0].decode()
    pairs = [line.split(": ", 1) for line in head.split("\r\n")[1:]]
    headers = {name.lower(): value for name, value in pairs}
    assert len(headers) == len(pairs), head
    return headers


def test_what_is_sent_and_what_comes_back(serve: Serve, connect: Connect) -> None:
    peer = serve(polite)
    request = Request("POST", "/v1/x?y=1", (("content-type", "application/json"),), b'{"a": 1}')
    exchange = connect(peer.url + "/prefix").exchange(request)
    assert exchange.ok
    assert exchange.request is request
    assert exchange.response is not None
    assert exchange.response.body == b"ok"
    assert exchange.response.content_type == "text/plain"
    assert [value for name, value in exchange.response.headers if name == "x-twice"] == ["1", "2"]
    assert exchange.response.http_version == "HTTP/1.1"
    assert peer.seen[-1].startswith(b"POST /prefix/v1/x?y=1 HTTP/1.1\r\n")
    assert peer.seen[-1].endswith(b'\r\n\r\n{"a": 1}')
    sent = lines_of(peer)
    assert sent["user-agent"].startswith("aiharness")
    assert sent["content-length"] == "8"
    assert "authorization" not in sent


def test_the_schedule_is_kept_beside_the_stamps(serve: Serve) -> None:
    async def send_scheduled() -> Exchange:
        transport = HttpTransport(Endpoint(serve(polite).url), clock=Monotonic())
        try:
            return await transport.exchange(GET, intended=-3.0)
        finally:
            await transport.aclose()

    timing = asyncio.run(send_scheduled()).timing
    assert timing.intended == -3.0
    assert timing.latency is not None
    assert timing.service_time is not None
    assert timing.latency > timing.service_time + 3.0
    assert timing.first_byte is not None


def test_an_empty_body_has_a_first_byte(serve: Serve, connect: Connect) -> None:
    def empty(conn: Conn) -> None:
        conn.request()
        conn.answer(b"")

    timing = connect(serve(empty).url).exchange(GET).timing
    assert timing.first_byte == timing.done is not None


@pytest.mark.parametrize(
    ("credentials", "line", "value"),
    [
        (BEARER, "authorization", f"Bearer {KEY}"),
        (HEADER, "x-api-key", KEY),
        (BASIC, "authorization", "Basic " + base64.b64encode(f"anna:{KEY}".encode()).decode()),
    ],
)
def test_credentials_arrive(serve: Serve, connect: Connect, credentials: Credentials, line: str, value: str) -> None:
    peer = serve(polite)
    client = connect(peer.url, credentials=credentials)
    client.exchange(GET)
    assert lines_of(peer)[line] == value
    client.exchange(GET, credentials=None)
    assert line not in lines_of(peer)
    client.exchange(GET, credentials=credentials.make_wrong())
    assert lines_of(peer)[line] not in ("", value)


def test_later_header_lines_replace_earlier_ones(serve: Serve, connect: Connect) -> None:
    peer = serve(polite)
    client = connect(peer.url, credentials=BEARER, headers=(("X-Team", "blue"), ("Accept", "application/json")))
    client.exchange(Request("GET", "/", (("x-team", "red"), ("AUTHORIZATION", "mine"))))
    sent = lines_of(peer)
    assert (sent["x-team"], sent["accept"], sent["authorization"]) == ("red", "application/json", "mine")


def test_connections_are_kept_alive(serve: Serve, connect: Connect) -> None:
    peer = serve(polite)
    client = connect(peer.url)
    assert all(client.exchange(GET).ok for _ in range(5))
    assert peer.accepted == 1


def test_a_kept_connection_that_breaks_is_told(serve: Serve, connect: Connect) -> None:
    def second_breaks(conn: Conn) -> None:
        conn.request()
        conn.answer(b"ok")
        conn.request()

    peer = serve(second_breaks)
    client = connect(peer.url)
    assert client.exchange(GET).ok
    exchange = client.exchange(GET)
    assert exchange.error is ErrorClass.CLOSED
    assert "kept alive" in exchange.detail
    assert len(peer.seen) == 2  # nothing is sent twice


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503])
def test_an_error_status_keeps_its_answer(serve: Serve, connect: Connect, status: int) -> None:
    def refuse(conn: Conn) -> None:
        conn.request()
        conn.answer(b'{"error": "no"}', b"retry-after: 1", status=b"%d No" % status)

    exchange = connect(serve(refuse).url).exchange(GET)
    assert exchange.error is ErrorClass.STATUS
    assert exchange.status == status
    assert exchange.response is not None
    assert exchange.response.body == b'{"error": "no"}'
    assert exchange.timing.done is not None


def test_a_redirect_is_told_and_not_followed(serve: Serve, connect: Connect) -> None:
    elsewhere = serve(polite)

    def redirect(conn: Conn) -> None:
        conn.request()
        target = elsewhere.url.replace("//", f"//anna:{KEY}@") + f"/y/?token={KEY}"
        conn.answer(b"", b"location: " + target.encode(), status=b"307 Temporary Redirect")

    exchange = connect(serve(redirect).url, credentials=BEARER).exchange(GET)
    assert exchange.error is ErrorClass.REDIRECT
    assert f"127.0.0.1:{elsewhere.port}/y/" in exchange.detail
    assert KEY not in exchange.detail
    assert "anna" not in exchange.detail
    assert elsewhere.accepted == 0


def test_no_cookie_is_kept(serve: Serve, connect: Connect) -> None:
    def bake(conn: Conn) -> None:
        while conn.request():
            conn.answer(b"ok", b"set-cookie: session=1; Path=/")

    peer = serve(bake)
    client = connect(peer.url)
    client.exchange(GET)
    client.exchange(GET)
    assert "cookie" not in lines_of(peer)


def test_the_environment_is_not_heeded(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert connect(serve(polite).url).exchange(GET).ok


def test_refused(connect: Connect) -> None:
    exchange = connect("http://127.0.0.1:1").exchange(GET)
    assert exchange.error is ErrorClass.CONNECT
    assert exchange.error.is_before_contact
    assert exchange.timing.sent is None
    assert exchange.response is None


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".invalid"])
def test_unknown_name(connect: Connect, host: str) -> None:
    exchange = connect(f"http://{host}").exchange(GET)
    assert exchange.error is ErrorClass.NAME, exchange.detail


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "@elsewhere.invalid/"),
        Request("GET", "/", (("x", "line\r\nbreak"),)),
        Request("GET", "/", (("x y", "1"),)),
        Request("GET", "/", (("ü", "1"),)),
        Request("GE T", "/"),
    ],
)
def test_what_cannot_be_sent_is_the_harness(serve: Serve, connect: Connect, request_: Request) -> None:
    peer = serve(polite)
    exchange = connect(peer.url, credentials=BEARER).exchange(request_)
    assert exchange.error is ErrorClass.HARNESS, exchange.detail
    assert KEY not in exchange.detail
    assert peer.seen == []


@pytest.mark.parametrize(
    "fields",
    [
        {"credentials": Credentials("bearer", Secret(KEY + "\n"), source="AI_KEY")},
        {"headers": (("x key", KEY),)},
        {"headers": (("x-key", KEY + "\r\n"),)},
        {"proxy": f"ftp://anna:{KEY}@127.0.0.1"},
        {"proxy": f"anna:{KEY}@127.0.0.1:1"},
    ],
)
def test_unusable_settings_are_told_before_anything_is_sent(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        Client(Endpoint("http://127.0.0.1:1", **fields))  # type: ignore[arg-type]
    assert KEY not in str(caught.value)


def test_a_secret_never_shows(serve: Serve, connect: Connect) -> None:
    def leak(conn: Conn) -> None:
        conn.request()
        conn.send(f"HTTP/1.1 {KEY}\r\n\r\n".encode())

    proxy = f"http://anna:{KEY}@127.0.0.1:1"
    for client in (
        connect(serve(leak).url, credentials=BEARER),
        connect(serve(leak).url, headers=(("x-api-key", KEY),)),
        connect("http://127.0.0.1:1", credentials=BASIC),
        connect("https://127.0.0.1:1", proxy=proxy),
    ):
        exchange = client.exchange(GET)
        assert exchange.error is not None
        assert KEY not in repr(exchange)
    other = Credentials("header", Secret("0ther-secret"), header="x-key")
    assert "0ther-secret" not in repr(connect("http://127.0.0.1:1").exchange(GET, credentials=other))


def test_two_hundred_at_once(serve: Serve, connect: Connect) -> None:
    together = threading.Barrier(200, timeout=60.0)

    def meet(conn: Conn) -> None:
        while conn.request():
            together.wait()
            conn.answer(conn.seen[-1].split(b" ")[1])

    requests = [Request("GET", f"/{index}") for index in range(200)]
    client = connect(serve(meet).url, deadlines=Deadlines(60.0, 60.0, 60.0, 60.0))
    exchanges = client.exchange_many(requests, concurrency=200)
    assert [exchange.error for exchange in exchanges] == [None] * 200
    assert [exchange.request for exchange in exchanges] == requests
