"""Disturbances that clients make: run beside the steady load, counted, and ended on every way out.

They have the interface of `harness.chaos.injector`, so that a timeline holds both. Nothing stays on when the runner
dies: its sockets are closed with it, and the guardian writes down when that was.

Tested in tests/chaos/test_direct.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from harness.chaos.client_target import ServiceTarget
from harness.chaos.guardian import Guardian, LiftRecord, do_nothing
from harness.chaos.injector import ActiveFault, Injector
from harness.chaos.platform import ActiveAction, PlatformInjector
from harness.chaos.queries import QueryPool
from harness.chaos.query_asking import prepare_queries
from harness.core.disturbance import Disturbance, find_disturbance, find_obstacle
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.experiment import Fault, Proof
from harness.core.fault import load_fault
from harness.io.clock import read_monotonic
from harness.run.gate_run import GateRun
from harness.run.session import Session

_PATIENCE, _LOOK = 5.0, 0.05
"""Seconds that the end of a disturbance may take (nothing of the service is awaited), and between two looks for it."""


def check_endpoint(endpoint: Endpoint, allow: Sequence[str]) -> None:
    """Raises `UsageError` for an endpoint that clients of ours may not, or cannot, disturb."""
    if obstacle := find_obstacle(endpoint, allow):
        raise UsageError(obstacle)


class DirectInjector:
    """Disturbs the session's endpoint; a `with` block, after which nothing of it goes on. Raises `UsageError`."""

    is_own_proxy = True
    api_url = ""

    def __init__(self, session: Session, run: GateRun, rate: float) -> None:
        check_endpoint(session.endpoint, session.settings.allow)
        self.notes: list[str] = []
        self.guardian = Guardian()
        self._session, self._run, self._rate = session, run, rate
        self._active: list[ActiveDisturbance] = []

    def carries_url(self, url: str) -> bool:
        """Whether every request to this URL is beside the disturbance: always."""
        return True

    def check_fault(self, fault: Fault) -> None:
        """Every kind is offered."""

    def count_marked(self) -> int:
        """No link counts our requests."""
        return 0

    def prepare(self, fault: Fault) -> ActiveDisturbance:
        """The disturbance, ready to begin."""
        pool: QueryPool = self._session.once(
            "the queries of chaos loads", lambda: prepare_queries(self._session, self._run)
        )
        kind = find_disturbance(load_fault(fault.kind))
        assert kind is not None
        target = ServiceTarget(self._session, self._run, pool, fault.duration, self._rate)
        self._active.append(active := ActiveDisturbance(kind, fault, target, self.guardian))
        return active

    def __enter__(self) -> DirectInjector:
        self.guardian.start()
        return self

    def __exit__(self, *_: object) -> None:
        for active in self._active:
            active.lift()
        self.guardian.close()


class ActiveDisturbance:
    """One disturbance: about to begin, going on in its own thread, or over.

    It also ends by itself, some seconds after its duration. A `guardian` writes down the end of one whose runner died.
    """

    is_counted = True

    def __init__(
        self, kind: Disturbance[Any], fault: Fault, target: ServiceTarget, guardian: Guardian | None = None
    ) -> None:
        self._kind, self._fault, self._target, self._guardian = kind, fault, target, guardian
        self._stopping = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"aiharness-{kind.name}", daemon=True)

    def apply(self, record: LiftRecord | None = None, begin: Callable[[], None] = do_nothing) -> None:
        """Begin it; the arguments are those of `ActiveFault.apply`."""
        if self._guardian is not None:
            self._guardian.watch(self._fault.name, "", (), record)
        begin()
        self._thread.start()

    def renew(self) -> None:
        """Raises what has ended the disturbance before its time."""
        if self._problem is not None:
            raise self._problem

    def change(self, fault: Fault) -> None:
        """It has no steps."""

    def prove(self) -> Proof:
        """What was done so far, counted."""
        counts = self._target.counts
        done = sum(counts[what] for what in self._kind.proof)
        detail = ", ".join(f"{amount} {what}" for what, amount in sorted(counts.items())) or "nothing was done"
        return Proof("counter" if done else "none", done, f"{self._kind.name}: {detail}")

    def lift(self) -> None:
        """End it: its connections are reset. Raises `UsageError` when it goes on all the same."""
        self._stopping.set()
        if self._thread.ident is None:
            return
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            raise UsageError(f"{self._kind.name} does not end")
        if self._guardian is not None:
            self._guardian.forget(self._fault.name)

    def _run(self) -> None:
        try:
            asyncio.run(self._disturb())
        except Exception as problem:
            self._problem = problem

    async def _disturb(self) -> None:
        assert self._kind.disturb is not None
        parameters = self._kind.parse(self._fault.attributes)
        acting = asyncio.ensure_future(self._kind.disturb(self._target, parameters))
        ends = read_monotonic() + self._fault.duration + _PATIENCE
        while not (acting.done() or self._stopping.is_set() or read_monotonic() > ends):
            await asyncio.wait((acting,), timeout=_LOOK)
        acting.cancel()
        try:
            await acting
        except asyncio.CancelledError:
            return
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None


AnyInjector = Injector | DirectInjector | PlatformInjector
"""What disturbs one place."""

AnyActive = ActiveFault | ActiveDisturbance | ActiveAction
"""A fault of such a place."""
