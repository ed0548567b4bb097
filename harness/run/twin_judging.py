"""What a compression cost: a model and its quantised twin on the same labelled rows, in quality and in latency.

Tested in tests/run/test_twin_judging.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from harness.core.exchange import Answer
from harness.core.local_model import LocalAnswers, LocalModel
from harness.core.verdict import ALPHA, Baseline, Status, Verdict, find_worst_status, make_inconclusive
from harness.run.oracle import read_rows
from harness.stats.difference import PairCounts, judge_difference
from harness.stats.median import bound_median

_TOLERATED = 1.1
"""A latency is shown to be no worse where so much more than the allowed ratio is refuted."""


def judge_twin(answers: LocalAnswers, labels: Sequence[Any], model: LocalModel) -> Verdict:
    """Whether the twin is right in at most the margin fewer rows, and takes no more than the allowed ratio of time.

    Quality by the exact version of Tango's score test on the same rows, latency by the median ratio of batches that
    were timed in turn. FAIL where one of the two is refuted; PASS where both are shown.
    """
    own, twin = (list(map(read_label, side)) for side in (answers.outputs, answers.twin))
    if not own or None in own or None in twin:
        return make_inconclusive("the model's outputs hold no label and no scores for each row", n=0)
    right = [str(label) == str(wanted) for label, wanted in zip(own, labels, strict=True)]
    twin_right = [str(label) == str(wanted) for label, wanted in zip(twin, labels, strict=True)]
    worse = sum(a and not b for a, b in zip(right, twin_right, strict=True))
    better = sum(b and not a for a, b in zip(right, twin_right, strict=True))
    quality = judge_difference(PairCounts(len(own), worse, better), model.margin, ALPHA, ALPHA)
    ratios = [b / a for a, b in zip(answers.seconds, answers.twin_seconds, strict=True) if a > 0]
    low, high = bound_median(ratios, ALPHA)
    latency = Status.INCONCLUSIVE
    if low is not None and low > model.slowdown:
        latency = Status.FAIL
    elif high is not None and high < model.slowdown * _TOLERATED:
        latency = Status.PASS
    statuses = {"pass": Status.PASS, "fail": Status.FAIL}
    status = find_worst_status([statuses.get(quality.decision, Status.INCONCLUSIVE), latency])
    flips = [place for place, (a, b) in enumerate(zip(right, twin_right, strict=True)) if a and not b]
    lost = f"{sum(right)} and {sum(twin_right)} of {len(own)} rows right"
    points = f"the loss is {100 * quality.estimate:.2g} points ({100 * quality.lower:.2g} to {100 * quality.upper:.2g})"
    speed = f"{median(ratios):.3g} times the latency" if ratios else "no latency"
    bounds = f" ({low:.3g} to {high:.3g})" if low is not None and high is not None else ""
    verdict = Verdict(
        status,
        f"model and int8 twin: {lost}, {points}, at most {100 * model.margin:g} allowed; {speed}{bounds}, "
        f"at most {model.slowdown:g} allowed",
        metric="loss of accuracy",
        direction="<=",
        estimate=quality.estimate,
        ci=(quality.lower, quality.upper),
        confidence=1 - ALPHA,
        n=len(own),
        n_needed=quality.n_needed,
        limit=model.margin,
        method="Tango's score test, exact; order statistics of paired ratios",
        baseline=Baseline("the model itself", sum(right) / len(own), quality.estimate, (quality.lower, quality.upper)),
    )
    agree = sum(str(a) == str(b) for a, b in zip(own, twin, strict=True))
    notes = [
        f"labels agree in {agree} of {len(own)} rows",
        "both were asked here, on this machine, not at the endpoint",
    ]
    if flips:
        notes.append(f"right in the model and wrong in the twin: rows {', '.join(map(str, flips[:10]))}")
    return replace(verdict, notes=tuple(notes))


def read_label(outputs: Mapping[str, Any]) -> Any:
    """The label among one row's outputs: a label, else the place of the highest score; None where there is neither."""
    predictions = read_rows(Answer(outputs={name: [value] for name, value in outputs.items()}), 1)
    return predictions[0].label if predictions else None
