"""The steady load under a chaos experiment: one query, sent open-loop on an absolute schedule."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

from harness.chaos.judging import silent
from harness.core.errors import UsageError
from harness.core.exchange import Answer, Exchange
from harness.core.experiment import Fault, Sample
from harness.core.verdict import Counterexample
from harness.io.client import create_transport as transport_to
from harness.io.http import HttpTransport
from harness.run.gate_run import GateRun
from harness.run.series import Meter
from harness.run.session import Session, decoded

_WARM_UP, IN_FLIGHT, _SHOWN, _TICK, _GRACE = 3, 2000, 3, 0.05, 5.0
"""Uncounted first requests, requests in flight at most, counterexamples kept; seconds of a look, and past deadlines."""


class SteadyLoad:
    """Sends in an event loop in a thread of its own while the `with` lasts; its end cancels what is under way.

    A request counts for the moment at which the schedule wanted it sent. Times are the run's. `direct`: the fault is
    put between the harness and the service. Raises `UsageError` for cutting streams where the protocol has none.
    """

    def __init__(self, session: Session, run: GateRun, fault: Fault, *, direct: bool) -> None:
        stream = fault.kind == "truncate_stream"
        if stream and not session.able.streaming:
            raise UsageError(f"fault {fault.name!r} cuts streams, and {session.adapter.title} has none here")
        self.corrupted: list[Counterexample] = []
        self.failed: list[Counterexample] = []
        self.began = 0.0
        self.next = 0.0
        self._session, self._cut = session, stream and direct
        request = session.adapter.encode(session.endpoint, session.sample(stream=stream), session.facts)
        # Toxicity is drawn per connection: kept-alive ones would share one draw.
        lone = fault.toxicity < 1 and not session.endpoint.http2
        self._request = replace(request, headers=(*request.headers, ("connection", "close"))) if lone else request
        self._ledger = run.ledger
        self._meter = Meter(run.run_dir, run.worker, suite="chaos", rate=session.settings.chaos.rate)
        self._gap = 1 / session.settings.chaos.rate
        self._reference: Answer | None = None
        self._samples: list[Sample] = []
        self._pending: dict[int, float] = {}
        self._problem: Exception | None = None
        self._stopping, self._abort = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="aiharness-chaos", daemon=True)

    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._session.client.clock.now()

    def seen(self) -> list[Sample]:
        """Every counted request that has ended so far, in the schedule's order."""
        return sorted(self._samples, key=lambda sample: sample.intended)

    def settled(self, since: float) -> float:
        """Up to when every request meant to be sent from `since` on has ended."""
        return min([self.next, *(at for at in list(self._pending.values()) if at >= since)])

    def sent(self, since: float) -> int:
        """How many requests were meant to be sent from `since` on until now."""
        return int((self.next - since) / self._gap)

    def wait(self, seconds: float) -> None:
        """Let the load go on. Raises what broke it: `BudgetExhausted` for a ceiling, an error of the run directory."""
        ends = self.now() + seconds
        while (left := ends - self.now()) > 0:
            time.sleep(min(left, _TICK))
            if self._problem is not None:
                raise self._problem

    def drain(self) -> None:
        """End the schedule and wait for what is under way, as long as the endpoint's deadlines allow."""
        self._stopping.set()
        self._thread.join(self._session.endpoint.deadlines.total + _GRACE)
        if self._problem is not None:
            raise self._problem

    def __enter__(self) -> SteadyLoad:
        self.next = self.now()
        self.began = self.next + _WARM_UP * self._gap
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._abort.set()
        self._stopping.set()
        self._thread.join(_GRACE)

    def _work(self) -> None:
        try:
            asyncio.run(self._send())
            self._meter.flush()
        except Exception as problem:
            self._problem = problem

    async def _send(self) -> None:
        transport = transport_to(self._session.endpoint, clock=self._session.client.clock)
        tasks: set[asyncio.Task[None]] = set()
        count = 0
        try:
            while not self._stopping.is_set() or (tasks and not self._abort.is_set()):
                left = self.next - self.now()
                if self._stopping.is_set() or left > 0 or len(tasks) >= IN_FLIGHT:
                    await asyncio.sleep(min(left, _TICK) if left > 0 else _TICK)
                    continue
                self._ledger.before_request()
                self._pending[count] = self.next
                tasks.add(task := asyncio.create_task(self._one(transport, count, self.next)))
                task.add_done_callback(tasks.discard)
                count += 1
                self.next = self.began + (count - _WARM_UP) * self._gap
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await transport.aclose()

    async def _one(self, transport: HttpTransport, index: int, due: float) -> None:
        session, request, lag = self._session, self._request, self.now() - due
        try:
            exchange = await transport.exchange(request, decoder=session.decoder(request), intended=due)
            exchange = decoded(session.adapter, session.endpoint, exchange)
            self._ledger.after_answer(exchange.generated_tokens)
            if index >= _WARM_UP:
                self._meter.record(exchange)
                self._keep(exchange, lag)
        except Exception as problem:
            self._problem = problem
        finally:
            self._pending.pop(index, None)

    def _keep(self, exchange: Exchange, lag: float) -> None:
        if self._session.settings.promises.deterministic and exchange.ok and self._reference is None:
            self._reference = exchange.answer
        why = silent(exchange, self._reference, cut=self._cut)
        error = str(exchange.error) if exchange.error else None
        self._samples.append(Sample(exchange.timing.intended, exchange.timing.latency, lag, error, why))
        examples, said = (self.corrupted, why) if why else (self.failed, f"a request failed: {exchange.detail}")
        if why or error:  # the first ones, and the last one
            examples[_SHOWN - 1 :] = [self._session.show(said, exchange)]
