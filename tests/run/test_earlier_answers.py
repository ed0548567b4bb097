"""Labelled rows of a run that was killed: a later run asks only the others, and refuses answers to other rows."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.core.dataset import Dataset
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.settings import DataSettings, Settings
from harness.io.rundir import RunDir
from harness.run.earlier_answers import recall_answers
from harness.run.labelled_rows import ANSWERS
from harness.run.row_asking import RowBatch, RowState
from tests.conftest import run_gate
from tests.services import Answered, QuietServer, asking, make_handler, serving_handler

ROWS = 320
CONFIG = """
[endpoint]
url = "{url}"
protocol = "plain_json"
sample = [[-1.0, 0.0]]
[data]
file = "rows.csv"
{more}
[[objective]]
suite = "validation"
metric = "accuracy"
limit = ">= 0.9"
"""
ONLY = ("-k", "test_accuracy", "--ai-allow-partial")


class Stopping:
    """Labels rows; while `most` batches are answered, further ones wait until the client has gone."""

    def __init__(self, most: int) -> None:
        self.most, self.gone = most, threading.Event()
        self.answered, self.batches = Counter[float](), 0
        self._lock = threading.Lock()

    def __call__(self, path: str, body: Any) -> Answered:
        rows = body["instances"] if isinstance(body, dict) else [[-1.0, 0.0]]
        if rows[0][0] >= 0:
            with self._lock:
                self.batches += 1
                is_late = self.batches > self.most
            if is_late and not self.gone.is_set():
                self.gone.wait(60)
                return 500, {}
            self.answered.update(row[0] for row in rows)
        return 200, {"predictions": [int(row[1]) for row in rows]}


def write_files(folder: Path, url: str, *, more: str = "", changed: int = 0) -> None:
    lines = [f"{number},{number % 3},{(number + (number < changed)) % 3}" for number in range(ROWS)]
    (folder / "rows.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    (folder / "aiharness.toml").write_text(CONFIG.format(url=url, more=more))


def kill_in_the_middle(folder: Path, service: Stopping) -> None:
    """A gate that gets SIGKILL once it has noted every answer that it got, with four batches under way."""
    command = [sys.executable, "-m", "pytest", "--ai-suite=validation", "--ai-run-dir=first", "-p", "no:cacheprovider"]
    answers = folder / "first" / "validation" / "answers.jsonl"
    with subprocess.Popen([*command, *ONLY], cwd=folder, stdout=subprocess.DEVNULL) as child:
        ends = time.monotonic() + 120
        while time.monotonic() < ends and child.poll() is None:
            if answers.exists() and answers.read_bytes().count(b"\n") == service.most:
                break
            time.sleep(0.02)
        child.kill()
    service.gone.set()


def test_what_a_killed_run_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    """Nor is it by the run after the next. Rows that were wrong stay wrong, and are shown."""
    service = Stopping(5)
    with serving_handler(make_handler(service), QuietServer) as url:
        write_files(tmp_path, url, changed=ROWS // 2)
        kill_in_the_middle(tmp_path, service)
        write_files(tmp_path, url, changed=ROWS // 2, more='resume = "first"')
        outcome = run_gate(tmp_path, *ONLY, run="second", suite="validation")
        assert set(service.answered.values()) == {1}, "a row was answered twice"
        assert len(service.answered) == ROWS, "a row was not asked"
        write_files(tmp_path, url, changed=ROWS // 2, more='resume = "second"')
        third = run_gate(tmp_path, *ONLY, run="third", suite="validation")
    assert service.answered.total() == ROWS
    row, again = outcome.check("test_accuracy[accuracy]"), third.check("test_accuracy[accuracy]")
    assert (row["verdict"], row["n"], row["estimate"]) == ("FAIL", ROWS, 0.5)
    assert "160 of 320 rows were answered in the run that [data] resume names" in row["notes"]
    assert "320 of 320 rows were answered in the run that [data] resume names" in again["notes"]
    assert outcome.gate
    assert any("first was answered are not asked again" in note for note in outcome.gate["notes"])
    for shown in (row, again):
        assert "is answered" in shown["counterexamples"][0]["summary"]
        assert shown["counterexamples"][0]["curl"]
    assert again["reason"] == row["reason"]


DATA = Dataset("rows", tuple([float(i), 0.0] for i in range(4)), (0, 1, 0, 1), digest="d")


def recall(folder: Path, run: str, *, resume: Path | None = None, data: Dataset = DATA, **more: Any) -> list[RowBatch]:
    """The answers that a run has from an earlier one."""
    endpoint = Endpoint("http://127.0.0.1:9", "plain_json", sample=[[0.0, 0.0]], **more)
    settings = DataSettings(data, resume=str(resume) if resume else None)
    (folder / run / "validation").mkdir(parents=True)
    with asking(Settings(endpoint, ("validation",), data=settings), folder / run) as session:
        return list(recall_answers(session, settings, RunDir(folder / run), ANSWERS))


LINES = [RowBatch((0, 1), RowState.ANSWERED, ("0", "1")), RowBatch((2,), RowState.FAILED)]


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A run that had two answers, the last line of which a kill has torn."""
    assert recall(tmp_path, "first") == []
    lines = [msgspec.json.encode(line) for line in (*LINES, LINES[0], RowBatch((9,), RowState.ANSWERED, ("0",)))]
    (tmp_path / "first" / ANSWERS).write_bytes(b"\n".join(lines) + b'\n{"rows":[3],"sta')
    return tmp_path / "first"


def test_each_row_is_recalled_once_and_failures_too(tmp_path: Path, first: Path) -> None:
    assert recall(tmp_path, "second", resume=first) == LINES


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": replace(DATA, digest="e")}, "was recorded with data 'd', now it is 'e'"),
        ({"data": replace(DATA, inputs=DATA.inputs[::-1])}, "was recorded with rows"),
        ({"data": replace(DATA, classes=("1", "0"))}, "was recorded with classes"),
        ({"data": replace(DATA, task="regression")}, "was recorded with task"),
        ({"model": "other"}, "was recorded with endpoint"),
        ({"options": {"temperature": 1}}, "was recorded with options"),
    ],
)
def test_answers_to_other_rows_are_refused(tmp_path: Path, first: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recall(tmp_path, "second", resume=first, **change)


def test_a_folder_that_is_no_such_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere/validation/answers\.head\.json cannot be read"):
        recall(tmp_path, "second", resume=tmp_path / "nowhere")
