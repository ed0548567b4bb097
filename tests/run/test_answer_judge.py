"""A judge decides nothing alone: its errors on labelled answers correct it, and without labels nothing is decided."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config.evaluation import DEFAULT_TEMPLATE
from harness.core.endpoint import Endpoint
from harness.core.errors import HarnessError
from harness.core.evaluation import EvaluationItem, EvaluationSettings, JudgeSettings, LabelledAnswer
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from harness.run.answer_judge import Judge, JudgedAnswers, ask_judge_about, fill_judge_template, read_judgement
from harness.run.judged_accuracy import judge_judged_accuracy
from tests.conftest import run_gate
from tests.services import Answered, asking, serving

ANSWER = LabelledAnswer("2 + 3?", "It is 5 {{prompt}}", True, "5")


def test_both_orders_show_the_same_parts() -> None:
    forth, back = (fill_judge_template(DEFAULT_TEMPLATE, ANSWER, swapped=swapped) for swapped in (False, True))
    assert forth.index("Right answer") < forth.index("Answer of the service")
    assert back.index("Right answer") > back.index("Answer of the service")
    assert "RIGHT or WRONG" in forth
    assert "WRONG or RIGHT" in back
    assert "It is 5 {{prompt}}" in forth  # what an answer holds is no part of the template


@pytest.mark.parametrize(
    ("text", "judgement"),
    [
        ("RIGHT", True),
        ("wrong.", False),
        ("RIGHT? No: WRONG", False),
        ("It is fine", None),
        ("", None),
        ("COPYRIGHT", None),
    ],
)
def test_a_reply_is_read_by_its_last_word(text: str, judgement: bool | None) -> None:
    assert read_judgement(text) is judgement


def reply(text: str) -> Answered:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return 200, {"id": "1", "object": "chat.completion", "created": 1, "model": "j", "choices": [choice]}


def ask_judge(answer: Any, folder: Path, labelled: tuple[LabelledAnswer, ...], n: int = 20) -> JudgedAnswers:
    with serving(answer) as url:
        settings = JudgeSettings(Endpoint(url, "openai_chat", "j"), DEFAULT_TEMPLATE, labelled, swaps=10)
        with asking(Settings(settings.endpoint, ("validation",)), folder) as session:
            session.is_reached = True
            answers = [LabelledAnswer(f"{i}?", "good" if i % 2 else "bad", False) for i in range(n)]
            return ask_judge_about(Judge(session, settings), settings, answers, failed=0)


def test_swaps_and_repeats_show_what_sways_a_judge(tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        text = body["messages"][0]["content"]
        if "To say the same once more" in text:
            return reply("RIGHT")  # long answers please it
        if "WRONG or RIGHT" in text and "bad" in text:
            return reply("RIGHT")  # it takes the last word
        return reply("RIGHT" if "good" in text else "WRONG")

    labelled = tuple(LabelledAnswer(f"label {i}", "good" if i % 2 else "bad", bool(i % 2)) for i in range(10))
    judged = ask_judge(answer, tmp_path, labelled)
    assert sorted(set(judged.scores)) == [0.5, 1.0]
    assert judged.order == (15, 30)
    assert judged.length == (5, 10)
    assert judged.repeat == (0, 10)
    assert judged.rated.count((False, False)) == 5


def test_several_answers_to_one_prompt_are_one_label(tmp_path: Path) -> None:
    labelled = tuple(LabelledAnswer(f"label {i % 3}", f"good {i}", i < 3) for i in range(9))
    judged = ask_judge(lambda path, body: reply("RIGHT"), tmp_path, labelled)
    assert judged.labels == pytest.approx((1 / 3,) * 3)
    assert len(judged.rated) == 9


def test_a_judge_that_fails_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="gave no judgement"):
        ask_judge(lambda path, body: (500, {}), tmp_path, ())


def decide(judged: JudgedAnswers, limit: str) -> Verdict:
    objective = parse_objective("validation", "judged_accuracy", limit, PROFILES["release"])
    check = PlannedCheck("x", "validation", objective.level, "x", "estimate", alpha_fail=objective.alpha)
    evaluation = EvaluationSettings((EvaluationItem("row 1", "a"),), "p.jsonl")
    return judge_judged_accuracy(judged, evaluation, objective, check)


@pytest.mark.parametrize("is_right", [True, False])
def test_labels_of_chosen_answers_decide_nothing(is_right: bool) -> None:
    """Whoever labels only what the judge liked, or only what it did not, proves nothing about all answers."""
    judged = make_judged(100)
    chosen = [place for place, score in enumerate(judged.label_scores) if score == float(is_right)]
    picked = replace(
        judged,
        labels=tuple(judged.labels[place] for place in chosen),
        label_scores=tuple(judged.label_scores[place] for place in chosen),
    )
    if len(chosen) < 30:
        picked = replace(picked, labels=picked.labels * 5, label_scores=picked.label_scores * 5)
    verdict = decide(picked, ">= 0.6")
    assert verdict.status is Status.INCONCLUSIVE
    assert "no random part" in verdict.reason


def make_judged(labels: int, *, lenient: float = 0.5, n: int = 2000) -> JudgedAnswers:
    """A service that is right in 7 of 10 answers, and a judge who lets so many wrong ones pass."""
    draws = random.Random(7)

    def draw() -> tuple[bool, float]:
        truth = draws.random() < 0.7
        return truth, float(truth or draws.random() < lenient)

    pairs = [draw() for _ in range(labels)]
    return JudgedAnswers(
        tuple(draw()[1] for _ in range(n)),
        labels=tuple(float(truth) for truth, _ in pairs),
        label_scores=tuple(score for _, score in pairs),
        rated=tuple((truth, bool(score)) for truth, score in pairs),
    )


def test_a_lenient_judge_does_not_let_a_bad_service_pass() -> None:
    verdict = decide(make_judged(300), ">= 80%")
    assert verdict.status is Status.FAIL, verdict.reason
    assert verdict.slices[0].estimate == pytest.approx(0.85, abs=0.03)  # alone it would have let it pass
    assert any("kappa" in note and "AC1" in note for note in verdict.notes)


def test_a_service_passes_by_judge_and_labels() -> None:
    assert decide(make_judged(400), ">= 60%").status is Status.PASS


@pytest.mark.parametrize("labels", [0, 5, 29])
def test_without_labels_nothing_is_decided_and_it_is_said_how_many_are_needed(labels: int) -> None:
    for limit in (">= 10%", ">= 99%"):
        verdict = decide(make_judged(labels), limit)
        assert verdict.status is Status.INCONCLUSIVE
        assert verdict.n_needed
        assert f"{labels} labelled answers do not show" in verdict.reason


@pytest.mark.slow
def test_a_gate_judges_saves_answers_to_label_and_keeps_the_judges_secret(tmp_path: Path) -> None:
    keys = list[str]()

    def service(path: str, body: Any) -> Answered:
        if body is None:
            models = {"object": "list", "data": [{"id": "m", "object": "model"}]}
            return (200, models) if path.endswith("models") else (404, {})
        return reply("good judge-secret-key")

    def judge(path: str, body: Any) -> Answered:
        keys.append(path)
        return reply("RIGHT")

    rows = [{"prompt": f"Say {i}."} for i in range(60)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with serving(service) as url, serving(judge) as judge_url:
        (tmp_path / "aiharness.toml").write_text(
            '[endpoint]\nprotocol = "openai_chat"\nmodel = "m"\n[evaluation]\nfile = "q.jsonl"\n'
            f'[judge]\nurl = "{judge_url}"\nmodel = "j"\ncredentials = {{ env = "JUDGE_KEY" }}\n'
            '[[objective]]\nsuite = "validation"\nmetric = "judged_accuracy"\nlimit = ">= 80%"\n'
        )
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", suite="validation", env={"JUDGE_KEY": "judge-secret-key"})
    verdict = outcome.check("test_judge.py::test_judge[judged_accuracy]")
    assert verdict["verdict"] == "INCONCLUSIVE", outcome.out
    assert "validation/answers.jsonl" in verdict["reason"]
    assert len(keys) == 2 * 60 + 2 * 50
    answers = (tmp_path / "run" / "validation" / "answers.jsonl").read_text().splitlines()
    assert len(answers) == 60
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"judge-secret-key" not in written
