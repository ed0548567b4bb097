"""Figures of quality judged on a real service: good ones pass, bad ones fail, what tells nothing is inconclusive."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import DataSettings, Settings
from harness.core.verdict import Status, Verdict
from harness.metrics.answered_rows import AnsweredRows
from harness.run.answered_rows import build_answered_rows
from harness.run.labelled_rows import ask_labelled_rows, choose_rows
from harness.run.quality import judge_quality
from harness.run.row_asking import RowBatch
from tests.conftest import run_gate
from tests.services import Answered, asking, serving

N = 300
GENERATOR = np.random.default_rng(5)
LABELS = GENERATOR.choice(3, N, p=[0.5, 0.3, 0.2])
ROWS = tuple([float(i), float(label)] for i, label in enumerate(LABELS))
DATA = Dataset(
    "rows",
    ROWS,
    tuple(int(label) for label in LABELS),
    columns={"region": ["north" if i % 4 else "south" for i in range(N)]},
    slices=("region",),
    task="multiclass",
)
NAMED = replace(DATA, labels=tuple("xyz"[label] for label in LABELS))
NUMBERS = replace(DATA, labels=tuple(10.0 * label + 0.5 for label in LABELS), task="regression")
BINARY = replace(DATA, labels=tuple(int(label > 0) for label in LABELS), task="binary")


def score(row: list[float], error_rate: float = 0.05) -> list[float]:
    """Probabilities of three classes, of which the label's is the highest in all but every twentieth row."""
    label = int(row[1])
    if row[0] % round(1 / error_rate) == 0:
        label = (label + 1) % 3
    return [0.8 if code == label else 0.1 for code in range(3)]


class Asked:
    """The labelled rows of some data, asked of a service once, and judged by any objective."""

    def __init__(self, change: Callable[[list[list[float]]], Any], folder: Path, data: Dataset = DATA) -> None:
        def answer(path: str, body: Any) -> Answered:
            replies = change(body["instances"])
            return replies if isinstance(replies, tuple) else (200, replies)

        self.data, self.batches = data, list[RowBatch]()
        with serving(answer) as url:
            endpoint = Endpoint(url, protocol="plain_json", sample=[[0.0, 1.0]])
            settings = Settings(endpoint, ("validation",), data=DataSettings(data))
            with asking(settings, folder) as session:
                session.is_reached = True
                self.seed = session.settings.seed
                self.labelled = ask_labelled_rows(session, data, [], write=self.batches.append)
        population = choose_rows(data, self.seed, None, 1000)
        self.rows: AnsweredRows = build_answered_rows(data, self.labelled.asked, population, self.batches)

    def judge(self, metric: str, limit: str, **more: Any) -> Verdict:
        objective = parse_objective("validation", metric, limit, PROFILES["release"], **more)
        check = PlannedCheck("x", "validation", objective.level, "x", "estimate", alpha_fail=objective.alpha)
        return judge_quality(self.rows, self.labelled, self.data, self.seed, objective, check)


def answer_scores(rows: list[list[float]]) -> Any:
    return {"probabilities": [score(row) for row in rows]}


def test_a_healthy_service_passes_and_a_stricter_limit_fails(tmp_path: Path) -> None:
    asked = Asked(answer_scores, tmp_path)
    for metric, limit, strict in (
        ("balanced_accuracy", ">= 0.9", ">= 0.99"),
        ("macro_f1", ">= 0.9", ">= 0.99"),
        ("mcc", ">= 0.85", ">= 0.99"),
        ("roc_auc", ">= 0.92", ">= 0.999"),
        ("pr_auc", ">= 0.85", ">= 0.999"),
        ("log_loss", "<= 0.5", "<= 0.2"),
        ("brier", "<= 0.1", "<= 0.01"),
    ):
        verdict = asked.judge(metric, limit)
        assert verdict.status is Status.PASS, (metric, verdict.reason)
        assert verdict.ci is not None
        assert verdict.n == N
        verdict = asked.judge(metric, strict)
        assert verdict.status is Status.FAIL, (metric, verdict.reason)
        assert f"must be {verdict.direction}" in verdict.reason
    near = asked.judge("macro_f1", ">= 0.945", margin=0.005)
    assert near.status is Status.INCONCLUSIVE
    assert near.n_needed is None or near.n_needed > N


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "micro_f1", "recall", "mcc", "roc_auc", "top_k"])
def test_rows_of_one_class_pass_no_figure_of_classes(tmp_path: Path, metric: str) -> None:
    def answer(rows: list[list[float]]) -> Any:
        return {"predictions": [1] * len(rows), "probabilities": [[0.1, 0.8, 0.1]] * len(rows)}

    same = replace(DATA, labels=(1,) * N, classes=("0", "1", "2"))
    verdict = Asked(answer, tmp_path, same).judge(metric, ">= 0.5", **({"k": 1} if metric == "top_k" else {}))
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert verdict.reason


