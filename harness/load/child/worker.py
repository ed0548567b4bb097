"""One process's part of an open-loop load: its arrivals of the one schedule, its engine and its recorder."""

from __future__ import annotations

import gc
import math
import os
import socket
import time
from collections import deque
from collections.abc import Callable

import gevent
from gevent.event import Event
from locust.env import Environment

from harness.core.arrival_settings import SOAK
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Timing
from harness.core.load import Job
from harness.load.answer_reader import AnswerReader, RawExchange
from harness.load.child.agenda import Agenda, make_agenda
from harness.load.child.sender import Sender
from harness.load.child.slow_sender import create_sender
from harness.load.child.stats_rows import AnswerTimes
from harness.load.controls import KnownAnswer
from harness.load.counts import WorkerCounts
from harness.load.recorder import Recorder
from harness.load.request_maker import RequestMaker
from harness.run.preflight import load_adapter

_REPORT_INTERVAL, _LOOK, _COLLECT_INTERVAL = 1.0, 0.05, 30.0
"""Seconds between two reports of the counts, between two looks whether everything is sent and read, and between two
collections of the garbage of a soak, which are short: all that was there at the start is left out.
"""

_SLICE = 0.0002
"""Seconds of decoding between two looks whether a socket has anything to read."""

_MOST_UNREAD, _OVERHEAD = 256 * 2**20, 2048
"""Bytes of answers that may wait to be decoded; above this nothing more is sent. An answer itself takes some."""

_NEVER_SENT = "it was never sent: the service kept all {} slots of this process for {:.0f} s after the schedule's end"


class LoadFailure(Exception):
    """What locust's own statistics show of a failed request: the error class and its detail."""


