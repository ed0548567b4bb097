"""The blocking interface of the asynchronous transports: one event loop in one background thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import os
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, Self, TypeVar

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Credentials, Endpoint
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Exchange, Request, Timing
from harness.core.patience import Patience
from harness.io.clock import Clock, Monotonic, read_monotonic
from harness.io.http import ENDPOINT_CREDENTIALS as ENDPOINT_CREDENTIALS
from harness.io.http import HttpTransport, is_starved
from harness.io.response_reader import Caps

_GRACE = 5.0
"""Seconds past the deadlines after which waiting ends: the loop itself must have died."""

_T = TypeVar("_T")


def create_transport(endpoint: Endpoint, *, clock: Clock, caps: Caps | None = None) -> HttpTransport:
    """Create the transport for this endpoint. Raises `UsageError` as `HttpTransport` does, and without gRPC."""
    if not endpoint.is_grpc:
        return HttpTransport(endpoint, clock=clock, caps=caps)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes to the terminal what is in the exchanges anyway
    try:
        from harness.io.grpc import GrpcTransport
    except ImportError as error:
        raise UsageError(f"protocol {endpoint.protocol!r} needs {error.name}: pip install 'aiharness[grpc]'") from None
    return GrpcTransport(endpoint, clock=clock, caps=caps)


class Client:
    """Carries out exchanges and waits for them. Safe to share between threads; close it, or use it in a `with`.

    The loop's thread starts with the first exchange, and calls `note_answer` when one has ended. Raises `UsageError` on
    construction as `HttpTransport` does.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock | None = None, caps: Caps | None = None) -> None:
        self.endpoint = endpoint
        self.clock: Clock = clock or Monotonic()
        self.note_answer: Callable[[], None] = _ignore_answer
        self.patience = Patience(endpoint.deadlines)
        self._patience_of_one = endpoint.deadlines.connect + endpoint.deadlines.total
        self._transport = create_transport(endpoint, clock=self.clock, caps=caps)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def wait_turn(self) -> None:
        """Wait until the next request may leave, for what is not sent over this client but beside it."""

    def learn(self, exchange: Exchange) -> bool:
        """Learn from an exchange beside this client; whether it was declined and may be sent again after a turn."""
        return False

    @contextmanager
    def see_refusals(self, *, paced: bool) -> Iterator[None]:
        """Let each refusal of a rate-limited service be seen; this client hides none."""
        yield

    def exchange(
        self,
        request: Request,
        *,
        decoder: StreamDecoder | None = None,
        credentials: Credentials | None = ENDPOINT_CREDENTIALS,
    ) -> Exchange:
        """Send one request and wait for its end; arguments and result as `HttpTransport.exchange`.

        An interrupt in the waiting thread (Ctrl-C) cancels the exchange and is raised on.
        """
        work = self._exchange_one(request, decoder=decoder, credentials=credentials)
        exchange = self._wait(work, self._patience_of_one + _GRACE)
        return exchange or self._make_lost_exchange(request)

    def begin(
        self, request: Request, *, decoder: StreamDecoder | None = None, intended: float | None = None
    ) -> Future[Exchange]:
        """Send one request without waiting; `intended` as for `HttpTransport.exchange`. `wait_for` has its end."""
        work = self._exchange_one(request, decoder=decoder, intended=intended)
        return self._submit(work)

    def wait_for(self, future: Future[Exchange], request: Request) -> Exchange:
        """The exchange that `begin` began, when it has ended. An interrupt cancels it and is raised on."""
        return self._receive(future, self._patience_of_one + _GRACE) or self._make_lost_exchange(request)

    def exchange_many(
        self,
        requests: Sequence[Request],
        *,
        concurrency: int,
        decoders: Sequence[StreamDecoder | None] | None = None,
    ) -> list[Exchange]:
        """Send requests side by side, at most `concurrency` at once; exchanges in the order of `requests`.

        `decoders` has one fresh decoder, or None, for each request. Each exchange is intended for the moment in which
        its turn comes.
        """
        ended = dict(self.exchange_as_they_end(requests, concurrency=concurrency, decoders=decoders))
        return [ended[place] for place in range(len(requests))]

    def exchange_as_they_end(
        self,
        requests: Sequence[Request],
        *,
        concurrency: int,
        decoders: Sequence[StreamDecoder | None] | None = None,
    ) -> Iterator[tuple[int, Exchange]]:
        """As `exchange_many`: the place of each request and its exchange, as soon as that has ended.

        What is under way is cancelled where the caller wants no more of them.
        """
        pairs = list(zip(requests, decoders or [None] * len(requests), strict=True))
        slots = max(1, min(concurrency, len(pairs)))
        patience = math.ceil(len(pairs) / slots) * self._patience_of_one + _GRACE
        ended: queue.SimpleQueue[tuple[int, Exchange] | None] = queue.SimpleQueue()
        future = self._submit(self._exchange_all(pairs, slots, ended.put))
        future.add_done_callback(lambda _: ended.put(None))
        left, until = set(range(len(pairs))), read_monotonic() + patience
        try:
            while left:
                item = ended.get(timeout=max(0.0, until - read_monotonic()))
                if item is None:
                    break  # the loop was closed, or broke
                left.remove(item[0])
                yield item
        except queue.Empty:
            pass
        finally:
            future.cancel()
        if future.done() and not future.cancelled():
            future.result()
        for place in sorted(left):
            yield place, self._make_lost_exchange(requests[place])

    async def _exchange_all(
        self,
        pairs: list[tuple[Request, StreamDecoder | None]],
        slots: int,
        note: Callable[[tuple[int, Exchange]], None],
    ) -> None:
        semaphore = asyncio.Semaphore(slots)

        async def exchange_one(place: int, request: Request, decoder: StreamDecoder | None) -> None:
            async with semaphore:
                note((place, await self._exchange_one(request, decoder=decoder)))

        await asyncio.gather(*(exchange_one(place, *pair) for place, pair in enumerate(pairs)))

    async def _exchange_one(
        self,
        request: Request,
        *,
        decoder: StreamDecoder | None,
        credentials: Credentials | None = ENDPOINT_CREDENTIALS,
        intended: float | None = None,
    ) -> Exchange:
        deadlines = self.patience.deadlines
        send = partial(self._transport.exchange, request, decoder=decoder, credentials=credentials, deadlines=deadlines)
        exchange = await send(intended=intended)
        if intended is None and is_starved(exchange):
            exchange = await send()  # nothing was sent before: this is no repeat
        self.note_answer()
        return self.patience.note(exchange, deadlines, self.clock.now())

    def _wait(self, work: Coroutine[Any, Any, _T], seconds: float) -> _T | None:
        return self._receive(self._submit(work), seconds)

    def _submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        try:
            loop = self._start_loop()
        except BaseException:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop)

    def _receive(self, future: Future[_T], seconds: float) -> _T | None:
        try:
            return future.result(seconds)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            future.cancel()
            return None
        except BaseException:
            future.cancel()
            raise

    def _make_lost_exchange(self, request: Request) -> Exchange:
        now = self.clock.now()
        return Exchange(
            request, Timing(now), error=ErrorClass.HARNESS, detail="the client was closed or its loop did not answer"
        )

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RuntimeError("the client is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.time = read_monotonic  # type: ignore[method-assign]  # deadlines pass in frozen time too
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name="aiharness-client", daemon=True
                )
                self._thread.start()
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        await self._stop.wait()
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._transport.aclose()

    def close(self) -> None:
        """Cancel what is under way, close every connection and end the thread. May be called twice."""
        with self._lock:
            self._closed = True
            loop, thread, self._thread = self._loop, self._thread, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join(_GRACE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ignore_answer() -> None:
    """For a client whose answers nobody counts."""
