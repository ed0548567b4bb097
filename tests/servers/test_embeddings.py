"""A real encoder (all-MiniLM-L6-v2 behind infinity): retrieval, drift of vectors, texts that it cuts, a grader."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.conftest import GateOutcome, run_gate
from tests.servers.rows import infinity

pytestmark = pytest.mark.servers
TOPICS = {
    "weather": ("rain", "snow", "wind", "fog", "thunder", "frost"),
    "cooking": ("soup", "bread", "rice", "cake", "salad", "stew"),
    "money": ("bank loan", "mortgage", "interest rate", "savings account", "credit card", "tax return"),
    "football": ("goalkeeper", "penalty", "midfield", "striker", "referee", "league table"),
    "medicine": ("fever", "vaccine", "surgery", "headache", "prescription", "blood test"),
    "music": ("violin", "orchestra", "melody", "guitar", "choir", "piano concerto"),
}
FORMS = (
    "What do people say about the {}?",
    "Tell me more about the {}.",
    "I read an article on the {} today.",
    "The {} was worse than we expected.",
    "Everyone talks of the {} this week.",
)
INTRODUCTION = "this introduction says nothing about the subject " * 60
"""More tokens than the 256 that the encoder reads; the server cuts the rest off without a word."""
CONFIG = """
[endpoint]
url = "{url}"
protocol = "openai_embeddings"
model = "minilm"
[promises]
deterministic = true
dimension = 384
[data]
file = "now.csv"
[drift]
reference = "then.csv"
[[objective]]
suite = "validation"
metric = "ndcg_at_k"
k = 5
limit = ">= 0.7"
margin = 0.05
[[objective]]
suite = "validation"
metric = "recall_at_k"
k = 5
limit = ">= 0.1"
"""
GRADED = """
[endpoint]
url = "{reference}"
protocol = "openai_chat"
model = "tiny-chat"
[evaluation]
file = "prompts.jsonl"
grader = "embedding"
embeddings = {{ url = "{url}", model = "minilm", prefix = "" }}
[[objective]]
suite = "validation"
metric = "graded_accuracy"
limit = ">= 0.7"
margin = 0.1
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with infinity.ROWS[0].run_server(tmp_path_factory.mktemp("infinity")) as server:
        yield server.url


def write_texts(path: Path, topics: Iterable[str], introduction: str = "") -> None:
    rows = [(introduction + form.format(word), name) for name in topics for word in TOPICS[name] for form in FORMS]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("prompt", "label"), *rows])


def judge(
    folder: Path, url: str, now: Iterable[str] = TOPICS, then: Iterable[str] = TOPICS, introduction: str = ""
) -> GateOutcome:
    write_texts(folder / "now.csv", now, introduction)
    write_texts(folder / "then.csv", then, introduction)
    (folder / "aiharness.toml").write_text(CONFIG.format(url=url))
    return run_gate(folder, suite="validation", timeout=200)


def test_the_encoder_finds_topics_without_drift(encoder: str, tmp_path: Path) -> None:
    outcome = judge(tmp_path, encoder)
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.check("test_drift.py::test_answers")["verdict"] == "PASS"


def test_other_topics_are_drift_of_the_vectors_alone(encoder: str, tmp_path: Path) -> None:
    names = list(TOPICS)
    outcome = judge(tmp_path, encoder, names[:3], names[3:])
    row = outcome.check("test_drift.py::test_answers")
    assert row["verdict"] == "FAIL", outcome.out
    assert "kernel distance of vectors" in row["reason"]
    assert outcome.check("test_quality[ndcg_at_5]")["verdict"] == "PASS"


def test_texts_that_are_cut_before_their_subject_find_nothing(encoder: str, tmp_path: Path) -> None:
    outcome = judge(tmp_path, encoder, list(TOPICS)[:3], ["music"], INTRODUCTION)
    for name in ("test_quality[ndcg_at_5]", "test_quality[recall_at_5]", "test_trivial_baseline"):
        assert outcome.check(name)["verdict"] == "FAIL", outcome.out


@pytest.mark.parametrize(("meant", "status"), [(True, 0), (False, 1)])
def test_answers_are_graded_by_their_meaning(
    encoder: str, reference: str, tmp_path: Path, meant: bool, status: int
) -> None:
    """The reference deployment repeats a sentence; its meaning is that of another one, or of another subject."""
    rows = []
    for animal in ("fox", "cat", "dog", "owl", "hare"):
        for colour in ("red", "blue", "green", "old", "small", "big", "young", "grey"):
            reference_text = f"A {colour} {animal} sits on top of the roof." if meant else "The bank raised its rates."
            prompt = f"Repeat after me: The {colour} {animal} is on the roof."
            rows.append({"prompt": prompt, "reference": reference_text})
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "aiharness.toml").write_text(GRADED.format(url=encoder, reference=reference))
    outcome = run_gate(tmp_path, "-k", "test_evaluation", "--ai-allow-partial", suite="validation", timeout=100)
    assert outcome.status == status, outcome.out + outcome.err
