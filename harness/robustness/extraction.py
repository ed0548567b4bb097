"""Extraction: how well does a copy agree with the service that learned from its answers alone, after how many of them?

The copy is the surrogate of the attack `transfer` (a small network of torch). Its questions are rows of the user's own
data (natural), mixtures of a few of them (mixed), or rows drawn from the box of the data (random). Each copy stands
beside a control that never asked: a copy of the data's own labels, or the most frequent answer. Only what the answers
add to that is taken from the service (Tramer et al. 2016; Orekondy et al. 2019, "Knockoff nets").

Tested in tests/robustness/test_extraction.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.attacks.transfer import distil
from harness.checks.common import find_harness_error
from harness.core.attack import Row
from harness.core.dataset import Dataset
from harness.core.errors import HarnessError
from harness.core.exchange import Exchange
from harness.robustness.row_forms import RowForm, find_form
from harness.run.oracle import Oracle
from harness.run.session import Session

HELD_OUT, _SEEDS = 500, 50
"""The most rows on which copies are compared with the service, and the rows of which mixtures are made."""
BUDGETS = (100, 500)
"""Rows after which a copy is made, besides the most that are allowed."""
_DECLINED = (403, 429)
_Rows = NDArray[np.float64]
_Answers = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy: the `kind` of its questions, how many were asked, and on how many of n unseen rows it agrees.

    `control` is the same of a copy that asked nothing; `gained` are the rows on which the copy alone agrees, `lost`
    those on which its control alone does.
    """

    kind: str
    queries: int
    n: int
    agreed: int
    control: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """The copies of a model, the rows that were asked in all, and how many requests the service declined of how many.

    `lost` rows got no answer. `problem` says why there is no copy.
    """

    copies: tuple[Copy, ...] = ()
    rows: int = 0
    requests: int = 0
    declined: int = 0
    lost: int = 0
    problem: str = ""


@dataclass(slots=True)
class _Watch:
    requests: int = 0
    declined: int = 0

    def see(self, exchange: Exchange) -> None:
        self.requests += 1
        self.declined += exchange.status in _DECLINED


def explain_uncopied(data: Dataset | None) -> str:
    """Why no copy can be made on these data; empty if it can."""
    form = find_form(data) if data and data.answers == "classes" else "no labelled rows of classes"
    if isinstance(form, str) or data is None or isinstance(data.inputs[0], str):
        return "copies are made of classifiers of rows of numbers or named fields"
    return ""


