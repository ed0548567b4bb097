"""The steady load of a chaos experiment: one query, sent open-loop on an absolute schedule.

Tested in tests/chaos/test_run_experiment.py.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

from harness.chaos.judging import find_silent_corruption
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Answer, Exchange
from harness.core.experiment import ExperimentPlan, Sample
from harness.core.fault import load_fault
from harness.core.measurement import Scope
from harness.core.verdict import Counterexample
from harness.io.client import create_transport as transport_to
from harness.io.clock import sleep_real
from harness.io.http import HttpTransport
from harness.run.decoding import decode_exchange
from harness.run.gate_run import GateRun
from harness.run.series import Meter
from harness.run.session import Session

WARM_UP, IN_FLIGHT, _MOST_EXAMPLES, _TICK, _GRACE = 3, 2000, 3, 0.05, 5.0
"""First requests that are not counted, most requests in flight, most counterexamples; seconds between two looks at the
schedule, and seconds that a request may need beyond its deadlines."""


class SteadyLoad:
    """Sends from an event loop in its own thread while the `with` block lasts; its end cancels requests in flight.

    A request counts for the moment at which the schedule intended it. Times are seconds of the run. `direct`: the
    fault lies between the harness and the service. Raises `UsageError` for a fault of streams where there are none.
    """

    def __init__(self, scope: Scope, session: Session, run: GateRun, *, direct: bool) -> None:
        plan: ExperimentPlan = scope.case
        streamed = [fault.name for fault in plan.faults if load_fault(fault.kind).needs_streaming]
        stream = bool(streamed)
        if stream and not session.capabilities.streaming:
            raise UsageError(f"fault {streamed[0]!r} needs streams, but {session.adapter.title} does not stream here")
        self.corrupted: list[Counterexample] = []
        self.failed: list[Counterexample] = []
        self.unsent = 0
        self.began = 0.0
        self.next_due = 0.0
        self._session, self._cuts_here = session, stream and direct
        self.request = session.adapter.encode(session.endpoint, session.sample(stream=stream), session.facts)
        # Toxicity is drawn per connection: requests on one kept-alive connection would share one draw.
        if any(fault.toxicity < 1 for fault in plan.faults) and not session.endpoint.http2:
            headers = (*self.request.headers, ("connection", "close"))
            self.request = replace(self.request, headers=headers)
        self._ledger = run.ledger
        self._meter = Meter(run.run_dir, run.worker, suite=scope.suite, rate=plan.chaos.rate)
        self._gap = 1 / plan.chaos.rate
        self._reference: Answer | None = None
        self._samples: list[Sample] = []
        self._due_by_index: dict[int, float] = {}
        self._problem: Exception | None = None
        self._stopping, self._abort = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="aiharness-chaos", daemon=True)

    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._session.client.clock.now()

    def list_samples(self) -> list[Sample]:
        """Every counted request that has ended so far, in the schedule's order, without those `unsent` in time."""
        return sorted(self._samples, key=lambda sample: sample.intended)

    def find_settled_time(self, since: float) -> float:
        """The time up to which every request due from `since` on has ended."""
        return min([self.next_due, *(due for due in list(self._due_by_index.values()) if due >= since)])

    def wait(self, seconds: float) -> None:
        """Let the load go on. Raises what broke it: `BudgetExhausted` for a ceiling, an error of the run directory."""
        ends = self.now() + seconds
        while (left := ends - self.now()) > 0:
            sleep_real(min(left, _TICK))
            if self._problem is not None:
                raise self._problem

    def drain(self) -> None:
        """End the schedule and wait for the requests in flight, as long as the endpoint's deadlines allow."""
        self._stopping.set()
        self._thread.join(self._session.endpoint.deadlines.total + _GRACE)
        if self._problem is not None:
            raise self._problem

    def __enter__(self) -> SteadyLoad:
        self.next_due = self.now()
        self.began = self.next_due + WARM_UP * self._gap
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._abort.set()
        self._stopping.set()
        self._thread.join(_GRACE)

    def _run(self) -> None:
        try:
            asyncio.run(self._send_requests())
            self._meter.flush()
        except Exception as problem:
            self._problem = problem

    async def _send_requests(self) -> None:
        transport = transport_to(self._session.endpoint, clock=self._session.client.clock)
        tasks: set[asyncio.Task[None]] = set()
        count = 0
        try:
            while not self._stopping.is_set() or (tasks and not self._abort.is_set()):
                left = self.next_due - self.now()
                if self._stopping.is_set() or left > 0 or len(tasks) >= IN_FLIGHT:
                    await asyncio.sleep(min(left, _TICK) if left > 0 else _TICK)
                    continue
                self._ledger.before_request()
                self._due_by_index[count] = self.next_due
                tasks.add(task := asyncio.create_task(self._send_request(transport, count, self.next_due)))
                task.add_done_callback(tasks.discard)
                count += 1
                self.next_due = self.began + (count - WARM_UP) * self._gap
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await transport.aclose()

    async def _send_request(self, transport: HttpTransport, index: int, due: float) -> None:
        session, request, lag = self._session, self.request, self.now() - due
        try:
            begun = self.now()
            exchange = await transport.exchange(request, decoder=session.decoder(request), intended=due)
            deadlines = session.endpoint.deadlines
            has_waited = self.now() - begun >= min(deadlines.connect, deadlines.total)
            exchange = decode_exchange(session.adapter, session.endpoint, exchange)
            self._ledger.after_answer(exchange.generated_tokens)
            if index < WARM_UP:
                return
            self._meter.record(exchange)
            # A shortage of sockets, a signer that breaks and the like end an exchange at once; these waited for us.
            if exchange.error is ErrorClass.HARNESS and has_waited:
                self.unsent += 1
            else:
                self._add_sample(exchange, lag)
        except Exception as problem:
            self._problem = problem
        finally:
            self._due_by_index.pop(index, None)

    def _add_sample(self, exchange: Exchange, lag: float) -> None:
        if self._session.settings.promises.deterministic and exchange.ok and self._reference is None:
            self._reference = exchange.answer
        corruption = find_silent_corruption(exchange, self._reference, cut=self._cuts_here)
        error = str(exchange.error) if exchange.error else None
        self._samples.append(Sample(exchange.timing.intended, exchange.timing.latency, lag, error, corruption))
        if corruption:
            self._add_example(self.corrupted, corruption, exchange)
        elif error:
            self._add_example(self.failed, f"a request failed: {exchange.detail}", exchange)

    def _add_example(self, examples: list[Counterexample], summary: str, exchange: Exchange) -> None:
        """Keep the first ones, and the last one."""
        examples[_MOST_EXAMPLES - 1 :] = [self._session.show(summary, exchange)]
