"""The driver against real services: what counts, what does not, and when a good figure proves nothing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.attacks.square import ATTACK
from harness.core.attack import Search, Task
from harness.core.exchange import Answer
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from harness.robustness.attacked_input import REPLAYS
from harness.robustness.findings import SHRINKING
from harness.run.oracle import read_rows
from tests.services import Digits, asking, attack_service, digits, judge_attack, objective, serving, settings

N, BUDGET = 30, 40


def run(service: Digits, folder: Path, **more: Any) -> Verdict:
    with serving(service) as url:
        return attack_service(url, more.pop("data", digits(N)), folder, **{"budget": BUDGET, **more})


def count_sent_rows(verdict: Verdict) -> Counter[str]:
    words = verdict.notes[1].removeprefix("rows sent: ").split(", ")
    return Counter({purpose: int(rows) for rows, purpose in (word.split() for word in words)})


def test_a_sound_service_passes_and_its_curve_falls(tmp_path: Path) -> None:
    verdict = run(Digits(), tmp_path, eps=0.5)
    assert verdict.status is Status.PASS
    assert verdict.method == "Clopper-Pearson at a fixed n"
    by_rows = [part for part in verdict.slices if part.name.startswith("after ")]
    assert [part.name for part in by_rows] == [f"after {rows} rows" for rows in (0, 1, 2, 5, 10, 20, BUDGET)]
    by_distance = [part for part in verdict.slices if part.name.startswith("within ")]
    assert len(by_rows) + len(by_distance) == len(verdict.slices)
    for curve in (by_rows, by_distance):
        estimates = [part.estimate or 0.0 for part in curve]
        assert estimates == sorted(estimates, reverse=True)
        assert estimates[-1] == pytest.approx(verdict.estimate)
    assert all(part.n == N and part.ci and part.ci[0] <= part.estimate <= part.ci[1] for part in verdict.slices)  # type: ignore[operator]


def test_a_weak_one_fails_with_findings_that_repeat(tmp_path: Path) -> None:
    service = Digits()
    data = digits(N)
    verdict = run(service, tmp_path, eps=2.5, limit=">= 0.9", data=data)
    assert verdict.status is Status.FAIL
    example = verdict.counterexamples[0]
    assert example.curl is not None
    assert example.request is not None
    assert example.request["distance"] <= 2.5 + 1e-9
    assert example.request["original"] == data.inputs[example.request["input"]]
    assert example.seed == 3
    row = np.array(json.loads(example.request["body"])["instances"])
    assert service.model.predict_proba(row).argmax() != data.labels[example.request["input"]]  # type: ignore[index]
    assert np.abs(row[0] - example.request["original"]).max() == pytest.approx(example.request["distance"])


def test_the_budget_is_kept_row_by_row_and_counted_apart(tmp_path: Path) -> None:
    service = Digits()
    verdict = run(service, tmp_path, eps=1.5)
    counted = count_sent_rows(verdict)
    assert sum(len(rows) for rows in service.requests) == counted.total()
    assert counted["clean"] == N
    assert counted["query"] <= N * BUDGET
    assert counted["replay"] > 0
    assert counted["replay"] % REPLAYS == 0
    assert all(len(rows) == 1 for rows in service.requests[-REPLAYS:] if len(rows) < 2)
    # one batch a round, whatever the number of inputs, and one for each step that makes findings smaller
    assert len([rows for rows in service.requests if len(rows) > 1]) <= BUDGET + 1 + SHRINKING


def test_same_seed_same_rows(tmp_path: Path) -> None:
    first, second, third = Digits(), Digits(), Digits()
    for service, seed in ((first, 1), (second, 1), (third, 2)):
        run(service, tmp_path, seed=seed, budget=5, eps=0.2)
    assert all(np.array_equal(a, b) for a, b in zip(first.requests, second.requests, strict=True))
    assert not np.array_equal(first.requests[1], third.requests[1])


def test_what_is_wrong_at_first_is_not_robust_and_not_attacked(tmp_path: Path) -> None:
    def swap(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.where(scores.argmax(axis=1, keepdims=True) < 5, np.roll(scores, 1, axis=1), scores)

    verdict = run(Digits(swap), tmp_path, eps=0.1)
    wrong = int(verdict.notes[0].split()[0])
    assert wrong >= 12
    assert count_sent_rows(verdict)["query"] <= (N - wrong) * BUDGET
    assert verdict.estimate is not None
    assert verdict.estimate <= 1 - wrong / N


def test_a_model_that_ignores_its_input_is_not_called_robust(tmp_path: Path) -> None:
    plateau = np.array([0.06123, *[0.0611] * 2, 0.5111, *[0.0611] * 6])
    verdict = run(Digits(lambda rows, scores: np.tile(plateau, (len(scores), 1))), tmp_path, data=digits(N, label=3))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.estimate == 1.0
    assert "proves nothing" in verdict.reason


@pytest.mark.parametrize("decimals", [1, 2])
def test_rounded_scores_certify_nothing_so_labels_are_attacked_too(tmp_path: Path, decimals: int) -> None:
    verdict = run(Digits(lambda rows, scores: np.round(scores, decimals)), tmp_path, eps=0.3)
    assert verdict.status is Status.PASS
    assert "Square attack (L-infinity, from scores) and RayS (L-infinity, from labels) within eps 0.3" in verdict.reason
    assert any("score-masking possible: the scores are rounded" in note for note in verdict.notes)


def test_rays_breaks_what_rounding_hides_from_square(tmp_path: Path) -> None:
    """With scores of 0 and 1 alone, Square is blind; the labels still change."""
    one_hot = Digits(lambda rows, scores: np.eye(10)[scores.argmax(axis=1)])
    verdict = run(one_hot, tmp_path, eps=1.5, budget=200)
    note = next(note for note in verdict.notes if "score-masking" in note)
    assert int(note.rpartition("broke ")[2].split()[0]) >= 3
    assert verdict.status is not Status.PASS


def test_scores_that_do_not_belong_to_their_rows_certify_nothing(tmp_path: Path) -> None:
    """The labels are right, and the scores noise beneath them: Square learns nothing, RayS finds what there is."""
    random = np.random.default_rng(0)

    def blur(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
        noise = 0.05 * random.random(scores.shape)
        noise[np.arange(len(scores)), scores.argmax(axis=1)] = 0.8 + 0.2 * random.random(len(scores))
        return noise

    verdict = run(Digits(blur), tmp_path, eps=1.5, budget=100)
    note = next(note for note in verdict.notes if "score-masking" in note)
    assert "the scores of one row differ from answer to answer" in note
    assert int(note.rpartition("broke ")[2].split()[0]) >= 3
    verdict = run(Digits(lambda rows, scores: scores * (1 + 1e-6 * random.random(scores.shape))), tmp_path, eps=0.3)
    assert not any("score-masking" in note for note in verdict.notes)


def test_scores_of_an_attack_without_a_stand_in_are_still_no_proof(tmp_path: Path) -> None:
    class Plain:
        name, title = "plain", "yields the input"

        def search(self, task: Task) -> Search:
            for _ in range(3):
                yield [[number + 0.01 * (number < 8) for number in task.row]]

    rounded = Digits(lambda rows, scores: np.round(scores, 1))
    with serving(rounded) as url, asking(settings(url, digits(N), eps=0.3), tmp_path) as session:
        verdict = judge_attack(session, Plain(), *objective())
    assert verdict.status is Status.INCONCLUSIVE
    assert "the scores are rounded" in verdict.reason


def test_where_only_labels_are_answered_rays_takes_over(tmp_path: Path) -> None:
    def labels(rows: np.ndarray, scores: np.ndarray) -> tuple[int, Any]:
        return 200, {"predictions": scores.argmax(axis=1).tolist()}

    verdict = run(Digits(labels), tmp_path, eps=0.3)
    assert verdict.status is Status.PASS
    assert "tried: RayS (L-infinity, from labels) within eps 0.3" in verdict.reason
    assert any(note.startswith("square is not applicable: it reads scores") for note in verdict.notes)
    verdict = run(Digits(labels), tmp_path, eps=3.0, limit=">= 0.9")
    assert verdict.status is Status.FAIL
    assert "confirmed" in verdict.counterexamples[0].summary


def test_errors_are_neither_findings_nor_robustness(tmp_path: Path) -> None:
    service = Digits(lambda rows, scores: (500, {"error": "no"}))
    verdict = run(service, tmp_path)
    assert verdict.status is Status.INCONCLUSIVE
    assert f"{N} inputs got no valid answer (HTTP 500" in verdict.reason
    assert "0 with a finding" in verdict.notes[0]
    assert f"{N} with a row that got no valid answer" in verdict.notes[0]
    assert count_sent_rows(verdict) == Counter(clean=N, again=N)
    assert "HTTP 500" in verdict.counterexamples[0].summary


def test_a_failure_now_and_then_changes_nothing_found(tmp_path: Path) -> None:
    calls = iter(range(10_000))
    flaky = Digits(lambda rows, scores: (503, {"error": "busy"}) if len(rows) > 1 and next(calls) % 7 == 3 else scores)
    disturbed, calm = run(flaky, tmp_path, eps=1.5), run(Digits(), tmp_path, eps=1.5)
    assert count_sent_rows(disturbed)["again"] > 0
    assert disturbed.slices == calm.slices
    assert count_sent_rows(disturbed)["query"] == count_sent_rows(calm)["query"]


def test_one_row_that_kills_its_batch_takes_no_other_with_it(tmp_path: Path) -> None:
    data = digits(N)
    poison = np.array(data.inputs[4])
    service = Digits(lambda rows, scores: (500, {}) if (np.abs(rows - poison).max(axis=1) < 1).any() else scores)
    verdict = run(service, tmp_path, eps=0.3, data=data, limit=">= 0.6")
    assert "1 with a row that got no valid answer" in verdict.notes[0]
    assert verdict.status is Status.PASS


def test_a_finding_that_does_not_repeat_is_listed_and_not_counted(tmp_path: Path) -> None:
    """In a batch the answer is wrong; alone it is right: batch variance, no adversarial input."""
    rolls = iter(range(10_000))

    def variance(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.roll(scores, 1, axis=1) if len(rows) > 1 and next(rolls) % 9 == 5 else scores

    verdict = run(Digits(variance), tmp_path, eps=0.1, limit=">= 0.6")
    assert verdict.status is Status.INCONCLUSIVE
    assert "contradicts itself" in verdict.reason
    assert any(note.startswith("non-determinism: ") for note in verdict.notes)
    assert " 0 with a finding" in verdict.notes[0]
    assert int(verdict.notes[0].split("replays, ")[1].split()[0]) > 20


def test_a_flaky_finding_is_shown_where_the_check_does_not_pass(tmp_path: Path) -> None:
    service = Digits(lambda rows, scores: np.roll(scores, 1, axis=1) if len(service.requests) == 3 else scores)
    verdict = run(service, tmp_path, eps=0.1, limit=">= 0.99")
    assert verdict.counterexamples[-1].summary.startswith("flaky: input ")


def test_a_service_that_takes_one_row_is_asked_row_by_row(tmp_path: Path) -> None:
    service = Digits(lambda rows, scores: (422, {"error": "one row"}) if len(rows) > 1 else scores)
    verdict = run(service, tmp_path, budget=5, eps=0.2)
    assert verdict.status is Status.PASS
    assert count_sent_rows(verdict)["again"] == N  # learnt once
    assert all(len(rows) == 1 for rows in service.requests[1:])


def test_a_sample_that_is_one_flat_row_sets_the_form(tmp_path: Path) -> None:
    service = Digits()
    with serving(service) as url:
        given = settings(url, digits(10), budget=3, eps=0.2)
        with asking(given, tmp_path) as session:
            session.sample_query = session.adapter.sample(_with_sample(given, [0.0] * 64).endpoint, session.facts)
            verdict = judge_attack(session, ATTACK, *objective())
    assert {rows.shape for rows in service.requests} == {(64,)}
    assert count_sent_rows(verdict)["clean"] == 10


def _with_sample(given: Settings, sample: Any) -> Settings:
    return replace(given, endpoint=replace(given.endpoint, sample=sample))


def test_never_reached_is_an_error(tmp_path: Path) -> None:
    with serving(Digits()) as url:
        pass
    assert attack_service(url, digits(5), tmp_path).status is Status.ERROR


def test_answers_without_label_or_scores_decide_nothing(tmp_path: Path) -> None:
    verdict = run(Digits(lambda rows, scores: (200, {"confidence": [0.25] * len(rows)})), tmp_path)
    assert verdict.status is Status.INCONCLUSIVE
    assert "neither a label nor scores" in verdict.reason


def test_data_that_break_the_threat_model_are_named(tmp_path: Path) -> None:
    with serving(Digits()) as url:
        given = settings(url, digits(5))
        with asking(_unit(given), tmp_path) as session:
            verdict = judge_attack(session, ATTACK, *objective())
    assert verdict.status is Status.INCONCLUSIVE
    assert "outside [0, 1]" in verdict.reason


def _unit(given: Settings) -> Settings:
    assert given.attack is not None
    return replace(given, sections={"adversarial": replace(given.attack, low=0.0, high=1.0)})


def test_an_attack_that_leaves_its_constraint_is_stopped(tmp_path: Path) -> None:
    class Cheat:
        name, title = "cheat", "leaves the ball"

        def search(self, task: Task) -> Search:
            yield ([0.0] * len(task.row),)

    service = Digits()
    refused = pytest.raises(AssertionError, match="cheat left its constraint")
    with serving(service) as url, asking(settings(url, digits(5)), tmp_path) as session, refused:
        judge_attack(session, Cheat(), *objective())
    assert len(service.requests) == 2  # the clean rows, and three of them again


def test_an_attack_that_wants_more_than_its_budget_is_cut(tmp_path: Path) -> None:
    class Greedy:
        name, title = "greedy", "yields batches without end"

        def search(self, task: Task) -> Search:
            while True:
                yield [list(task.row)] * 4

    service = Digits()
    with serving(service) as url, asking(settings(url, digits(5), budget=10), tmp_path) as session:
        verdict = judge_attack(session, Greedy(), *objective())
    right = 5 - int(verdict.notes[0].split()[0])
    assert count_sent_rows(verdict)["query"] == 10 * right
    assert [len(rows) for rows in service.requests[2:]] == [4 * right, 4 * right, 2 * right]


@pytest.mark.parametrize(
    ("outputs", "n", "labels", "columns"),
    [
        ({"predictions": [1, 2], "probabilities": [[0.1, 0.9], [0.5, 0.5]]}, 2, [1, 2], 2),
        ({"probabilities": [[0.1, 0.9], [0.5, 0.4]]}, 2, [1, 0], 2),
        ({"embedding": [[1.0] * 5] * 2, "prob": [[0.1, 0.9]] * 2}, 2, [1, 1], 2),
        ({"label": ["cat", "dog"]}, 2, ["cat", "dog"], None),
        ({"label": [[1], [2]]}, 2, [1, 2], None),
        ({"label": [1.0, 2.0]}, 2, [1, 2], None),
        ({"label": 3, "scores": [0.1, 0.2, 0.7]}, 1, [3], 3),
        ({"probabilities": [0.1, 0.9]}, 1, [1], 2),
        ({"probabilities": [0.1, float("nan")]}, 1, None, None),
        ({"predictions": [1, 2, 3]}, 2, None, None),
        ({"scores": [[0.1], [0.2]]}, 2, None, None),
        ({"scores": 0.4}, 1, None, None),
        ({"label": [True, False]}, 2, None, None),
    ],
)
def test_labels_and_scores_are_read_or_nothing_is(
    outputs: dict[str, Any], n: int, labels: list[Any] | None, columns: int | None
) -> None:
    rows = read_rows(Answer(outputs=outputs), n)
    assert (None if rows is None else [reply.label for reply in rows]) == labels
    if rows is not None:
        assert (None if rows[0].scores is None else len(rows[0].scores)) == columns


def test_a_bare_text_is_the_label_of_one_row() -> None:
    assert [reply.label for reply in read_rows(Answer(text="cat"), 1) or []] == ["cat"]
    assert read_rows(Answer(text="cat"), 2) is None


def test_what_is_planned_is_sent_where_no_search_ends_early(tmp_path: Path) -> None:
    """Clean rows, three of them twice, and the budget of each input: what is planned besides is for failures."""
    service = Digits()
    verdict = run(service, tmp_path, data=digits(6), budget=5, eps=0.001)
    wrong = int(verdict.notes[0].split()[0])
    counted = count_sent_rows(verdict)
    assert counted == Counter(clean=6, twice=3, query=5 * (6 - wrong))
    assert sum(len(rows) for rows in service.requests) == counted.total()
