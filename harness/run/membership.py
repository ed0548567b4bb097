"""Membership inference: do the answers tell the rows that the model learned from apart from others?

The attack is the threshold on confidence of Yeom et al. (2018): the score of the true label less the highest other one,
or, of labels alone, whether the label is right. It assumes that training and holdout are drawn alike: what else differs
between the files (their time, their source) shows as membership, too. Rows that stand in both are left out. An area
alone hides a few rows that are recognised surely, which the true positive rate at 1 % false positives shows (Carlini et
al. 2022). Tested in tests/run/test_membership.py.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.checks.common import find_harness_error
from harness.core.dataset import Dataset
from harness.core.errors import HarnessError
from harness.core.exchange import Exchange
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost, PlannedCheck
from harness.core.settings import DataSettings
from harness.core.verdict import ALPHA, Slice, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.metrics.quality_metric import Aim, find_metric
from harness.run.answered_rows import build_answered_rows
from harness.run.gate_run import GateRun
from harness.run.rate_judging import compute_rate_bounds
from harness.run.row_asking import BATCH_WIDTH, RowAsker, RowBatch
from harness.run.session import Session
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper

ROWS_OF_EACH, _FEWEST_ROWS = 2000, 100
"""The most rows that are asked of each file, and the fewest answered ones that a verdict needs."""
MOST_AREA, MOST_RECOGNISED = 0.6, 0.1
"""Above these an attacker tells members from others: the area, and the true positive rate at 1 % false positives."""
_FALSE_POSITIVES = 0.01


@dataclass(frozen=True, slots=True)
class MembershipRows:
    """How confidently, and how often rightly, the rows of the training data and of the holdout were answered.

    `confidence` has a value for each answered row, members first; `members` says how many these are. `right` are the
    right answers of both, `failed` the rows of both without an answer. `has_scores`: the confidence is of scores.
    """

    confidence: tuple[float, ...] = ()
    members: int = 0
    right: tuple[int, int] = (0, 0)
    failed: int = 0
    has_scores: bool = False


def judge_membership(asked: MembershipRows, check: PlannedCheck, seed: int) -> Verdict:
    """Whether members are told apart no better than `MOST_AREA` and `MOST_RECOGNISED`."""
    members, others = asked.members, len(asked.confidence) - asked.members
    if min(members, others) < _FEWEST_ROWS:
        return make_inconclusive(
            f"{members} answered rows of the training data and {others} others: at least {_FEWEST_ROWS} of each", n=0
        )
    confidence, is_member = np.array(asked.confidence), np.arange(members + others) < members
    rows = make_answered_rows(
        is_member.astype(np.int64),
        is_member.astype(np.int64),
        classes=("others", "members"),
        scores=np.column_stack([-confidence, confidence]),
    )
    area = find_metric("roc_auc").prepare(rows, Aim(of_class=1))
    alpha_fail = (check.alpha_fail or ALPHA) / 2
    least, most = area.find_bounds((alpha_fail, ALPHA), seed)
    threshold = np.sort(confidence[~is_member])[::-1][math.floor(_FALSE_POSITIVES * others)]
    recognised = int((confidence[is_member] > threshold).sum())
    least_share = clopper_pearson_lower(recognised, members, alpha_fail)
    most_share = clopper_pearson_upper(recognised, members, ALPHA)
    what = f"the area under the curve is {area.estimate:.3f}, and {recognised} of {members} members are recognised"
    status, reason = Status.INCONCLUSIVE, f"{what}: not enough rows to tell"
    if least > MOST_AREA or least_share > MOST_RECOGNISED:
        status, reason = Status.FAIL, f"the answers tell the rows that the model learned from: {what}"
    elif most <= MOST_AREA and most_share <= MOST_RECOGNISED:
        status, reason = Status.PASS, f"the answers hardly tell members apart: {what}"
    accuracies = asked.right[0] / members, asked.right[1] / others
    bounds = compute_rate_bounds(recognised, members, ALPHA)
    return Verdict(
        status,
        reason,
        metric="area under the curve of membership",
        unit="",
        direction="<=",
        estimate=area.estimate,
        ci=(least, most),
        confidence=1 - ALPHA,
        method="DeLong on the scale of logits",
        n=members + others,
        limit=MOST_AREA,
        slices=(Slice("members recognised at 1 % false positives", members, recognised / members, bounds),),
        notes=tuple(_list_notes(asked, accuracies)),
    )


def _list_notes(asked: MembershipRows, accuracies: tuple[float, float]) -> list[str]:
    notes = [
        f"right are {accuracies[0]:.1%} of the training data and {accuracies[1]:.1%} of the others",
        "attack: a threshold on the confidence in the true label; stronger ones train models of their own, and what "
        "else differs between the two files counts as membership",
    ]
    if not asked.has_scores:
        notes.append("the answers hold no scores: an attacker sees only whether the label is right")
    if asked.failed:
        notes.append(f"{asked.failed} rows got no answer and are left out")
    return notes


def explain_unfit(data: DataSettings) -> str:
    """Why membership cannot be judged on these data; empty if it can."""
    if any(file is None or file.answers != "classes" for file in (data.dataset, data.training)):
        return "membership is judged of classifiers, on data and training data with labels"
    return ""


def choose_members(data: Dataset, training: Dataset, seed: int) -> tuple[list[int], list[int]]:
    """Places of rows of the training data and of the holdout, at most `ROWS_OF_EACH` of each, without common rows."""
    ours, theirs = _list_keys(training.inputs), _list_keys(data.inputs)
    common = set(ours) & set(theirs)
    chosen = []
    for keys, name in ((ours, "members"), (theirs, "others")):
        places = [place for place, key in enumerate(keys) if key not in common]
        random.Random(f"{seed} {name}").shuffle(places)
        chosen.append(places[:ROWS_OF_EACH])
    return chosen[0], chosen[1]


def _list_keys(inputs: Sequence[Any]) -> list[str]:
    return [repr(row) for row in inputs]


def measure_confidence(rows: AnsweredRows) -> tuple[list[float], bool]:
    """The confidence in the true label of each row, and whether the answers hold scores."""
    if rows.scores is None:
        return rows.right.astype(float).tolist(), False
    places = np.arange(len(rows))
    own = rows.scores[places, rows.labels]
    others = rows.scores.copy()
    others[places, rows.labels] = -np.inf
    return (own - others.max(axis=1)).tolist(), True


def ask_membership(session: Session, data: Dataset, training: Dataset, seed: int) -> MembershipRows:
    """Ask rows of both files. Raises `HarnessError` where the service was not reached."""
    chosen = choose_members(data, training, seed)
    parts = [_ask(session, file, places) for file, places in zip((training, data), chosen, strict=True)]
    has_scores = all(part.scores is not None for part in parts)
    confidence: list[float] = []
    for part in parts:
        values, _ = measure_confidence(part)
        confidence += values if has_scores else part.right.astype(float).tolist()
    return MembershipRows(
        tuple(confidence),
        len(parts[0]),
        (int(parts[0].right.sum()), int(parts[1].right.sum())),
        sum(map(len, chosen)) - len(confidence),
        has_scores,
    )


def _ask(session: Session, data: Dataset, places: list[int]) -> AnsweredRows:
    """The answered rows of one file."""
    batches: list[RowBatch] = []

    def keep(batch: RowBatch, exchange: Exchange) -> None:
        if unreached := find_harness_error(exchange):
            raise HarnessError(unreached.reason)
        batches.append(batch)

    if places:
        RowAsker(session, data, keep, lambda requests: None).ask(places)
    rows = build_answered_rows(data, places, places, batches)
    return rows.select(~rows.failed)


def _compute_cost(scope: Scope) -> Cost:
    data = scope.settings.data
    if data is None or explain_unfit(data):
        return Cost()
    rows = sum(min(ROWS_OF_EACH, len(file.inputs)) for file in (data.dataset, data.training) if file)
    return Cost(rows + 2 * -(-rows // BATCH_WIDTH) + 2, scope.tokens_per_answer * rows)


def _make(scope: Scope, session: Session, run: GateRun) -> MembershipRows:
    data = scope.settings.data
    assert data is not None
    assert data.dataset is not None
    assert data.training is not None
    return ask_membership(session, data.dataset, data.training, scope.settings.seed)


MEMBERSHIP_ROWS = Measurement(MembershipRows, _compute_cost, lambda scope: f"{scope.suite}/membership", _make)
"""Rows of the training data and of the holdout."""
