"""Judge the copies of a model: whether one agrees with it closely, and closer than one that never asked.

Tested in tests/robustness/test_extraction.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.plan import PlannedCheck
from harness.core.verdict import ALPHA, Slice, Status, Verdict, make_inconclusive, make_skipped
from harness.robustness.extraction import Copy, Extraction
from harness.run.rate_judging import compute_rate_bounds
from harness.stats.difference import PairCounts, decide_difference
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper

MOST_AGREEMENT, MOST_GAIN = 0.9, 0.05
"""A copy is close over this agreement, and gains nothing where it is at most so much closer than its control."""
_FEWEST = 100


def judge_extraction(result: Extraction, check: PlannedCheck) -> Verdict:
    """FAIL where a copy surely agrees on over nine in ten unseen rows, and surely on more than its control.

    PASS where each kind of questions is surely under that, or surely gains at most five points over its control.
    """
    if result.problem:
        return make_skipped(result.problem)
    last = _select_last(result.copies)
    if not last or min(copy.n for copy in last) < _FEWEST:
        n = min((copy.n for copy in last), default=0)
        return make_inconclusive(f"{n} unseen rows were answered: a verdict needs {_FEWEST}", n=n)
    alpha_fail = (check.alpha_fail or ALPHA) / len(last)
    best = max(last, key=lambda copy: copy.agreed)
    close = [copy for copy in last if _is_close(copy, alpha_fail)]
    what = _describe(close[0] if close else best)
    status, reason = Status.INCONCLUSIVE, f"{what}: not enough rows to tell"
    if close:
        status, reason = Status.FAIL, f"the answers give the model away: {what}"
    elif all(map(_is_harmless, last)):
        status, reason = Status.PASS, f"the answers give little of the model away: {what}"
    shown = close[0] if close else best
    return Verdict(
        status,
        reason,
        metric="agreement of a copy",
        unit="",
        direction="<=",
        estimate=shown.agreed / shown.n,
        ci=compute_rate_bounds(shown.agreed, shown.n, ALPHA),
        confidence=1 - ALPHA,
        method="Clopper-Pearson; against the control a sign test of pairs",
        n=shown.n,
        limit=MOST_AGREEMENT,
        slices=tuple(map(_make_slice, result.copies)),
        notes=tuple(_list_notes(result)),
    )


def _select_last(copies: Sequence[Copy]) -> list[Copy]:
    """The copy after the most questions of each kind."""
    last: dict[str, Copy] = {}
    for copy in copies:
        last[copy.kind] = copy
    return list(last.values())


def _is_close(copy: Copy, alpha: float) -> bool:
    if clopper_pearson_lower(copy.agreed, copy.n, alpha) <= MOST_AGREEMENT:
        return False
    pairs = copy.gained + copy.lost
    return pairs > 0 and clopper_pearson_lower(copy.gained, pairs, alpha) > 0.5


def _is_harmless(copy: Copy) -> bool:
    if clopper_pearson_upper(copy.agreed, copy.n, ALPHA) <= MOST_AGREEMENT:
        return True
    return decide_difference(PairCounts(copy.n, copy.gained, copy.lost), MOST_GAIN, ALPHA, ALPHA) == "pass"


def _describe(copy: Copy) -> str:
    control = {"natural": "one of as many labels of your own", "mixed": "one of the labels of their seeds"}
    other = control.get(copy.kind, "always the most frequent answer")
    return (
        f"after {copy.queries} {copy.kind} rows a copy agrees on {copy.agreed / copy.n:.1%} of {copy.n} unseen rows, "
        f"and {other}, without a question, on {copy.control / copy.n:.1%}"
    )


def _make_slice(copy: Copy) -> Slice:
    bounds = compute_rate_bounds(copy.agreed, copy.n, ALPHA)
    return Slice(f"{copy.kind}, {copy.queries} rows", copy.n, copy.agreed / copy.n, bounds)


def _list_notes(result: Extraction) -> list[str]:
    notes = []
    for kind in dict.fromkeys(copy.kind for copy in result.copies):
        reached = [one.queries for one in result.copies if one.kind == kind and one.agreed >= MOST_AGREEMENT * one.n]
        words = f"{kind} rows: 90 % agreement after {reached[0]}" if reached else f"{kind} rows: 90 % are not reached"
        notes.append(words)
    noticed = "nothing noticed it"
    if result.declined:
        noticed = f"{result.declined} of {result.requests} requests were declined (403 or 429)"
    notes.append(f"{result.rows} rows in {result.requests} requests were asked by one caller: {noticed}")
    if result.lost:
        notes.append(f"{result.lost} rows got no answer and are left out")
    notes.append("the copy is a small network that reads labels alone: a larger one, or scores, may come closer")
    return notes
