"""What ends the faults of an experiment before their time: its stop conditions, and an operator.

Tested in tests/chaos/test_timeline_run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.chaos.steady_load import SteadyLoad
from harness.core.experiment import Sample, StopCondition
from harness.core.stop_condition import StopWindow, explain_stop


class StopWatch:
    """Reads the samples of the load as they end. `normal` is the baseline's rate of good answers, in answers/s.

    `ask_operator` returns why an operator ends the faults, or an empty text. The windows of the conditions begin with
    the watch.
    """

    def __init__(
        self, conditions: Sequence[StopCondition], load: SteadyLoad, normal: float, ask_operator: Callable[[], str]
    ) -> None:
        self._conditions, self._load, self._normal, self._ask = conditions, load, normal, ask_operator
        self._began = load.now()
        self._seen = len(load.list_ended(0))
        self._ended: list[tuple[float, Sample]] = []

    def find_reason(self) -> str:
        """Why the faults end now; empty when nothing ends them."""
        now = self._load.now()
        fresh = self._load.list_ended(self._seen)
        self._seen += len(fresh)
        self._ended += [(now, sample) for sample in fresh]
        if reason := self._ask():
            return reason
        ages = [now - due for due in self._load.list_waiting()]
        for condition in self._conditions:
            if now - self._began < condition.seconds:
                continue
            ended = [sample for at, sample in self._ended if at >= now - condition.seconds]
            if reason := explain_stop(condition, StopWindow(ended, ages, self._normal)):
                return f"the stop condition {reason}"
        return ""