def test_a_class_and_a_slice_are_judged_alone_and_shown(tmp_path: Path) -> None:
    asked = Asked(answer_scores, tmp_path, replace(NAMED, classes=("x", "y", "z")))
    assert asked.rows.classes == ("x", "y", "z")
    whole = asked.judge("recall", ">= 0.9")
    assert [part.name for part in whole.slices] == ["class x", "class y", "class z", "region=north", "region=south"]
    one = asked.judge("recall", ">= 0.9", class_="z")
    assert one.n == int((LABELS == 2).sum())
    assert one.estimate == pytest.approx(whole.slices[2].estimate)
    south = asked.judge("macro_f1", ">= 0.8", slice="region=south")
    assert south.n == N // 4
    assert "there are: region=north, region=south" in asked.judge("mcc", ">= 0.8", slice="region=east").reason
    unknown = asked.judge("recall", ">= 0.9", class_="w")
    assert unknown.status is Status.INCONCLUSIVE
    assert "no row is labelled 'w'; there are: x, y, z" in unknown.reason


def test_scores_are_matched_with_names_in_whatever_order_they_come(tmp_path: Path) -> None:
    def answer(rows: list[list[float]]) -> Any:
        scores = [score(row) for row in rows]
        return {"label": ["xyz"[max(range(3), key=s.__getitem__)] for s in scores], "scores": [s[::-1] for s in scores]}

    right = Asked(answer, tmp_path, NAMED)
    assert right.judge("roc_auc", ">= 0.9").status is Status.PASS
    ordered = Asked(answer, tmp_path, replace(NAMED, classes=("x", "y", "z")))
    assert ordered.judge("roc_auc", ">= 0.9").status is Status.FAIL, "the order of the scores is configured"

    def answer_mixed(rows: list[list[float]]) -> Any:
        return {
            **answer(rows),
            "scores": [s if row[0] % 2 else s[::-1] for s, row in zip(map(score, rows), rows, strict=True)],
        }

    unknown = Asked(answer_mixed, tmp_path, NAMED).judge("roc_auc", ">= 0.9")
    assert unknown.status is Status.INCONCLUSIVE
    assert "[data] classes" in unknown.reason


def test_numbers_and_a_single_probability_are_read(tmp_path: Path) -> None:
    numbers = Asked(lambda rows: {"predictions": [10.0 * row[1] + 1.0 for row in rows]}, tmp_path, NUMBERS)
    assert numbers.judge("mae", "<= 0.6").estimate == pytest.approx(0.5)
    assert numbers.judge("rmse", "<= 0.6").status is Status.PASS
    assert numbers.judge("r2", ">= 0.9").status is Status.PASS
    assert "needs classes" in numbers.judge("mcc", ">= 0.9").reason
    chance = Asked(lambda rows: {"probability": [0.9 if row[1] else 0.2 for row in rows]}, tmp_path, BINARY)
    assert chance.judge("roc_auc", ">= 0.9").estimate == 1.0
    assert chance.judge("brier", "<= 0.1").status is Status.PASS
    assert "needs numbers" in chance.judge("mae", "<= 0.1").reason


@pytest.mark.parametrize(("status", "expected"), [(500, Status.FAIL), (429, Status.INCONCLUSIVE)])
def test_failed_rows_count_against_the_service_and_declined_ones_fail_nothing(
    tmp_path: Path, status: int, expected: Status
) -> None:
    def lose(rows: list[list[float]]) -> Any:
        return (status, {"error": "no"}) if any(row[0] % 3 == 0 for row in rows) else answer_scores(rows)

    asked = Asked(lose, tmp_path)
    for metric, limit in (("macro_f1", ">= 0.9"), ("roc_auc", ">= 0.9"), ("log_loss", "<= 0.5")):
        verdict = asked.judge(metric, limit)
        assert verdict.status is expected, verdict.reason
        assert any(note.startswith("100 rows had no answer") for note in verdict.notes)