def extract_model(session: Session, data: Dataset, most: int, seed: int) -> Extraction:
    """Ask up to `most` rows of each kind, and make copies. Raises `HarnessError` where the service was not reached."""
    form = find_form(data)
    assert isinstance(form, RowForm)
    rows = np.array([form.encode(row) for row in data.inputs], dtype=np.float64)
    places = list(range(len(rows)))
    random.Random(f"{seed} extraction").shuffle(places)
    compared, pool = np.split(np.array(places), [min(HELD_OUT, len(places) // 3)])
    oracle, watch = Oracle(session, form.decode, most_repeats=float(len(compared) + 3 * most)), _Watch()
    with _watching(session, watch):
        truth = _ask(oracle, rows[compared])
        questions = _list_questions(rows[pool], [place in form.codes for place in form.names], most, seed)
        asked = {kind: (some, _ask(oracle, some)) for kind, some in questions.items()}
    counts = len(compared) + sum(len(some) for some, _ in asked.values()), watch.requests, watch.declined
    lost = sum(int((answers == "").sum()) for answers in (truth, *(answers for _, answers in asked.values())))
    known = truth != ""
    if len(set(truth[known])) < 2:
        return Extraction((), *counts, lost, "the service gives fewer than two different answers")
    labels = _name_labels(data, truth)
    controls = _Controls(rows[pool], labels[pool], seed)
    copies = [
        copy
        for kind, (some, answers) in asked.items()
        for copy in _make_copies(kind, some, answers, (rows[compared][known], truth[known]), controls)
    ]
    return Extraction(tuple(copies), *counts, lost)


@contextmanager
def _watching(session: Session, watch: _Watch) -> Iterator[None]:
    """Every refusal is seen, none is hidden by sending again."""
    before, session.watch = session.watch, watch.see
    try:
        with session.client.see_refusals(paced=True):
            yield
    finally:
        session.watch = before


def _ask(oracle: Oracle, rows: _Rows) -> _Answers:
    """The answer to each row as text; empty where none came."""
    asked: list[Row] = [tuple(row) for row in rows.tolist()]
    answers = oracle.ask(asked, "extraction") if asked else []
    for _, exchange in answers:
        if unreached := find_harness_error(exchange):
            raise HarnessError(unreached.reason)
    return np.array([str(reply.label).strip() if reply else "" for reply, _ in answers], dtype=np.str_)


def _list_questions(pool: _Rows, is_code: Sequence[bool], most: int, seed: int) -> dict[str, _Rows]:
    """Rows of each kind, the first of which are those of a smaller budget; columns of texts hold whole numbers."""
    draw = np.random.default_rng(seed)
    seeds = pool[:_SEEDS]
    first, second = draw.integers(0, len(seeds), (2, most))
    share = draw.random((most, 1))
    mixed = share * seeds[first] + (1 - share) * seeds[second]
    low, high = pool.min(axis=0), pool.max(axis=0)
    rows = {"natural": pool[:most], "mixed": mixed, "random": draw.uniform(low, high, (most, pool.shape[1]))}
    codes = np.flatnonzero(np.array(is_code, dtype=bool))
    for kind in ("mixed", "random"):
        rows[kind][:, codes] = np.round(rows[kind][:, codes])
    return rows


def _name_labels(data: Dataset, truth: _Answers) -> _Answers:
    """The data's labels as the service words its answers: as they are, or by their place among the classes."""
    labels = np.array([str(label).strip() for label in data.labels or ()], dtype=np.str_)
    if set(labels) & set(truth):
        return labels
    classes = data.classes or tuple(sorted(set(labels.tolist())))
    return np.array([str(classes.index(label)) if label in classes else label for label in labels], dtype=np.str_)


@dataclass(slots=True)
class _Controls:
    """What agrees with the service without having asked it."""

    pool: _Rows
    labels: _Answers
    seed: int
    _cache: dict[int, _Answers | None] = field(default_factory=dict)

    def predict(self, kind: str, queries: int, rows: _Rows, truth: _Answers) -> _Answers:
        """For natural rows a copy of the labels of as many, for mixed ones of their seeds; else the usual answer."""
        size = {"natural": queries, "mixed": _SEEDS}.get(kind)
        predicted = None
        if size is not None:
            if size not in self._cache:
                self._cache[size] = _predict(self.pool[:size], self.labels[:size], rows, self.seed)
            predicted = self._cache[size]
        if predicted is not None:
            return predicted
        names, counts = np.unique(truth, return_counts=True)
        return np.full(len(rows), names[counts.argmax()])


def _predict(rows: _Rows, answers: _Answers, unseen: _Rows, seed: int) -> _Answers | None:
    known = answers != ""
    surrogate = distil(rows[known], answers[known], seed)
    return None if surrogate is None else np.array(surrogate.labels, dtype=np.str_)[surrogate.predict(unseen)]


def _make_copies(
    kind: str, rows: _Rows, answers: _Answers, unseen: tuple[_Rows, _Answers], controls: _Controls
) -> Iterator[Copy]:
    """A copy after each budget that the questions suffice for."""
    compared, truth = unseen
    for queries in sorted({min(budget, len(rows)) for budget in (*BUDGETS, len(rows))}):
        copied = _predict(rows[:queries], answers[:queries], compared, controls.seed)
        if copied is None:
            continue
        agrees, control = copied == truth, controls.predict(kind, queries, compared, truth) == truth
        gained, lost = int((agrees & ~control).sum()), int((control & ~agrees).sum())
        yield Copy(kind, queries, len(truth), int(agrees.sum()), int(control.sum()), gained, lost)
