"""The blocking client: order, interrupts, threads, a clean end."""

from __future__ import annotations

import gc
import signal
import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Timing
from harness.io.client import Client
from harness.io.clock import Monotonic
from harness.io.http import STARVED

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Serve

GET = Request("GET", "/")


def echo_path(conn: Conn) -> None:
    while request := conn.request():
        conn.answer(request.split(b" ")[1])


def test_many_in_order(serve: Serve, connect: Connect) -> None:
    peer = serve(echo_path)
    requests = [Request("GET", f"/{index}") for index in range(40)]
    exchanges = connect(peer.url).exchange_many(requests, concurrency=7)
    assert [e.response.body.decode() for e in exchanges if e.response] == [r.path for r in requests]
    assert peer.accepted <= 7


def test_many_of_none(connect: Connect) -> None:
    assert connect("http://127.0.0.1:1").exchange_many([], concurrency=4) == []


def test_many_with_decoders(serve: Serve, connect: Connect, lines: Callable[[], StreamDecoder]) -> None:
    def stream(conn: Conn) -> None:
        while conn.request():
            conn.answer(b"data: a\n\n", b"content-type: text/event-stream")

    exchanges = connect(serve(stream).url).exchange_many([GET, GET], concurrency=2, decoders=[lines(), None])
    assert [len(exchange.events) for exchange in exchanges] == [1, 0]


@pytest.mark.parametrize("times", [1, 2])
def test_a_request_that_starved_is_sent_once_more(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    client = connect(serve(echo_path).url)
    transport = client._transport
    send, starved = transport.exchange, iter(range(times))

    async def starve_first(request: Request, **more: Any) -> Exchange:
        if next(starved, None) is not None:
            return Exchange(request, Timing(0.0), error=ErrorClass.HARNESS, detail=STARVED)
        return await send(request, **more)

    monkeypatch.setattr(transport, "exchange", starve_first)
    assert client.exchange(GET).error == (None if times == 1 else ErrorClass.HARNESS)


def test_a_request_with_a_time_of_its_own_is_not_sent_later(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(serve(echo_path).url)
    asked = []

    async def starve(request: Request, **more: Any) -> Exchange:
        asked.append(request)
        return Exchange(request, Timing(0.0), error=ErrorClass.HARNESS, detail=STARVED)

    monkeypatch.setattr(client._transport, "exchange", starve)
    assert client.wait_for(client.begin(GET, intended=0.0), GET).error is ErrorClass.HARNESS
    assert asked == [GET]


def test_from_several_threads(serve: Serve, connect: Connect) -> None:
    client = connect(serve(echo_path).url)
    exchanges: list[Exchange] = []
    threads = [threading.Thread(target=lambda: exchanges.append(client.exchange(GET))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [exchange.ok for exchange in exchanges] == [True] * 8


def test_an_interrupt_cancels_the_exchange(serve: Serve, connect: Connect) -> None:
    asked, closed = threading.Event(), threading.Event()

    def silent(conn: Conn) -> None:
        conn.request()
        asked.set()
        conn.until_closed()
        closed.set()

    client = connect(serve(silent).url)

    def press_ctrl_c() -> None:
        asked.wait(5)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    presser = threading.Thread(target=press_ctrl_c)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        client.exchange(GET)
    presser.join(5)
    assert closed.wait(5)


def test_closing_ends_what_is_under_way(serve: Serve) -> None:
    asked = threading.Event()

    def silent(conn: Conn) -> None:
        conn.request()
        asked.set()
        conn.until_closed()

    client = Client(Endpoint(serve(silent).url))
    exchanges: list[Exchange] = []
    waiting = threading.Thread(target=lambda: exchanges.append(client.exchange(GET)))
    waiting.start()
    assert asked.wait(5)
    client.close()
    waiting.join(5)
    assert [exchange.error for exchange in exchanges] == [ErrorClass.HARNESS]
    with pytest.raises(RuntimeError, match="closed"):
        client.exchange(GET)
    client.close()


def test_nothing_is_left_behind(serve: Serve) -> None:
    peer = serve(echo_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Client(Endpoint(peer.url)) as client:
            assert client.exchange(GET).ok
        gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("aiharness")]


def test_no_thread_before_the_first_exchange() -> None:
    with Client(Endpoint("http://127.0.0.1:1")):
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("aiharness")]


def test_clocks_of_one_zero_agree() -> None:
    first = Monotonic()
    second = Monotonic(first.zero)
    stamps = [first.now(), second.now(), first.now()]
    assert stamps == sorted(stamps)
    assert stamps[0] >= 0.0
    assert Monotonic(time.monotonic() - 100.0).now() >= 100.0
