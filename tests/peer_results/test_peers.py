"""Results of other tools are read as items and judged by our rules; a file that is none of them is one clear error.

The files of `data` were written by these tools themselves, and shortened.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError, UsageError
from harness.core.evaluation import EvaluationItem
from harness.core.peer_results import parse_results
from tests.conftest import run_gate
from tests.services import serving

DATA = Path(__file__).parent / "data"
INSPECT: dict[str, Any] = {
    "version": 2,
    "status": "success",
    "eval": {"task": "sums", "model": "m"},
    "samples": [
        {
            "id": number,
            "epoch": epoch,
            "input": f"{number} + 1?",
            "target": str(number + 1),
            "output": {"model": "m", "completion": "2"},
            "scores": {"match": {"value": "C" if number == 1 else "I", "answer": "2"}},
        }
        for epoch in (1, 2)
        for number in (1, 2, 3)
    ],
}
DEEPEVAL: dict[str, Any] = {
    "testRunData": {
        "testCases": [
            {
                "name": f"test_case_{number}",
                "input": f"{number}?",
                "actualOutput": "2",
                "success": number == 1,
                "metricsData": [{"name": "Correctness", "success": number == 1, "score": 0.4, "reason": "it is not"}],
            }
            for number in (1, 2)
        ],
        "conversationalTestCases": [],
    },
    "testRunLink": None,
}
LM_EVAL: list[dict[str, Any]] = [
    {
        "doc_id": number,
        "doc": {"question": f"{number}?"},
        "target": "2",
        "arguments": {"gen_args_0": {"arg_0": f"{number}?", "arg_1": {"until": ["\n"]}}},
        "resps": [["2"]],
        "filtered_resps": ["2"],
        "filter": "none",
        "metrics": ["exact_match"],
        "exact_match": float(number == 2),
    }
    for number in range(3)
]
OLD_LM_EVAL = [
    {"doc_id": row["doc_id"], "doc": {}, "target": 1, "arguments": [["p", " a"], ["p", " b"]]}
    | {"resps": [[[-2.5, False]], [[-1.5, True]]], "filtered_resps": [[-2.5, False], [-1.5, True]], "acc": 1.0}
    for row in LM_EVAL
]


INSPECT_OUTCOMES = [[True, True], [True, False], [False, True]]


def lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(map(json.dumps, rows)) + "\n"


def read(text: str, peer: str = "auto") -> list[EvaluationItem]:
    return parse_results(text, "file", peer)[0]


def show(items: list[EvaluationItem]) -> list[tuple[str, str, list[bool]]]:
    return [(item.id, str(item.inputs), [answer.is_right for answer in item.answers]) for item in items]


def test_inspect_epochs_are_answers_to_one_prompt() -> None:
    items, name = parse_results(json.dumps(INSPECT), "file")
    assert name == "inspect"
    assert show(items) == [
        ("sample 1", "1 + 1?", [True, True]),
        ("sample 2", "2 + 1?", [False, False]),
        ("sample 3", "3 + 1?", [False, False]),
    ]
    assert items[1].answers[0].text == "2"


def test_inspect_is_read_as_it_writes() -> None:
    items = read((DATA / "inspect.json").read_text())
    assert [item.id for item in items] == ["sample 1", "sample 2", "sample 3"]
    assert [[answer.is_right for answer in item.answers] for item in items] == INSPECT_OUTCOMES
    assert items[0].inputs == "What is 1 plus 1?"


def test_promptfoo_is_read_as_it_writes() -> None:
    document = json.loads((DATA / "promptfoo.json").read_text())
    rows = document["results"]["results"]
    document["results"]["results"] = [row for row in rows if row["provider"]["id"] == "exec:./ans.sh"]
    items = read(json.dumps(document))
    assert show(items) == [("test 1", "What is 2 plus 3?", [True]), ("test 2", "What is 4 plus 3?", [False])]
    assert items[1].answers[0].why == 'Expected output to contain "7"'
    with pytest.raises(ConfigError, match=r"several providers \(echo, exec:./ans.sh\)"):
        read((DATA / "promptfoo.json").read_text())


def test_what_promptfoo_calls_a_success_without_asserting_anything_is_refused() -> None:
    document = json.loads((DATA / "promptfoo.json").read_text())
    rows = [row for row in document["results"]["results"] if row["provider"]["id"] == "exec:./ans.sh"]
    for grading in (None, {"pass": True, "score": 1, "reason": "No assertions"}):
        document["results"]["results"] = [{**rows[0], "gradingResult": grading}, rows[1]]
        with pytest.raises(ConfigError, match="result 1: has no assertion"):
            read(json.dumps(document))
    other = {**rows[1], "prompt": {**rows[1]["prompt"], "label": "Add {{a}} and {{b}}."}}
    document["results"]["results"] = [rows[0], other]
    with pytest.raises(ConfigError, match="answers to several prompts"):
        read(json.dumps(document))


def test_deepeval_is_read_as_it_writes() -> None:
    items = read((DATA / "deepeval.json").read_text())
    outcomes = {str(item.inputs): item.answers[0].is_right for item in items}
    assert outcomes == {"What is 1 plus 1?": True, "What is 2 plus 1?": False, "What is 3 plus 1?": False}
    assert {item.answers[0].why for item in items} == {"", "Same: not the same"}


def test_deepeval_and_lm_eval_are_read() -> None:
    assert show(read(json.dumps(DEEPEVAL))) == [("case 1", "1?", [True]), ("case 2", "2?", [False])]
    assert show(read(json.dumps(DEEPEVAL["testRunData"]))) == show(read(json.dumps(DEEPEVAL)))
    assert show(read(lines(LM_EVAL))) == [("doc 0", "0?", [False]), ("doc 1", "1?", [False]), ("doc 2", "2?", [True])]
    assert show(read(lines(LM_EVAL[2:]))) == [("doc 2", "2?", [True])]  # one line is one JSON value
    assert show(read(lines(OLD_LM_EVAL)))[0] == ("doc 0", "p", [True])


def test_a_filter_is_chosen_by_name() -> None:
    rows = [row | {"filter": name} for name in ("strict", "flexible") for row in LM_EVAL]
    with pytest.raises(
        ConfigError, match=r"several filters \(strict, flexible\).*format = .lm_eval:exact_match,strict"
    ):
        read(lines(rows))
    assert [len(item.answers) for item in read(lines(rows), "lm_eval:exact_match,strict")] == [1, 1, 1]


def change(document: dict[str, Any], path: list[Any], value: Any) -> str:
    changed = copy.deepcopy(document)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(changed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file: is not JSON|file: is empty"),
        ("no JSON", "file: is not JSON"),
        ('{"a": 1}', "file: is not a file of results that is known"),
        ("[]", "file: is not a file of results that is known"),
        ('{"a": 1}\n{"b": ', "file:2: is not JSON"),
        ("[" * 100_000, "file: is nested too deep|file: is not JSON"),
        (change(INSPECT, ["status"], "error"), "has the status 'error'"),
        (change(INSPECT, ["samples"], []), "has no samples"),
        (change(INSPECT, ["samples", 0, "scores"], {}), "sample 1: has no score"),
        (change(INSPECT, ["samples", 0, "scores", "other"], {"value": "C"}), r'format = "inspect:match"'),
        (change(INSPECT, ["samples", 0, "scores", "match", "value"], 0.7), "has the score 0.7"),
        (change(INSPECT, ["samples", 0, "scores", "match", "value"], {"a": 1}), "has the score"),
        (change(DEEPEVAL, ["testRunData", "testCases", 0, "metricsData"], []), "test case 1: has no metrics"),
        (change(DEEPEVAL, ["testRunData", "testCases"], []), "holds no answers"),
        (lines([row | {"exact_match": 0.5} for row in LM_EVAL]), "file:1: exact_match: has the score 0.5"),
        (lines([{**LM_EVAL[0], "metrics": []}]), "file:1: has no score"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_results(text, "file")


def test_a_sample_that_failed_counts_against_the_service() -> None:
    items = read(change(INSPECT, ["samples", 0, "error"], {"message": "timed out"}))
    answer = items[0].answers[0]
    assert (answer.is_right, answer.failed, answer.why) == (False, True, "it failed: timed out")


def test_an_unknown_tool_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown format of results 'helm'"):
        parse_results("{}", "file", "helm")
    with pytest.raises(ConfigError, match="is not a test run of DeepEval"):
        parse_results(json.dumps(INSPECT), "file", "deepeval")


@pytest.mark.slow
def test_a_gate_judges_recorded_results_and_sends_nothing_for_them(tmp_path: Path) -> None:
    bodies = list[Any]()

    def service(path: str, body: Any) -> tuple[int, Any]:
        bodies.append(body)
        if body is None:
            return (200, {"object": "list", "data": [{"id": "m"}]}) if path.endswith("models") else (404, {})
        choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
        return 200, {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    rows = [LM_EVAL[0] | {"doc_id": number, "exact_match": float(number % 5 > 0)} for number in range(200)]
    (tmp_path / "samples.jsonl").write_text(lines(rows))
    (tmp_path / "aiharness.toml").write_text(
        '[endpoint]\nprotocol = "openai_chat"\nmodel = "m"\n[evaluation]\nresults = "samples.jsonl"\n'
        '[[objective]]\nsuite = "validation"\nmetric = "graded_accuracy"\nlimit = ">= 90%"\n'
    )
    with serving(service) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", suite="validation")
    verdict = outcome.check("test_evaluation.py::test_evaluation[graded_accuracy]")
    assert (verdict["verdict"], verdict["n"], verdict["estimate"]) == ("FAIL", 200, 0.8), outcome.out
    assert any("asked and graded by lm_eval" in note for note in verdict["notes"])
    assert not any('"0?"' in json.dumps(body) for body in bodies)
