"""Whether the successes under a fault are whole: shown by what is known of them, or by the baseline's sizes. Pure.

"Struck, and nobody failed" is a claim: a gateway may end a cut answer as if it were complete. Where no content is
known, answers that are shorter than the baseline's to the same queries, empty, or without usage have lost something.
What could not have been seen is not claimed. Failures under the fault stay in every comparison: long answers are more
likely to fail, and what is left would look shorter.

Tested in tests/chaos/test_wholeness.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.chaos.queries import RECALLED, REPEATED
from harness.core.experiment import LOST, RIGHT, Experiment, Sample
from harness.stats.recovery import compute_excess_p
from harness.stats.shortening import Groups, compute_shortening_p, find_factor, would_show_cut

LOSS_ALPHA = 0.01
"""The probability with which `find_loss` is wrong about answers from which nothing is lost; half of it is for sizes."""

_CONFIRMING_ALPHA, _LASTING_ALPHA = 0.05, 0.002
"""What the answers after the lift must show, too: those under the fault are shorter than they, or all since then are
shorter than those before."""

_FEWEST_KNOWN = 10
"""Answers under the fault whose content is known to be right, which show by themselves that answers are whole."""


@dataclass(frozen=True, slots=True)
class _Sign:
    """A sign of a loss that one answer shows, and in words how many of them show it."""

    shows: Callable[[Sample], bool]
    counts: Callable[[Sample], bool]
    words: str


_SIGNS = (
    _Sign(
        lambda s: s.known == LOST,
        lambda s: s.query == REPEATED,
        "answers lacked the code or the end that they had to repeat",
    ),
    _Sign(
        lambda s: s.known == LOST,
        lambda s: s.query == RECALLED,
        "answers had forgotten what an earlier message of their conversation said",
    ),
    _Sign(lambda s: not s.has_usage, lambda s: True, "answers stated no tokens (usage)"),
    _Sign(lambda s: s.size == 0, lambda s: True, "answers were empty"),
)


def split_phases(experiment: Experiment) -> tuple[list[Sample], list[Sample]]:
    """The good answers before the faults, and all samples under them."""
    applied = experiment.applied
    if applied is None:
        return [], []
    before = [sample for sample in experiment.samples if sample.intended < applied and sample.is_good]
    return before, experiment.fault_samples


def find_loss(experiment: Experiment) -> str:
    """What the successes under the faults lack beside those before, more than chance explains; empty if nothing."""
    before, under = split_phases(experiment)
    for sign in _SIGNS:
        first, second = list(filter(sign.counts, before)), list(filter(sign.counts, under))
        j, k = sum(map(sign.shows, first)), sum(sample.is_good and sign.shows(sample) for sample in second)
        if compute_excess_p(k, len(second), j, len(first)) <= LOSS_ALPHA / 2 / len(_SIGNS):
            return f"{k} of {len(second)} {sign.words}; before the fault {j} of {len(first)}"
    groups = _group_sizes(before, under)
    p = compute_shortening_p(groups)
    if p > LOSS_ALPHA / 2 or _may_be_baseline(experiment, before, under):
        return ""
    sizes = [np.concatenate([np.asarray(group[place]) for group in groups]) for place in (0, 1)]
    sizes[1] = sizes[1][np.isfinite(sizes[1])]
    return (
        f"the answers were shorter than those to the same queries before: at the median {np.median(sizes[1]):.0f}, and "
        f"before {np.median(sizes[0]):.0f} characters or values; the shortest {sizes[1].min():.0f} and "
        f"{sizes[0].min():.0f} (permutation test, p = {p:.2g})"
    )


def _may_be_baseline(experiment: Experiment, before: Sequence[Sample], under: Sequence[Sample]) -> bool:
    """Whether long answers before the fault explain it as well: those after the lift are as short as those under it.

    Not where all since the fault are shorter beyond that: then the loss goes on after the lift.
    """
    lifted = experiment.lifted
    after = [sample for sample in experiment.samples if lifted is not None and sample.intended >= lifted]
    if not any(sample.is_good for sample in after):
        return False
    if compute_shortening_p(_group_sizes([s for s in after if s.is_good], under)) <= _CONFIRMING_ALPHA:
        return False
    return compute_shortening_p(_group_sizes(before, [*under, *after])) > _LASTING_ALPHA


def explain_unshown(experiment: Experiment) -> str:
    """Why nothing shows that the successes under the faults are whole; empty where it is shown."""
    before, under = split_phases(experiment)
    good = [sample for sample in under if sample.is_good]
    known = sum(sample.known == RIGHT for sample in good)
    if known == len(good) or known >= _FEWEST_KNOWN:
        return ""
    groups = _group_sizes(before, under)
    if would_show_cut(groups):
        return ""
    reason = (
        f"{len(good)} requests succeeded under the fault, and nothing shows that their answers are whole: the content "
        f"of {known} is known, and beside the sizes of {len(before)} answers before it would not show if every second "
        "one had lost its half"
    )
    factor = find_factor(groups)
    if factor is None:
        return f"{reason}; [promises] deterministic, where it holds, makes the right answers known"
    seconds = factor * experiment.plan.duration
    return f"{reason}; a baseline and a fault that are {factor} times as long ({seconds:.3g} s) would"


def describe_whole(experiment: Experiment) -> str:
    """What shows that the successes under the faults are whole, in words."""
    good = [sample for sample in split_phases(experiment)[1] if sample.is_good]
    known, queries = sum(sample.known == RIGHT for sample in good), len({sample.query for sample in good})
    line = f"{len(good)} answers under the fault, to {queries} kinds of queries, were declared a success"
    if known == len(good):
        return f"{line}: each is the right one"
    sizes = "the sizes of the others are those of the baseline"
    return f"{line}: {known} are known to be right, and {sizes}"


def _group_sizes(before: Sequence[Sample], under: Sequence[Sample]) -> Groups:
    """The sizes of answers before and under the faults, by query, where the right answer is not known."""
    groups = []
    for query in sorted({sample.query for sample in under}):
        first = [sample for sample in before if sample.query == query]
        second = [sample for sample in under if sample.query == query]
        if query >= 0 and all(sample.known == RIGHT for sample in first):
            continue
        groups.append((_list_sizes(first), _list_sizes(second)))
    return groups


def _list_sizes(samples: Sequence[Sample]) -> list[float]:
    """The size of each answer that succeeded, and infinity for each request that failed."""
    return [math.inf if sample.size is None or not sample.is_good else float(sample.size) for sample in samples]
