"""Carry out the timeline of an experiment: apply, prove, change, renew and lift its faults, each on its link.

Tested in tests/chaos/test_timeline_run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from harness.chaos.direct import AnyActive, AnyInjector
from harness.chaos.fault_record import FaultRecord
from harness.chaos.injector import FaultLifted
from harness.chaos.steady_load import SteadyLoad
from harness.chaos.toxiproxy_api import ProxyGone
from harness.core.errors import UsageError
from harness.core.experiment import ExperimentPlan, Strike
from harness.core.timeline import Action, compute_timeline

_FIRST_LOOK, _RENEW, _TICK = 0.2, 1.0, 0.1
"""Seconds from a fault's begin to the first look for its proof, between two renewals, and between two looks."""


class TimelineRun:
    """`run` carries the timeline out; whatever happens, no fault is on after it.

    `strikes` says what happened to each fault, `carried` how many of our requests its place carried meanwhile and how
    many were sent, as `count_requests(place)` counts them; `stopped` why the faults were ended before their time.
    `find_stop` is asked for such a reason all the time, `report` gets a line for what happens.
    """

    def __init__(
        self,
        plan: ExperimentPlan,
        injectors: Mapping[str, AnyInjector],
        load: SteadyLoad,
        record: FaultRecord,
        count_requests: Callable[[str], tuple[int, int]],
        find_stop: Callable[[], str],
        report: Callable[[str], None],
    ) -> None:
        self.strikes = [Strike(fault) for fault in plan.faults]
        self.stopped = ""
        self.carried: dict[int, tuple[int, int]] = {}
        self._before: dict[int, tuple[int, int]] = {}
        self._count_requests = count_requests
        self._plan, self._injectors, self._load, self._record = plan, injectors, load, record
        self._find_stop, self._report = find_stop, report
        self._active: dict[int, AnyActive] = {}
        self._proofs_due: dict[int, float] = {}
        self._renewed = load.now()
        self._pool = ThreadPoolExecutor(1)

    def run(self) -> None:
        """Every action when it is due. Raises `ProxyGone`, and `UsageError` for what a proxy refuses."""
        # The last lift is one gap later than planned: the planned number of requests falls into the time before it.
        gap, began = 1 / self._plan.chaos.rate, self._load.now()
        actions = compute_timeline(self._plan)
        last, first = actions[-1].at, actions[0].at
        try:
            for action in actions:
                self._wait_until(began + action.at - first + (gap if action.at == last else 0.0))
                if self.stopped:
                    break
                self._perform(action)
        except FaultLifted as lifted:
            self.stopped = str(lifted)
        finally:
            if self.stopped:
                self._report(f"stopped: {self.stopped}")
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._lift_all()

    def list_active(self) -> list[str]:
        """The names of the faults that are on."""
        return [self.strikes[index].fault.name for index in list(self._active)]

    def _perform(self, action: Action) -> None:
        if action.verb == "apply":
            self._apply(action)
        elif action.verb == "change":
            self._active[action.index].change(action.fault)
            values = ", ".join(f"{name} {value}" for name, value in action.fault.attributes.items())
            self._report(f"{action.fault.name}: {values}, toxicity {action.fault.toxicity:g}")
        else:
            proof = self.strikes[action.index].proof
            if proof.confirmed == "none" or proof.exit == "late":
                self._prove(action.index)
            self._lift(action.index)

    def _apply(self, action: Action) -> None:
        index, fault = action.index, action.fault
        active = self._injectors[fault.place].prepare(fault)
        guard = self._record.prepare(index)
        begun = self._load.now()
        try:
            self._active[index] = active  # before it is on: a call without an answer may have applied it
            active.apply(guard, partial(self._record.begin, index))
        except UsageError as problem:
            if not isinstance(problem, ProxyGone):
                del self._active[index]
                active.lift()
                self._record.end(index, "refused")
            raise
        now = self._load.now()
        # A command takes its time, and acts meanwhile.
        self._update(index, applied=begun if fault.platform else now)
        self._before[index] = self._count_requests(fault.place)
        self._proofs_due[index] = now + min(_FIRST_LOOK, fault.duration / 4)
        self._report(f"{fault.kind} on {fault.place} for {fault.duration:g} s")

    def _wait_until(self, time: float) -> None:
        while not self.stopped:
            self._tend()
            left = time - self._load.now()
            if left <= 0 or self.stopped:
                return
            self._load.wait(min(left, _TICK))

    def _tend(self) -> None:
        """Renew the leases, look for proofs that are due, and for a reason to stop."""
        now = self._load.now()
        self.stopped = self.stopped or self._find_stop()
        if now - self._renewed >= _RENEW:
            self._renewed = now
            for active in self._active.values():
                active.renew()
        for index in [index for index, due in self._proofs_due.items() if due <= now]:
            del self._proofs_due[index]
            self._prove(index)

    def _prove(self, index: int) -> None:
        """Look for the proof in a thread: stop conditions are read meanwhile."""
        future = self._pool.submit(self._active[index].prove)
        while not future.done():
            self._load.wait(0.02)
            self.stopped = self.stopped or self._find_stop()
            if self.stopped:
                return
        self._update(index, proof=future.result())

    def _lift(self, index: int) -> None:
        active = self._active[index]
        if index in self._before:
            marked, sent = self._count_requests(self.strikes[index].fault.place)
            self.carried[index] = marked - self._before[index][0], sent - self._before[index][1]
        active.lift()
        del self._active[index]
        self._proofs_due.pop(index, None)
        self._update(index, lifted=self._load.now())
        if active.is_counted:  # the last count: what is struck until the lift belongs to it
            self._update(index, proof=active.prove())
        self._record.end(index, "lifted", self.strikes[index].proof)
        if len(self.strikes) > 1:
            self._report(f"lifted {self.strikes[index].fault.name}")

    def _lift_all(self) -> None:
        """Lift what is still on, on every link, also when a proxy does not answer. Raises the first problem."""
        problems = []
        for index in list(self._active):
            try:
                self._lift(index)
            except UsageError as problem:
                problems.append(problem)
                self._record.end(index, "proxy gone" if isinstance(problem, ProxyGone) else "not lifted")
        if problems:
            raise problems[0]

    def _update(self, index: int, **changes: Any) -> None:
        self.strikes[index] = replace(self.strikes[index], **changes)
