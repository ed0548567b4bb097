"""The steady load of a chaos experiment: distinct queries, sent open-loop on an absolute schedule.

Tested in tests/chaos/test_run_experiment.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import replace
from urllib.parse import urlsplit

from harness.chaos.answer_reading import describe_loss, drop_comparisons, read_answer
from harness.chaos.queries import QueryPool, Turn, mark_request
from harness.chaos.query_asking import MOST_CONFIRMED, find_changed, find_forgetful
from harness.chaos.starvation import StarvationWatch
from harness.core.disturbance import may_disturb
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Exchange, Request
from harness.core.experiment import LOST, ExperimentPlan, Sample
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

LEAVING_STEP = 10
"""Beside every so many requests another one is sent whose client leaves in the middle of its stream."""


class SteadyLoad:
    """Sends from an event loop in its own thread while the `with` block lasts; its end cancels requests in flight.

    A request counts for the moment at which the schedule intended it; the ones whose clients leave do not count. Times
    are seconds of the run. `direct`: the fault lies between the harness and the service. Raises `UsageError` for a
    fault of streams where there are none.
    """

    def __init__(self, scope: Scope, session: Session, run: GateRun, pool: QueryPool, *, direct: bool) -> None:
        plan: ExperimentPlan = scope.case
        streamed = [fault.name for fault in plan.faults if load_fault(fault.kind).needs_streaming]
        stream = bool(streamed)
        if stream and not session.capabilities.streaming:
            raise UsageError(f"fault {streamed[0]!r} needs streams, but {session.adapter.title} does not stream here")
        self._wrong_successes: list[Counterexample] = []
        self._wrong_failures: list[Counterexample] = []
        self.failed: list[Counterexample] = []
        self.shortest: tuple[Counterexample, ...] = ()
        self._first_sizes: dict[int, int] = {}
        self._least = 1.0
        self.unsent = 0
        self.began = 0.0
        self.next_due = 0.0
        self._session, self._pool, self._cuts_here = session, pool, stream and direct
        self.only_streams = stream
        # Toxicity is drawn per connection: requests on one kept-alive connection would share one draw.
        self._closes = any(fault.toxicity < 1 for fault in plan.faults) and not session.endpoint.http2
        self.sent = self.left = 0
        self.starvation = StarvationWatch(is_here=may_disturb(session.endpoint.url, ()), ports=_list_ports(session))
        self._gate_run, self._ledger = run, run.ledger
        self._meter = Meter(run.run_dir, run.worker, suite=scope.suite, rate=plan.chaos.rate)
        self._gap = 1 / plan.chaos.rate
        self._samples: list[Sample] = []
        self._lost: list[tuple[int, Turn, Exchange]] = []
        self._due_by_index: dict[int, float] = {}
        self._problem: Exception | None = None
        self._stopping, self._abort = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="aiharness-chaos", daemon=True)

    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._session.client.clock.now()

    def make_request(self, index: int) -> tuple[Turn, Request]:
        """Request `index` of the schedule, and what is known of its answer."""
        session, streams = self._session, self._session.capabilities.streaming
        turn = self._pool.choose(index, streams=streams, only_streams=self.only_streams)
        closing = (("connection", "close"),) if self._closes else ()
        return turn, session.request(turn.query, (*mark_request(self._pool.mark, index), *closing))

    def set_rate(self, rate: float) -> None:
        """Go on at so many requests/s."""
        self._gap = 1 / rate

    def list_samples(self) -> list[Sample]:
        """Every counted request that has ended so far, in the schedule's order, without those `unsent` in time."""
        return sorted(self._samples, key=lambda sample: sample.intended)

    def list_ended(self, first: int) -> list[Sample]:
        """The counted requests in the order in which they ended, from this one on."""
        return self._samples[first:]

    def list_waiting(self) -> list[float]:
        """When each request in flight was due."""
        return list(self._due_by_index.values())

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

    def forgive_changed(self) -> str:
        """Judge no content of queries that the service now answers otherwise by itself, where it promises nothing.

        Returns a note of that, or an empty text. Raises `BudgetExhausted`.
        """
        wrong = {sample.query for sample in self._samples if sample.silent and sample.error is None}
        numbers = sorted(number for number in wrong if number >= 0)
        if self._pool.is_promised or not numbers:
            return ""
        changed = find_changed(self._pool, self._session, self._gate_run, numbers)
        if not changed:
            return ""
        self._samples = drop_comparisons(self._samples, changed)
        if not any(sample.silent for sample in self._samples):
            self._wrong_successes.clear()
            self._wrong_failures.clear()
        return (
            f"without a fault the service answers {len(changed)} of its queries otherwise, too: they are not compared"
        )

    def confirm_lost(self) -> None:
        """Where the service promises that each query is always answered alike: answers without their code are wrong, if
        the service knows it now. Raises `BudgetExhausted`.
        """
        if not (self._pool.is_promised and self._lost):
            return
        turns = [turn for _, turn, _ in self._lost]
        for number in find_forgetful(self._pool, self._session, self._gate_run, turns):
            place, turn, exchange = self._lost[number]
            silent = describe_loss(turn)
            self._samples[place] = replace(self._samples[place], known="", silent=silent)
            self._add_example(self._wrong_successes, silent, exchange)

    def list_wrong_answers(self) -> tuple[Counterexample, ...]:
        """Wrong answers: those that were declared a success come before streams that failed after a wrong text."""
        return (*self._wrong_successes, *self._wrong_failures)[:_MOST_EXAMPLES]

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
                    pause = min(left, _TICK) if left > 0 else _TICK
                    due = self.now() + pause
                    await asyncio.sleep(pause)
                    self.starvation.look(due, self.now())
                    continue
                self._ledger.before_request()
                self._due_by_index[count] = self.next_due
                tasks.add(task := asyncio.create_task(self._send_request(transport, count, self.next_due)))
                task.add_done_callback(tasks.discard)
                count += 1
                self.sent = count
                if self._session.capabilities.streaming and count % LEAVING_STEP == 0:
                    self._ledger.before_request()
                    self.left += 1
                    tasks.add(leaving := asyncio.create_task(self._leave(transport, count)))
                    leaving.add_done_callback(tasks.discard)
                self.next_due += self._gap
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await transport.aclose()

    async def _send_request(self, transport: HttpTransport, index: int, due: float) -> None:
        session, lag = self._session, self.now() - due
        try:
            turn, request = self.make_request(index)
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
                self._add_sample(turn, index, exchange, lag)
        except Exception as problem:
            self._problem = problem
        finally:
            self._due_by_index.pop(index, None)
            self._gate_run.progress.count_answer()

    async def _leave(self, transport: HttpTransport, index: int) -> None:
        """Ask for a stream and leave in the middle of it, after half of the time that an answer takes."""
        query = replace(self._pool.known[index % len(self._pool.known)].query, stream=True)
        request = self._session.request(query, mark_request(self._pool.mark, index))
        exchange = transport.exchange(request, decoder=self._session.decoder(request), intended=self.now())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(exchange, self._pool.latency / 2)

    def _add_sample(self, turn: Turn, index: int, exchange: Exchange, lag: float) -> None:
        sample = replace(read_answer(self._pool, turn, index, exchange, cut=self._cuts_here), lag=lag, ended=self.now())
        if sample.known == LOST and len(self._lost) < MOST_CONFIRMED:
            self._lost.append((len(self._samples), turn, exchange))
        self._samples.append(sample)
        if sample.silent:
            examples = self._wrong_failures if sample.error else self._wrong_successes
            self._add_example(examples, sample.silent, exchange)
        elif sample.error:
            self._add_example(self.failed, f"a request failed: {exchange.detail}", exchange)
        elif sample.size is not None:
            self._keep_shortest(sample.query, sample.size, exchange)

    def _keep_shortest(self, query: int, size: int, exchange: Exchange) -> None:
        """Keep the success that is shortest beside the first one to its query."""
        first = self._first_sizes.setdefault(query, size)
        if size < self._least * first:
            self._least = size / first
            summary = f"a success of {size} characters or values, where another one to its query has {first}"
            self.shortest = (self._session.show(summary, exchange),)

    def _add_example(self, examples: list[Counterexample], summary: str, exchange: Exchange) -> None:
        """Keep the first ones, and the last one."""
        examples[_MOST_EXAMPLES - 1 :] = [self._session.show(summary, exchange)]


def _list_ports(session: Session) -> list[int]:
    """Where the service listens, and what it asks over links that state their upstream."""
    urls = [session.endpoint.url]
    for link in session.settings.links:
        if link.upstream:
            urls.append(f"http://{link.upstream}")
    ports = []
    for url in urls:
        if may_disturb(url, ()):
            parts = urlsplit(url)
            ports.append(parts.port or (443 if parts.scheme == "https" else 80))
    return ports
