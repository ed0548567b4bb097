"""Orders of documents that a reranker answers, against the grades of labelled queries."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.dataset import Facets
from harness.core.errors import ConfigError
from harness.core.exchange import Answer
from harness.core.verdict import Status
from harness.io.dataset import read_dataset
from harness.run.answered_rows import build_answered_rows
from harness.run.labelled_rows import LabelledRows
from harness.run.oracle import read_ranking
from harness.run.row_asking import RowBatch, RowState
from harness.run.trivial_baseline import judge_trivial_baseline
from tests.conftest import run_gate
from tests.services import Answered, serving

WORDS = ("tree", "river", "bread", "stone", "cloud", "horse", "music", "paper")
QUERIES = 120
RANKING = Facets(task="ranking")
Score = Callable[[str, str], float]


def write_queries(folder: Path) -> Path:
    """Queries of one word with six documents, of which one or two hold it."""
    lines = []
    for number in range(QUERIES):
        draws = random.Random(number)
        word, *others = draws.sample(WORDS, 7)
        documents = [f"{other} number {number}" for other in others]
        documents[0] = f"the {word} of {number}"
        grades = [2, 0, 0, 0, 0, 0]
        if number % 2:
            documents[1], grades[1] = f"a {word}, perhaps", 1
        order = draws.sample(range(6), 6)
        query = {"query": f"{word} {number}", "documents": [documents[place] for place in order]}
        lines.append(json.dumps({"input": query, "label": [grades[place] for place in order]}))
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "queries.jsonl"


def overlap(query: str, document: str) -> float:
    return float(query.split()[0] in document) + 0.1 * document.startswith("the")


def by_length(query: str, document: str) -> float:
    return float(len(document))


def rerank(score: Score, most: int = 9) -> Callable[[str, Any], Answered]:
    """A service of the rerank protocol, which answers the best `most` documents."""

    def answer(path: str, body: Any) -> Answered:
        if not isinstance(body, dict):
            return 404, {"error": "no"}
        if not isinstance(body.get("query"), str) or not isinstance(body.get("documents"), list):
            return 422, {"error": "give query and documents"}
        scores = [score(body["query"], document) for document in body["documents"]]
        results = [{"index": index, "relevance_score": value} for index, value in enumerate(scores)]
        return 200, {"model": "m", "results": sorted(results, key=lambda item: -item["relevance_score"])[:most]}

    return answer


CONFIG = """
[endpoint]
url = "{url}"
protocol = "rerank"
model = "m"
[data]
file = "queries.jsonl"
task = "ranking"
[[objective]]
suite = "validation"
metric = "ndcg_at_k"
k = 3
limit = ">= 0.8"
[[objective]]
suite = "validation"
metric = "recall_at_k"
k = 2
limit = ">= 0.8"
"""


@pytest.mark.parametrize(
    ("service", "verdict", "trivial"),
    [
        (rerank(overlap), "PASS", "PASS"),
        (rerank(overlap, most=2), "PASS", "PASS"),
        (rerank(by_length), "FAIL", "FAIL"),
    ],
    ids=["healthy", "top 2", "by length"],
)
def test_a_reranker_is_judged_by_its_orders(
    tmp_path: Path, service: Callable[[str, Any], Answered], verdict: str, trivial: str
) -> None:
    write_queries(tmp_path)
    with serving(service) as url:
        (tmp_path / "aiharness.toml").write_text(CONFIG.format(url=url))
        outcome = run_gate(tmp_path, "-k", "quality or trivial", "--ai-allow-partial", suite="validation")
    for name in ("ndcg_at_3", "recall_at_2"):
        row = outcome.check(f"test_quality[{name}]")
        assert row["verdict"] == verdict, (row["reason"], outcome.out)
        assert row["n"] == QUERIES
    row = outcome.check("test_trivial_baseline")
    assert row["verdict"] == trivial, row["reason"]
    assert "a random order" in row["reason"]


def test_failed_queries_and_equal_scores_are_in_the_worst_order(tmp_path: Path) -> None:
    data = read_dataset(write_queries(tmp_path), facets=RANKING)
    scored = RowState.ANSWERED
    batches = [RowBatch((0,), scored, scores=((1.0,) * 6,)), RowBatch((1,), RowState.FAILED)]
    batches += [RowBatch((2,), scored, scores=((1.0,) * 7,))]
    rows = build_answered_rows(data, (0, 1, 2), (0, 1, 2), batches)
    assert rows.vectors is not None
    assert rows.vectors.tolist() == [[0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 1, 2], [0, 0, 0, 0, 0, 2]]
    assert rows.failed.tolist() == [False, True, True]


def test_a_random_order_is_no_better_than_one(tmp_path: Path) -> None:
    data, numbers = read_dataset(write_queries(tmp_path), facets=RANKING), range(QUERIES)
    verdicts = []
    for seed in range(60):
        draws = np.random.default_rng(seed)
        batches = [RowBatch((n,), RowState.ANSWERED, scores=(tuple(draws.random(6)),)) for n in numbers]
        rows = build_answered_rows(data, numbers, numbers, batches)
        verdicts.append(judge_trivial_baseline(rows, LabelledRows(asked=tuple(numbers)), 1))
    assert sum(verdict.status is Status.PASS for verdict in verdicts) <= 6
    trivial = float(verdicts[0].reason.rpartition(" ")[2])
    estimates = [verdict.estimate or 0.0 for verdict in verdicts]
    assert np.mean(estimates) == pytest.approx(trivial, abs=4 * np.std(estimates) / 60**0.5 + 0.001)


def test_documents_that_are_left_out_come_last() -> None:
    assert read_ranking(Answer(outputs={"scores": [0.2, 0.9], "index": [1, 3]})) == (-0.8, 0.2, -0.8, 0.9)
    assert read_ranking(Answer(outputs={"scores": [[0.2, 0.9]]})) == (0.2, 0.9)
    assert read_ranking(Answer(outputs={"scores": ["a"]})) is None
    assert read_ranking(Answer(outputs={})) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"input": {"query": "a"}, "label": [1]}, "the input is no query with documents"),
        ({"input": {"query": "a", "documents": ["b"]}, "label": [1]}, "at least two texts"),
        ({"input": {"query": "a", "documents": ["b", "c"]}, "label": 1}, "a grade for each of the 2 documents"),
        ({"input": {"query": "a", "documents": ["b", "c"]}, "label": [1, 0, 0]}, "a grade for each of the 2"),
        ({"input": {"query": "a", "documents": ["b", "c"]}, "label": [1, -1]}, "numbers of 0 or more"),
    ],
)
def test_labels_that_are_no_grades_are_refused_with_file_and_row(tmp_path: Path, line: Any, words: str) -> None:
    path = write_queries(tmp_path)
    path.write_text(path.read_text() + json.dumps(line) + "\n")
    with pytest.raises(ConfigError, match=words) as problem:
        read_dataset(path, facets=RANKING)
    assert f"{path.name}:{QUERIES + 1}" in str(problem.value)
