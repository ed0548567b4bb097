"""Square: the paper's schedule, the ball, every pixel reachable, and no weaker than a peer on the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from harness.attacks.square import ATTACK, Square, choose_window, compute_share, view_picture
from harness.core.attack import Criterion, Prediction, Task
from harness.core.threat import Distance
from harness.reference.digits import HIGH, make_dataset, train

PUBLISHED = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
PREDICT = train(0).predict_proba


def rows_of(task: Task, margin: Callable[[np.ndarray], float] = lambda row: 1.0) -> np.ndarray:
    """All rows that a search sends, each answered by `margin`."""
    search = ATTACK.search(task)
    (row,) = next(search)
    sent = [np.array(row)]
    while True:
        try:
            (row,) = search.send([margin(sent[-1])])
        except StopIteration:
            return np.array(sent)
        sent.append(np.array(row))


def task(budget: int = 50, shape: tuple[int, ...] = (8, 8), seed: int = 1, **more: object) -> Task:
    row = np.random.default_rng(seed).uniform(0, 1, int(np.prod(shape))).tolist()
    return Task(row, Distance(0.1), shape, budget, (5, seed), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("turn", "halvings"),
    [(0, 0), *((at + more, index + more) for index, at in enumerate(PUBLISHED) for more in (0, 1)), (9999, 9)],
)
def test_the_share_is_halved_where_the_paper_says(turn: int, halvings: int) -> None:
    assert compute_share(turn, 10_000, 0.8) == 0.8 / 2**halvings
    if turn % 10 == 0:
        assert compute_share(turn // 10, 1000, 0.8) == 0.8 / 2**halvings  # the schedule scales with the budget


@pytest.mark.parametrize(
    ("shape", "covered", "expected"),
    [
        ((224, 224), 0.05, (50, 50)),  # round(sqrt(.05 * 224 * 224)) = round(50.09)
        ((32, 32), 0.8, (29, 29)),
        ((8, 8), 0.3, (4, 4)),
        ((8, 8), 0.0001, (1, 1)),
        ((8, 8), 1.0, (8, 8)),
        ((1, 30), 0.3, (1, 9)),
        ((30, 2), 0.5, (15, 2)),
    ],
)
def test_windows_have_the_published_size(shape: tuple[int, int], covered: float, expected: tuple[int, int]) -> None:
    assert choose_window(*shape, covered) == expected


def test_every_pixel_changes_after_the_stripes_the_last_row_and_column_too() -> None:
    sent = rows_of(task(400)).reshape(-1, 8, 8)
    later = (sent[1:] != sent[0]).any(axis=0)
    assert later.all(), "ART's exclusive bound leaves the last row and column as the stripes made them"


def test_it_begins_with_vertical_stripes_at_the_edge_of_the_ball() -> None:
    given_task = task(1)
    (first,) = rows_of(given_task)
    original = np.array(given_task.row).reshape(8, 8)
    low, high = np.maximum(original - 0.1, 0), np.minimum(original + 0.1, 1)
    columns = first.reshape(8, 8)
    up = np.isclose(columns, high).all(axis=0)
    down = np.isclose(columns, low).all(axis=0)
    assert (up | down).all()
    assert up.any()
    assert down.any()


@given(st.integers(0, 2**32), st.sampled_from([(8, 8), (1, 5), (4, 3, 3), (3, 5, 6), (1, 1)]), st.booleans())
@effort(max_examples=40, deadline=None)
def test_every_row_keeps_the_constraint_and_the_budget(seed: int, shape: tuple[int, ...], scored: bool) -> None:
    wanted = task(25, shape, seed, scored=scored)
    sent = rows_of(wanted, lambda row: float(row.sum()))
    assert len(sent) == 25
    assert all(wanted.distance.allows(wanted.row, row.tolist()) for row in sent)


def test_same_task_and_answers_same_rows_and_another_input_other_rows() -> None:
    assert np.array_equal(rows_of(task()), rows_of(task()))
    same_row = Task(task().row, Distance(0.1), (8, 8), 50, (5, 2))
    assert not np.array_equal(rows_of(task()), rows_of(same_row))


def test_ties_are_accepted_and_worse_rows_are_not() -> None:
    ties = rows_of(task(30), lambda row: 1.0)
    assert len({row.tobytes() for row in ties}) == 30  # each step goes on from the last row
    worse = iter(range(100))
    rising = rows_of(task(30), lambda row: float(next(worse)))
    changed = [(row != rising[0]).reshape(8, 8) for row in rising[1:]]
    assert all(item.sum() <= 16 for item in changed)  # one window of 4 x 4 away from the first, always


def test_windows_do_not_shrink_without_scores() -> None:
    def last_change(scored: bool) -> int:
        sent = rows_of(task(200, scored=scored))
        return int(max((a != b).sum() for a, b in zip(sent[-20:], sent[-19:], strict=False)))

    assert last_change(scored=True) == 1
    assert last_change(scored=False) > 4


def test_a_channel_may_come_first_or_last() -> None:
    row = np.arange(3 * 5 * 6, dtype=float)
    assert np.array_equal(view_picture(row, (3, 5, 6)), row.reshape(3, 5, 6).transpose(1, 2, 0))
    assert np.array_equal(view_picture(row, (5, 6, 3)), row.reshape(5, 6, 3))
    with pytest.raises(ValueError, match="not a picture"):
        view_picture(row, (5, 5))


def test_the_margin_leads_the_best_other_class() -> None:
    reply = Prediction(2, (0.1, 0.3, 0.6))
    assert Criterion(2, 2).margin(reply) == pytest.approx(0.3)
    assert Criterion(1, 1).margin(reply) == pytest.approx(-0.3)
    assert Criterion(2).margin(reply) == 1.0
    assert Criterion("2").margin(reply) == -1.0
    assert Criterion(1, 1).met(reply)


def own(x: np.ndarray, y: np.ndarray, eps: float, budget: int) -> np.ndarray:
    """Rows until the first misclassified one, for each input; over the budget when there is none."""
    queries = np.full(len(x), budget + 1)
    for index, (row, label) in enumerate(zip(x, y, strict=True)):
        search = Square().search(Task(row.tolist(), Distance(eps, 0, HIGH), (8, 8), budget, (1, index)))
        (wanted,) = next(search)
        for sent in range(1, budget + 1):
            scores = PREDICT(np.asarray(wanted)[None])[0]
            margin = scores[label] - np.delete(scores, label).max()
            if margin < 0:
                queries[index] = sent
                break
            try:
                (wanted,) = search.send([margin])
            except StopIteration:
                break
    return queries


class _Enough(Exception):
    pass


def peer(x: np.ndarray, y: np.ndarray, eps: float, budget: int) -> np.ndarray:
    """The same of the Adversarial Robustness Toolbox, one input at a time, stopped by the same count of rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.attacks.evasion import SquareAttack
        from art.estimators.classification import BlackBoxClassifierNeuralNetwork

        queries = np.full(len(x), budget + 1)
        for index, (row, label) in enumerate(zip(x, y, strict=True)):
            sent = 0

            def predict(rows: np.ndarray, row: np.ndarray = row, label: int = label, index: int = index) -> np.ndarray:
                nonlocal sent
                scores = PREDICT(rows.reshape(len(rows), 64) * HIGH)
                for asked, score in zip(rows.reshape(len(rows), 64) * HIGH, scores, strict=True):
                    if np.abs(asked - row).max() > 1e-3:
                        sent += 1  # the clean row is counted apart, as ours is
                    if sent > budget:
                        raise _Enough
                    if score.argmax() != label and np.abs(asked - row).max() <= eps + 1e-3:
                        queries[index] = sent
                        raise _Enough
                return np.asarray(scores)

            model = BlackBoxClassifierNeuralNetwork(
                predict, (8, 8, 1), 10, channels_first=False, clip_values=(0.0, 1.0)
            )
            np.random.seed(index)
            attack = SquareAttack(model, norm=np.inf, max_iter=budget // 3, eps=eps / HIGH, p_init=0.3, verbose=False)
            try:
                attack.generate((row / HIGH).reshape(1, 8, 8, 1).astype(np.float32), np.array([label]))
            except _Enough:
                continue
        return queries


@pytest.mark.slow
@pytest.mark.simulation
def test_no_weaker_than_the_robustness_toolbox_at_equal_rows() -> None:
    x, y = make_dataset(99, 40)
    right = PREDICT(x).argmax(axis=1) == y
    x, y = x[right][:25], y[right][:25]
    ours, theirs = own(x, y, 1.5, 500), peer(x, y, 1.5, 500)
    assert (theirs <= 500).any(), "the peer found nothing: the comparison is broken"
    for rows in (100, 500):
        assert (ours > rows).mean() <= (theirs > rows).mean() + 0.05


def exact(x: np.ndarray, y: np.ndarray, eps: float) -> np.ndarray:
    """Which inputs no row in the ball misclassifies: a linear model's worst corner, class by class."""
    model = train(0)
    low, high = np.maximum(x - eps, 0), np.minimum(x + eps, HIGH)
    robust = np.ones(len(x), dtype=bool)
    for other in range(10):
        lead = (model.weights[:, y] - model.weights[:, [other]]).T / HIGH
        worst = np.minimum(lead * low, lead * high).sum(axis=1) + model.bias[y] - model.bias[other]
        robust &= (worst >= 0) | (y == other)
    return robust


@pytest.mark.slow
@pytest.mark.parametrize("eps", [0.75, 1.25])
def test_it_finds_nearly_all_there_is_and_nothing_else(eps: float) -> None:
    x, y = make_dataset(99, 80)
    right = PREDICT(x).argmax(axis=1) == y
    x, y = x[right][:60], y[right][:60]
    survives, truly = own(x, y, eps, 300) > 300, exact(x, y, eps)
    assert 0.2 < truly.mean() < 0.9
    assert not (~survives & truly).any(), "a finding where none can be"
    assert survives.mean() - truly.mean() <= 0.07