class LoadWorker:
    """One process's part of a load: of the one schedule it sends every `step`-th arrival, from `first` on.

    `report` is called with the process's counts once a second and at the end.
    """

    def __init__(
        self, environment: Environment, job: Job, first: int, step: int, report: Callable[[WorkerCounts], None]
    ) -> None:
        self.job = job
        self._patience = job.endpoint.deadlines.connect + job.endpoint.deadlines.first_byte
        self._environment, self._step, self._report = environment, step, report
        self._name = f"baseline {job.endpoint.protocol}" if job.is_baseline else job.endpoint.protocol
        self._engine: Sender = create_sender(job.endpoint, job.started)
        adapter = load_adapter(job.endpoint.protocol)
        self._reader = AnswerReader(adapter, job)
        # In a thread: a long schedule takes seconds, and a worker that sends no heartbeat counts as dead.
        run_in_thread = gevent.get_hub().threadpool.apply
        first += math.ceil(max(0, job.first - first) / step) * step
        self._agenda: Agenda = run_in_thread(make_agenda, (job, self._engine.now, first, step))
        self._requests: RequestMaker = run_in_thread(RequestMaker, (job, adapter))
        self._recorder = Recorder(job)
        self._answer_times = AnswerTimes(environment.stats)
        self._counts = self._recorder.counts
        self._counts.process = f"process {os.getpid()} of {socket.gethostname()}"
        self._first = first
        self._slots, self._unsent = 0, 0
        self._zero_fixed, self._has_unread = Event(), Event()
        self._unread: deque[tuple[Request, float, RawExchange, KnownAnswer | None]] = deque()
        self._unread_bytes = 0
        self._cpu_at_start: tuple[float, ...] = ()
        self._began, self._stalls_at_zero, self._is_closed = 0.0, 0.0, False
        self._greenlets = [gevent.spawn(self._read_answers), gevent.spawn(self._report_progress)]

    def begin(self, at: float, skew: float = 0.0) -> None:
        """Start the schedule when the monotonic clock shows `at`. Garbage is not collected until the end,
        except in a soak.
        """
        if self._zero_fixed.is_set():
            return
        gc.collect()
        gc.freeze()
        gc.disable()
        self._counts.skew = skew
        self._stalls_at_zero = self._engine.measure_stalls()
        self._cpu_at_start, self._began = self._engine.measure_cpu(), self._engine.now()
        self._recorder.begin(self._began + at - time.monotonic(), self._stalls_at_zero)
        self._agenda.begin(self._recorder.t0)
        self._zero_fixed.set()

    def run_slot(self) -> None:
        """Serve one slot, a place for one request in flight: take the next request, wait until it is due, send it,
        wait for its answer; until the agenda is done.

        An arrival that no slot was free to take in time is sent late and counted as such. `free_at` is when an ideal
        load generator would have had this slot free: what it was held up by is not the service's.
        """
        self._slots += 1
        self._zero_fixed.wait()
        engine, counts, free_at = self._engine, self._counts, 0.0
        agenda = self._agenda
        for k, due in agenda.serve(self._leave_slot):
            counts.waited += free_at > due
            while self._unread_bytes > _MOST_UNREAD:
                gevent.sleep(0.001)
            request, encoded = self._requests.encode(k)
            counts.sent += 1
            counts.repeated += self._requests.is_repeat(k)
            raw = engine.fetch(request, encoded)
            free_at = max(due, free_at)
            raw.held_up = raw.started - free_at + raw.stalled
            free_at += raw.ended - raw.started - raw.stalled
            raw.turn = agenda.get_turn(k)
            agenda.note_end(k, raw.ended)
            self._unread.append((request, due, raw, self._requests.controls.find_answer(k)))
            self._unread_bytes += raw.size + _OVERHEAD
            self._has_unread.set()

    def _leave_slot(self) -> bool:
        """Whether a slot is to take nothing more."""
        if self._is_over():
            self._slots -= 1
            return True
        return self._is_closed

    def finish(self) -> None:
        """Stop what is under way and report the counts a last time; further calls do nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        gevent.killall(self._greenlets, block=False)
        self._engine.close()
        gc.enable()
        gc.unfreeze()
        self.report_counts()

    def _read_answers(self) -> None:
        """Decode answers in slices, each begun when no socket has anything to read: that never waits for decoding."""
        until = 0.0
        while True:
            self._has_unread.wait()
            self._has_unread.clear()
            while self._unread:
                request, due, raw, known = self._unread.popleft()
                for exchange in self._reader.read(request, due, raw, keeps_text=known is not None):
                    if self._engine.now() > until:
                        gevent.idle()
                        until = self._engine.now() + _SLICE
                    if exchange is not None:
                        self._remember_secrets(raw)
                        self._recorder.add(exchange, raw, known)
                        self._fire_event(exchange)
                self._unread_bytes -= raw.size + _OVERHEAD
            self._answer_times.flush()

    def _remember_secrets(self, raw: RawExchange) -> None:
        """Let nothing show the signature of this exchange: its lines are now the last that were sent."""
        for line in raw.secrets:
            if self.job.endpoint.signer is not None:
                self.job.endpoint.signer.remember_line(line)

    def _fire_event(self, exchange: Exchange) -> None:
        """One event for each request, for stock locust's statistics, web page and CSV."""
        request, timing, response = exchange.request, exchange.timing, exchange.response
        done = self._engine.now() if timing.done is None else timing.done
        name = f"{self._name} stream {request.path}" if request.stream else f"{self._name} {request.path}"
        self._answer_times.add(name, timing)
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=request.method,
            name=name,
            response_time=(done - timing.intended) * 1e3,
            response_length=len(response.body) if response else 0,
            exception=None if exchange.ok else LoadFailure(f"{exchange.error}: {exchange.detail}"),
            context={},
        )

    def _report_progress(self) -> None:
        """Report the counts once a second, and at once when the service is gone, until every arrival has ended."""
        self._zero_fixed.wait()
        gevent.sleep(max(0.0, self._recorder.t0 - self._engine.now()))
        self._engine.stall = 0.0  # a stall before the schedule's zero has delayed no request
        counts, last, collected = self._counts, 0.0, self._engine.now()
        while not counts.finished:
            gevent.sleep(_LOOK)
            now = self._engine.now()
            if self._engine.problem is not None:
                counts.problem = self._engine.problem
                self.report_counts()
                return
            self._give_up_unsent()
            planned = self._agenda.planned - self._agenda.unreached
            all_sent = self._agenda.has_ended and counts.sent + self._unsent >= planned
            counts.finished = all_sent and not self._engine.busy and counts.completed >= planned
            if now - collected >= _COLLECT_INTERVAL and self.job.load.shape_name == SOAK:
                collected = now
                gc.collect()
            if counts.finished or counts.gone or now - last >= _REPORT_INTERVAL:
                last = now
                self.report_counts()

    def _is_over(self) -> bool:
        """Whether the time is over in which an arrival that waits for a slot can be sent and answered."""
        last_send, now = self._recorder.t0 + self.job.seconds + self._patience, self._engine.now()
        return now > last_send and now - self._engine.measure_stalls() + self._stalls_at_zero > last_send

    def _give_up_unsent(self) -> None:
        """Count what could not be sent as failed, once it is too late and the service keeps every slot."""
        if not self._agenda.has_left or not self._is_over() or len(self._engine.busy) < self._slots:
            return
        detail = _NEVER_SENT.format(self._slots, self._patience)
        late = self._agenda.take_left()
        self._unsent += len(late)
        awake = self._engine.now() - self._engine.measure_stalls()
        for k, due in late:
            request = self._requests.encode(k)[0]
            exchange = Exchange(request, Timing(due), error=ErrorClass.FIRST_BYTE_TIMEOUT, detail=detail)
            self._recorder.add(exchange, RawExchange(due, awake=awake))

    def report_counts(self) -> None:
        """Report what was counted until now."""
        if self._counts.flow is None:  # which is made when everything has ended, and holds the loop up
            self._counts.stall = self._engine.stall
        if self._zero_fixed.is_set():
            seconds = max(self._engine.now() - self._began, 1e-3)
            used = zip(self._cpu_at_start, self._engine.measure_cpu(), strict=True)
            self._counts.cpu = max(after - before for before, after in used) / seconds
        self._counts.unannounced = self._engine.reuse.ended
        self._counts.intended, self._counts.unreached = self._agenda.planned, self._agenda.unreached
        # Arrivals are sent in their order; slots have taken some of later times already.
        self._counts.reached = self._first + self._counts.sent * self._step
        self._report(self._recorder.flush(everything=self._is_closed or self._counts.finished))
