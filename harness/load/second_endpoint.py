"""A second endpoint that takes turns with the first in one load: refused where the two are not alike.

Tested in tests/load/test_comparison_runs.py.
"""

from __future__ import annotations

from dataclasses import replace

from harness.core.arrival_settings import SOAK, STRESS
from harness.core.endpoint import Endpoint
from harness.core.errors import HarnessError, UsageError
from harness.core.exchange import Exchange
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.core.turns import make_turns

_IN_ONE_PIECE = (SOAK, STRESS)
"""Shapes whose verdict is about what comes after something else: cut into turns they would be another load."""


def refuse_whole_loads(load: LoadSettings) -> None:
    """Raise `UsageError` for a load that cannot be cut into turns with a baseline."""
    shape = load.shape_name
    if shape in _IN_ONE_PIECE:
        raise UsageError(f"a {shape} cannot be cut into turns with a baseline: give steady, ramp, steps or spike")
    if load.loop:
        raise UsageError("sessions and closed loops have no schedule that could be cut into turns with a baseline")


def add_baseline(job: Job, baseline: Endpoint) -> Job:
    """The job with a baseline that takes turns with its endpoint."""
    return replace(job, baseline=baseline, turns=make_turns(job.load, job.seed))


def count_endpoints(load: LoadSettings, baseline: str | None) -> int:
    """How many endpoints this load is sent to; a saved run is not sent anything."""
    return 2 if "://" in (baseline or "") and load.shape_name not in _IN_ONE_PIECE else 1


def refuse_unlike(ours: Exchange, theirs: Exchange, url: str, protocol: str) -> None:
    """Raise `UsageError` where the baseline's answer to the sample shows that it is not the same kind of service, and
    `HarnessError` where it answers nothing."""
    if not theirs.ok:
        problem = HarnessError if theirs.response is None else UsageError
        raise problem(
            f"the baseline {url} does not answer the sample as {protocol} ({theirs.error}: {theirs.detail}): "
            "both must speak the same protocol and serve the same model"
        )
    if not ours.ok or ours.answer is None or theirs.answer is None:
        return
    model, other = ours.answer.model, theirs.answer.model
    if model and other and model != other:
        unlike = f"the baseline {url} answers with model {other!r}, and the endpoint with {model!r}"
        raise UsageError(f"{unlike}: their times are not alike")