def test_what_tells_nothing_is_inconclusive(tmp_path: Path) -> None:
    labels = Asked(lambda rows: {"label": [int(row[1]) for row in rows]}, tmp_path)
    assert "needs scores: the answers hold no scores" in labels.judge("roc_auc", ">= 0.9").reason
    logits = Asked(lambda rows: {"logits": [[5 * x for x in score(row)] for row in rows]}, tmp_path)
    assert "no probabilities" in logits.judge("log_loss", "<= 0.9").reason
    assert logits.judge("roc_auc", ">= 0.9").status is Status.PASS
    more = Asked(lambda rows: {"label": [int(row[1]) + 5 * (row[0] % 9 == 0) for row in rows]}, tmp_path)
    assert any("classes that no label has: 5, 6, 7" in note for note in more.judge("macro_f1", ">= 0.8").notes)
    refused = Asked(lambda rows: (422, {"error": "no"}), tmp_path)
    assert "every row was refused" in refused.judge("mcc", ">= 0.8").reason
    titles = Asked(lambda rows: {"label": [f"class {row[1]:.0f}" for row in rows]}, tmp_path)
    assert titles.judge("mcc", ">= 0.8").status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("metric", "limit", "more", "words"),
    [
        ("mae", "<= 5%", {}, "an upper bound in label units"),
        ("mae", ">= 5", {}, "an upper bound in label units"),
        ("roc_auc", "<= 0.9", {}, "a lower bound between 0 and 1"),
        ("brier", "<= 3", {}, "an upper bound between 0 and 1"),
        ("mcc", ">= 0.9", {"class_": "x"}, "mcc takes no class"),
        ("macro_f1", ">= 0.9", {"k": 3}, "macro_f1 takes no k"),
        ("top_k", ">= 0.9", {}, "top_k needs k"),
        ("auc", ">= 0.9", {}, "Did you mean"),
        ("mae", "<= 5", {"margin": -1.0}, "must be 0 or more"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(metric: str, limit: str, more: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_objective("validation", metric, limit, PROFILES["release"], **more)


def test_the_slug_and_the_text_name_class_and_k() -> None:
    objective = parse_objective("validation", "top_k", ">= 0.9", PROFILES["release"], k=3)
    assert (objective.slug, objective.text) == ("top_3", "top_3 >= 90 %")
    objective = parse_objective("validation", "recall", ">= 0.9", PROFILES["release"], class_="very old")
    assert (objective.slug, objective.text) == ("recall-very-old", "recall of class 'very old' >= 90 %")
    objective = parse_objective("validation", "mae", "<= 2", PROFILES["release"])
    assert (objective.text, objective.budget, objective.loosened) == ("mae <= 2", 2, 2.2)


CONFIG = """
[endpoint]
protocol = "plain_json"
sample = [[0.0, 1.0]]
[data]
file = "rows.csv"
slices = ["region"]
weight = "weight"
[[objective]]
suite = "validation"
metric = "macro_f1"
limit = ">= 0.8"
[[objective]]
suite = "validation"
metric = "recall"
class = "2"
limit = ">= 0.7"
[[objective]]
suite = "validation"
metric = "roc_auc"
slice = "region=north"
limit = ">= 0.9"
"""


def test_a_run_judges_every_figure_on_rows_that_are_asked_once(tmp_path: Path) -> None:
    lines = ["a,b,label,region,weight"]
    lines += [f"{row[0]},{row[1]},{int(row[1])},{DATA.columns['region'][i]},{1 + i % 2}" for i, row in enumerate(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "aiharness.toml").write_text(CONFIG)
    counts: list[int] = []

    def answer(path: str, body: Any) -> Answered:
        if body is None:
            return 404, {}
        counts.append(len(body["instances"]))
        return 200, answer_scores(body["instances"])

    with serving(answer) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", "--ai-allow-partial", "-k", "quality", suite="validation")
    assert outcome.status == 0, outcome.out + outcome.err
    assert sum(counts) - N < 5, "each row once, and the preflight"
    checks = {name: outcome.check(name) for name in ("[macro_f1]", "[recall-2]", "[roc_auc-region-north]")}
    assert {row["verdict"] for row in checks.values()} == {"PASS"}
    assert checks["[recall-2]"]["n"] == int((LABELS == 2).sum())
    assert not math.isnan(checks["[roc_auc-region-north]"]["estimate"])
    answers = (outcome.run_dir / "validation/answers.jsonl").read_text().splitlines()
    assert sum(len(json.loads(line)["rows"]) for line in answers) == N


def test_a_verdict_says_what_it_could_have_seen(tmp_path: Path) -> None:
    verdict = Asked(answer_scores, tmp_path).judge("macro_f1", ">= 0.9")
    assert verdict.ci is not None
    assert verdict.estimate is not None
    reach = verdict.ci[1] - verdict.estimate  # type: ignore[operator]
    note = next(note for note in verdict.notes if note.startswith("at 300 rows a model that misses the limit by"))
    assert f"by {reach:.2g} FAILs in half of all runs, by {reach * 1.512:.2g} in eight of ten" in note
