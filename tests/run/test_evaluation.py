"""Answers to prompts: what is marked, what is judged, and that nothing passes for want of evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import HarnessError
from harness.core.evaluation import EvaluationItem, EvaluationSettings, GradingRules
from harness.core.exchange import ToolCall
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from harness.io.user_function import load_function
from harness.run.answer_grading import AnswerGrader
from harness.run.answer_marks import explain_bad_call
from harness.run.evaluation import AnswerRecord, EvaluatedItems, MarkedItem, ask_items
from harness.run.evaluation_judging import judge_evaluation
from tests.services import Answered, asking, serving

ITEMS = tuple(EvaluationItem(f"row {i}", f"Say {i}.", str(i)) for i in range(200))
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def make_objective(metric: str, limit: str) -> Any:
    return parse_objective("validation", metric, limit, PROFILES["release"])


def judge(
    marks: list[list[tuple[str, ...]]], metric: str = "graded_accuracy", limit: str = ">= 90%", **settings: Any
) -> Verdict:
    """The verdict on answers with these marks, one list for each prompt."""
    objective = make_objective(metric, limit)
    items = settings.pop("items", ITEMS[: len(marks)])
    evaluation = EvaluationSettings(items, "prompts.jsonl", repeats=len(marks[0]), k=len(marks[0]), **settings)
    evaluated = EvaluatedItems(tuple(MarkedItem(item.id, tuple(a)) for item, a in zip(items, marks, strict=True)))
    check = PlannedCheck("x", "validation", objective.level, "x", "estimate", alpha_fail=objective.alpha)
    return judge_evaluation(evaluated, evaluation, objective, check)


def wrong(count: int, n: int, mark: tuple[str, ...] = ("wrong",)) -> list[list[tuple[str, ...]]]:
    return [[mark]] * count + [[()]] * (n - count)


@pytest.mark.parametrize(
    ("count", "status"), [(0, Status.PASS), (15, Status.PASS), (22, Status.INCONCLUSIVE), (40, Status.FAIL)]
)
def test_the_share_of_right_answers_has_three_verdicts(count: int, status: Status) -> None:
    verdict = judge(wrong(count, 200))
    assert verdict.status is status, verdict.reason
    assert verdict.n == 200
    if status is Status.FAIL:
        assert verdict.reason == "40 of 200 answers were wrong: the budget of 10 % is refuted"


def test_an_undecided_share_says_how_many_prompts_decide() -> None:
    assert judge(wrong(2, 40)).n_needed


def test_a_failed_request_is_a_wrong_answer_in_every_metric() -> None:
    for metric, limit in (("graded_accuracy", ">= 90%"), ("loop_rate", "<= 5%"), ("empty_rate", "<= 5%")):
        verdict = judge(wrong(40, 200, ("failed",)), metric, limit)
        assert verdict.status is Status.FAIL, metric
        assert any("40 of 200 answers failed" in note for note in verdict.notes)


@pytest.mark.parametrize(
    ("metric", "mark"),
    [
        ("loop_rate", "loop"),
        ("empty_rate", "empty"),
        ("cut_rate", "cut"),
        ("reasoning_only_rate", "reasoning_only"),
        ("wrong_script_rate", "wrong_script"),
        ("unfinished_rate", "unfinished"),
    ],
)
def test_each_rate_counts_its_own_mark_alone(metric: str, mark: str) -> None:
    assert judge(wrong(30, 200, (mark,)), metric, "<= 5%").status is Status.FAIL
    assert judge(wrong(30, 200, ("other",)), metric, "<= 5%").status is Status.PASS


def test_repeats_of_one_prompt_are_no_further_prompts() -> None:
    marks: list[list[tuple[str, ...]]] = [[()] * 50 for _ in range(20)]
    claims = judge(marks, claims="population")
    assert claims.status is Status.INCONCLUSIVE
    assert claims.n == 20
    items = judge(marks, claims="items")
    assert items.status is Status.PASS  # of these prompts, 1,000 answers were right
    assert any("prompts.jsonl alone" in note for note in items.notes)
    assert any("population" in note for note in claims.notes)


def test_pass_hat_k_and_pass_at_k_differ_where_answers_vary() -> None:
    marks: list[list[tuple[str, ...]]] = [[("wrong",), (), ()] for _ in range(200)]
    assert judge(marks, "pass_hat_k").status is Status.FAIL
    assert judge(marks, "pass_hat_k").estimate == 0
    assert judge(marks, "pass_at_k").status is Status.PASS
    assert judge(marks, "graded_accuracy").estimate == pytest.approx(2 / 3)


def test_a_limit_of_tokens_that_nobody_chose_refutes_nothing() -> None:
    ours = judge(wrong(60, 200, ("wrong", "cut", "cut_by_default")))
    assert ours.status is Status.INCONCLUSIVE
    assert ours.reason.startswith("60 wrong answers ended at the limit of tokens")
    chosen = judge(wrong(60, 200, ("wrong", "cut")))
    assert chosen.status is Status.FAIL
    assert any("60 of 200 answers ended at the limit" in note for note in chosen.notes)


def test_prompts_without_a_reference_are_not_graded() -> None:
    items = tuple(replace(item, grader="none") for item in ITEMS[:100])
    verdict = judge(wrong(0, 100), items=items)
    assert (verdict.status, verdict.n) == (Status.INCONCLUSIVE, 0)


def test_tool_metrics_count_only_prompts_with_tools() -> None:
    offered = tuple(replace(item, options={"tools": [WEATHER]}, calls=True) for item in ITEMS[:100])
    items = offered + ITEMS[100:]
    called = wrong(100, 200, ("with_tools", "called"))
    assert judge(called, "tool_trigger_accuracy", items=items).n == 100
    broken = wrong(30, 30, ("with_tools", "called", "wrong_arguments")) + called[30:]
    verdict = judge(broken, "tool_schema_accuracy", items=items)
    assert (verdict.status, verdict.n) == (Status.FAIL, 100)
    assert judge(wrong(0, 200), "tool_schema_accuracy", items=items).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("weather", '{"city": "Paris"}', ""),
        ("weather", '{"city": ', "it is not JSON"),
        ("weather", "{}", "'city' is a required property"),
        ("wether", "{}", "which is not one of 'weather'"),
    ],
)
def test_a_call_is_judged_by_the_schema_of_its_tool(name: str, arguments: str, problem: str) -> None:
    explanation = explain_bad_call(ToolCall("1", name, arguments), [WEATHER])
    assert problem in explanation
    assert bool(problem) is bool(explanation)


def ask(answer: Any, folder: Path, items: tuple[EvaluationItem, ...], **settings: Any) -> EvaluatedItems:
    evaluation = EvaluationSettings(items, "prompts.jsonl", **settings)
    with serving(answer) as url:
        endpoint = Endpoint(url, "openai_chat", "m")
        with asking(Settings(endpoint, ("validation",), evaluation=evaluation), folder) as session:
            session.is_reached = True
            record = AnswerRecord(session, AnswerGrader(evaluation, None))
            ask_items(session, items, evaluation, record.add, repeats=evaluation.repeats)
            return record.finish()


def reply(text: str | None, finish: str = "stop", **message: Any) -> Answered:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return 200, {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


ANSWERS: dict[str, tuple[Any, set[str]]] = {
    "right": (lambda: reply("Paris"), set()),
    "wrong": (lambda: reply("Lyon"), {"wrong"}),
    "cut": (lambda: reply("Par", "length"), {"wrong", "cut", "cut_by_default"}),
    "spent": (
        lambda: reply(None, "length", reasoning_content="Let me"),
        {"wrong", "cut", "cut_by_default", "spent"},
    ),
    "empty": (lambda: reply(""), {"wrong", "empty"}),
    "thought": (lambda: reply("", reasoning_content="It is Paris"), {"wrong", "reasoning_only"}),
    "loop": (lambda: reply("I am not sure about it. " * 12), {"wrong", "loop"}),
    "script": (lambda: reply("это город Париж"), {"wrong", "wrong_script"}),
    "failed": (lambda: (500, {"error": {"message": "no"}}), {"wrong", "failed"}),
    "declined": (lambda: (400, {"error": {"message": "no"}}), {"wrong", "failed"}),
}


def test_each_answer_is_marked_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    items = tuple(EvaluationItem(name, f"{name}: the capital of France?", "Paris") for name in ANSWERS)
    evaluated = ask(lambda path, body: ANSWERS[body["messages"][0]["content"].partition(":")[0]][0](), tmp_path, items)
    assert {item.id: set(item.answers[0]) for item in evaluated.items} == {
        name: expected for name, (_, expected) in ANSWERS.items()
    }
    assert "is answered 'Lyon': it is not 'Paris'" in evaluated.examples["wrong"].summary


def test_a_prompt_is_asked_as_configured(tmp_path: Path) -> None:
    bodies = list[Any]()

    def answer(path: str, body: Any) -> Answered:
        bodies.append(body)
        return reply("1")

    ask(answer, tmp_path, ITEMS[1:2])
    ask(answer, tmp_path, ITEMS[1:2], repeats=3, options={"max_tokens": 20})
    assert [(body.get("temperature"), body["max_tokens"]) for body in bodies] == [(0, 512)] + [(None, 20)] * 3


def test_where_every_request_is_refused_nothing_is_judged(tmp_path: Path) -> None:
    evaluated = ask(lambda path, body: (400, {"error": {"message": "no such field"}}), tmp_path, ITEMS[:100])
    objective = make_objective("graded_accuracy", ">= 90%")
    check = PlannedCheck("x", "validation", objective.level, "x", "estimate", alpha_fail=objective.alpha)
    verdict = judge_evaluation(evaluated, EvaluationSettings(ITEMS[:100], "p"), objective, check)
    assert verdict.status is Status.INCONCLUSIVE
    assert "every request was refused" in verdict.reason


def test_the_users_function_is_found_beside_the_run_or_it_is_said_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_grades.py").write_text("def short(answer, reference, prompt):\n    return len(answer) < 9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert load_function("own_grades:short")("a", None, None) is True
    for name in ("own_grades", "own_grades:long", "nowhere_at_all:short", ":short"):
        with pytest.raises(HarnessError, match=r"\[evaluation\] function"):
            load_function(name)
    rules = GradingRules(function="own_grades:short")
    grader = AnswerGrader(EvaluationSettings(ITEMS, "p", rules=rules), None)
    assert grader is not None
