"""Services that answer labelled rows wrongly, not at all, or in a form that tells nothing: no accuracy passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checks.answers.golden import judge_golden_outputs
from harness.core.dataset import Dataset
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import DataSettings, Settings
from harness.core.tolerance import Tolerance
from harness.core.verdict import Counterexample, Status, Verdict
from harness.run.accuracy import judge_accuracy
from harness.run.labelled_rows import ask_labelled_rows
from tests.catalogues import sample_cases
from tests.services import Answered, asking, serving

ROWS = tuple([float(i), float(i % 3)] for i in range(200))
DATA = Dataset("rows", ROWS, tuple(i % 3 for i in range(200)), tuple("odd" if i % 2 else "" for i in range(200)))


def _labels(rows: list[list[float]]) -> list[int]:
    return [int(row[1]) for row in rows]


class Service:
    """Label i % 3 of each row, changed; `sizes` holds the rows of every request."""

    def __init__(self, change: Callable[[list[list[float]]], Any] | None = None) -> None:
        self.change, self.sizes = change or _labels, list[int]()

    def __call__(self, path: str, body: Any) -> Answered:
        rows = body["instances"]
        self.sizes.append(len(rows))
        outcome = self.change(rows)
        return outcome if isinstance(outcome, tuple) else (200, {"predictions": outcome})


def judge_service(
    service: Callable[[str, Any], Answered],
    folder: Path,
    data: Dataset = DATA,
    slice: str | None = None,
    retries: float = 0.02,
    **more: Any,
) -> Verdict:
    objective = parse_objective("validation", "accuracy", ">= 0.9", PROFILES["release"], slice=slice)
    check = PlannedCheck("x", "validation", objective.level, "x", "estimate", alpha_fail=objective.alpha)
    with serving(service) as url:
        endpoint = Endpoint(url, **{"protocol": "plain_json", "sample": [[0.0, 1.0]], **more})
        with asking(Settings(endpoint, ("validation",), data=DataSettings(data, retries=retries)), folder) as session:
            session.is_reached = True
            rows = ask_labelled_rows(session, data, [objective])
            return judge_accuracy(rows, data, session.settings.seed, objective, check)


def test_a_right_service_passes_in_batches(tmp_path: Path) -> None:
    service = Service()
    verdict = judge_service(service, tmp_path)
    assert (verdict.status, verdict.n, verdict.estimate) == (Status.PASS, 200, 1.0)
    assert sorted(service.sizes) == [8, *[32] * 6]
    assert [(part.name, part.n) for part in verdict.slices] == [("odd", 100)]


@pytest.mark.parametrize(
    ("spent", "status"), [(0, Status.PASS), (5, Status.PASS), (60, Status.INCONCLUSIVE), (200, Status.INCONCLUSIVE)]
)
def test_rows_whose_limit_was_spent_on_thinking_are_not_wrong(tmp_path: Path, spent: int, status: Status) -> None:
    texts = Dataset("texts", tuple(f"row {i}" for i in range(200)), tuple("abc"[i % 3] for i in range(200)))

    def answer(path: str, body: Any) -> Answered:
        number = int(body["messages"][-1]["content"].split()[1])
        message: dict[str, Any] = {"content": "abc"[number % 3]}
        if number < spent:
            message = {"content": None, "reasoning_content": "Hm, it may be"}
        reason = "length" if number < spent else "stop"
        usage = {"prompt_tokens": 3, "completion_tokens": 16}
        return 200, {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}

    verdict = judge_service(answer, tmp_path, texts, protocol="openai_chat", model="m", sample=None)
    assert verdict.status is status, verdict.reason
    if status is Status.INCONCLUSIVE:
        assert f"{spent} of 200 rows" in verdict.reason
        assert "16 of 16 tokens were thinking" in verdict.reason


def test_scores_without_a_label_count_by_the_highest(tmp_path: Path) -> None:
    scores = Service(lambda rows: [[float(row[1] == i) for i in range(3)] for row in rows])
    assert judge_service(scores, tmp_path).estimate == 1.0


def test_a_service_that_takes_one_row_a_request_is_asked_so(tmp_path: Path) -> None:
    service = Service(lambda rows: (422, {"error": "one"}) if len(rows) > 1 else [int(rows[0][1])])
    assert judge_service(service, tmp_path).status is Status.PASS
    assert service.sizes == [32, *[1] * 200]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [0] * len(rows),
        lambda rows: [int(row[1]) for row in rows][::-1],
        lambda rows: (500, {"error": "no"}),
        lambda rows: (500, {"error": "no"}) if any(row[0] < 60 for row in rows) else [int(row[1]) for row in rows],
    ],
    ids=["constant", "reversed", "dead", "some rows fail"],
)
def test_wrong_and_missing_answers_fail(tmp_path: Path, change: Any) -> None:
    verdict = judge_service(Service(change), tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert verdict.n == 200
    assert verdict.counterexamples[0].summary.startswith("row ")


def test_rows_that_fail_count_alone_and_do_not_take_their_batch_with_them(tmp_path: Path) -> None:
    fails = Service(lambda rows: (500, {}) if any(row[0] < 5 for row in rows) else [int(row[1]) for row in rows])
    verdict = judge_service(fails, tmp_path)
    assert verdict.estimate == pytest.approx(1 - 5 / 200)
    assert any("5 of the wrong rows had no answer" in note for note in verdict.notes)


@pytest.mark.parametrize(
    ("retries", "fails", "share", "notes"),
    [
        (0.02, lambda row, times: times == 1 and row < 4, 1.0, "4 rows were asked a second time"),
        (0.02, lambda row, times: times == 1 and row < 6, 1 - 2 / 200, "4 rows were asked a second time"),
        (0.02, lambda row, times: row < 4, 1 - 4 / 200, "4 of the wrong rows had no answer"),
        (0.0, lambda row, times: times == 1 and row < 4, 1 - 4 / 200, "4 of the wrong rows had no answer"),
    ],
    ids=["within", "beyond", "for good", "none"],
)
def test_rows_that_an_error_has_struck_are_asked_again_within_the_budget(
    tmp_path: Path, retries: float, fails: Callable[[float, int], bool], share: float, notes: str
) -> None:
    times = Counter[float]()

    def answer(path: str, body: Any) -> Answered:
        rows = body["instances"]
        if len(rows) > 1:
            return 422, {"error": "one row"}
        times[rows[0][0]] += 1
        return (500, {}) if fails(rows[0][0], times[rows[0][0]]) else (200, {"predictions": _labels(rows)})

    verdict = judge_service(answer, tmp_path, retries=retries)
    assert verdict.estimate == pytest.approx(share)
    assert any(note.startswith(notes) for note in verdict.notes), verdict.notes
    assert max(times.values()) <= 2
    assert times.total() <= 200 + 200 * retries


def test_rows_of_one_class_pass_nothing(tmp_path: Path) -> None:
    same = replace(DATA, labels=(1,) * 200)
    passing = judge_service(Service(lambda rows: [1] * len(rows)), tmp_path, same)
    assert passing.status is Status.INCONCLUSIVE
    assert "all rows are labelled '1', so that a constant answer is right" in passing.reason
    assert judge_service(Service(lambda rows: [0] * len(rows)), tmp_path, same).status is Status.FAIL
    assert judge_service(Service(lambda rows: [1] * len(rows)), tmp_path, same, slice="odd").status is Status.PASS


def test_answers_of_classes_that_no_label_has_are_named(tmp_path: Path) -> None:
    verdict = judge_service(Service(lambda rows: [int(row[1]) if row[0] % 50 else 7 for row in rows]), tmp_path)
    assert "answers that are the label of no row: '7' (4 times)" in verdict.notes


def test_what_tells_nothing_is_inconclusive(tmp_path: Path) -> None:
    unread = judge_service(Service(lambda rows: [0.5] * len(rows)), tmp_path)
    assert unread.status is Status.INCONCLUSIVE
    assert "no label and no scores" in unread.reason
    missing = judge_service(Service(), tmp_path, slice="even")
    assert missing.status is Status.INCONCLUSIVE
    assert "no slice 'even'; there are: odd" in missing.reason
    no_classes = judge_service(Service(), tmp_path, replace(DATA, labels=(0.5,) * 200))
    assert no_classes.status is Status.INCONCLUSIVE
    assert judge_service(Service(), tmp_path, slice="odd").n == 100


CLASSES = ("setosa", "versicolor", "virginica")
NAMED = replace(DATA, labels=tuple(CLASSES[i % 3] for i in range(200)))


@pytest.mark.parametrize("status", sample_cases([400, 401, 404, 413, 422], 401, 422))
def test_rows_that_are_all_refused_say_nothing_of_the_model(tmp_path: Path, status: int) -> None:
    verdict = judge_service(Service(lambda rows: (status, {"detail": "field required: sepal_length"})), tmp_path)
    assert (verdict.status, verdict.n) == (Status.INCONCLUSIVE, 0), verdict.reason
    assert f"every row was refused, none was answered (HTTP {status}" in verdict.reason
    assert "field required: sepal_length" in verdict.reason
    assert verdict.counterexamples


def test_one_row_that_is_answered_makes_the_refused_ones_wrong(tmp_path: Path) -> None:
    picky = Service(lambda rows: (422, {"error": "no"}) if any(row[0] > 0 for row in rows) else [0])
    verdict = judge_service(picky, tmp_path)
    assert verdict.status is Status.FAIL
    assert any("199 of the wrong rows were refused: HTTP 422" in note for note in verdict.notes)


def test_refusals_beside_failures_are_failures(tmp_path: Path) -> None:
    dead = Service(lambda rows: (500 if rows[0][0] % 2 else 422, {"error": "no"}))
    assert judge_service(dead, tmp_path).status is Status.FAIL


@pytest.mark.parametrize(
    ("data", "change", "words"),
    [
        (NAMED, _labels, "the answers are numbers (0, 1, 2), the labels are names"),
        (NAMED, lambda rows: [str(label) for label in _labels(rows)], "the answers are numbers (0, 1, 2)"),
        (NAMED, lambda rows: [[float(row[1] == i) for i in range(3)] for row in rows], "the answers are numbers"),
        (NAMED, lambda rows: [CLASSES[int(row[1])].title() for row in rows], "case, spaces or punctuation ('"),
        (DATA, lambda rows: [CLASSES[int(row[1])] for row in rows], "the answers are names ('setosa', 'versicolor'"),
        (DATA, lambda rows: [f"class {int(row[1])}" for row in rows], "hold their label within other text"),
    ],
    ids=["numbers", "numbers as text", "scores", "title case", "names", "prefixed"],
)
def test_answers_that_can_never_equal_a_label_are_no_wrong_answers(
    tmp_path: Path, data: Dataset, change: Any, words: str
) -> None:
    verdict = judge_service(Service(change), tmp_path, data)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("data", "change"),
    [
        (NAMED, lambda rows: [0] * len(rows)),
        (NAMED, lambda rows: [int(row[0]) for row in rows]),
        (NAMED, lambda rows: [int(row[0]) * 7 % 11 % 3 for row in rows]),
        (NAMED, lambda rows: ["Setosa"] * len(rows)),
        (NAMED, lambda rows: ["chat"] * len(rows)),
        (DATA, lambda rows: ["banana"] * len(rows)),
        (DATA, lambda rows: [f"class {(int(row[0]) // 2) % 3}" for row in rows]),
        (DATA, lambda rows: [7] * len(rows)),
        (replace(DATA, labels=(7,) * 200), _labels),
    ],
    ids=["constant", "row numbers", "scrambled", "other case", "other name", "one word", "wrong text", "7", "labels 7"],
)
def test_what_is_wrong_in_every_reading_fails(tmp_path: Path, data: Dataset, change: Any) -> None:
    verdict = judge_service(Service(change), tmp_path, data)
    assert verdict.status is Status.FAIL, verdict.reason
    assert verdict.n == 200


def test_classes_counted_from_one_fail_and_are_named(tmp_path: Path) -> None:
    """Whether the service or the data counts from one cannot be seen, and an index that is one off is a defect, too."""
    verdict = judge_service(Service(lambda rows: [label + 1 for label in _labels(rows)]), tmp_path)
    assert verdict.status is Status.FAIL
    note = next(note for note in verdict.notes if "name the classes alike" in note)
    assert note.startswith("if 1 is 0, 2 is 1, 3 is 2, 200 of 200 rows would be right")
    assert not any("alike" in note for note in judge_service(Service(lambda rows: [7] * len(rows)), tmp_path).notes)


def make_exchange(outputs: Any = None, text: str | None = None, error: ErrorClass | None = None) -> Exchange:
    answer = None if error else Answer(text=text, outputs=outputs or {})
    return Exchange(
        Request("POST", "/p", body=repr((outputs, text)).encode()), Timing(0.0), Response(200), answer, error=error
    )


@pytest.mark.parametrize(
    ("want", "exchange", "status", "said"),
    [
        ([0.1, 0.9], make_exchange({"p": [[0.1, 0.9 + 1e-9]], "label": [1]}), Status.PASS, "met"),
        ([0.1, 0.9], make_exchange({"p": [[0.1, 0.91]]}), Status.FAIL, "golden 7: the answer[1] is 0.91, not 0.9"),
        ([0.1, 0.9], make_exchange({"p": [[0.1, float("nan")]]}), Status.FAIL, "is nan"),
        ([0.1, 0.9], make_exchange({"p": [[0.1, 0.9, 0.0]]}), Status.FAIL, "no output has the form"),
        ([0.1, 0.9], make_exchange({}), Status.FAIL, "no output has the form"),
        (1, make_exchange({"label": [2]}), Status.FAIL, "is 2, not 1"),
        (1, make_exchange({"a": [1], "b": [1]}), Status.INCONCLUSIVE, "ambiguous"),
        ([70000.0, 1.0], make_exchange({"p": [[None, 1.0]]}), Status.FAIL, "the largest number of FP16, it overflows"),
        (2**53 + 1, make_exchange({"id": [float(2**53)]}), Status.FAIL, "that was made a double"),
        ({"a": 1}, make_exchange({"a": [1], "b": [2]}), Status.PASS, "met"),
        ({"c": 1}, make_exchange({"a": [1]}), Status.FAIL, "no output 'c'"),
        ("yes", make_exchange(text=" yes\n"), Status.PASS, "met"),
        ("yes", make_exchange(text="yes, no"), Status.FAIL, "'yes, no'"),
        (1, make_exchange(error=ErrorClass.STATUS), Status.FAIL, "has no answer"),
        (1, make_exchange(error=ErrorClass.CONNECT), Status.ERROR, "not reached"),
    ],
)
def test_golden_outputs_are_met_within_the_tolerance_or_named(
    want: Any, exchange: Exchange, status: Status, said: str
) -> None:
    verdict = judge_golden_outputs([want], [exchange], [7], Tolerance(), lambda summary, _: Counterexample(summary))
    assert verdict.status is status, verdict.reason
    assert said in verdict.reason


@pytest.mark.parametrize(("statuses", "status"), [((422, 400), Status.INCONCLUSIVE), ((422, 500), Status.FAIL)])
def test_golden_inputs_that_are_all_refused_say_nothing(statuses: tuple[int, ...], status: Status) -> None:
    exchanges = [
        Exchange(Request("POST", "/p"), Timing(0.0), Response(code, body=b"no"), error=ErrorClass.STATUS, detail="HTTP")
        for code in statuses
    ]
    verdict = judge_golden_outputs([1, 2], exchanges, [0, 1], Tolerance(), lambda summary, _: Counterexample(summary))
    assert verdict.status is status
    assert ("every input was refused" in verdict.reason) is (status is Status.INCONCLUSIVE)


def test_no_golden_outputs_are_no_pass() -> None:
    assert (
        judge_golden_outputs([], [], [], Tolerance(), lambda summary, _: Counterexample(summary)).status
        is Status.INCONCLUSIVE
    )
