"""Two endpoints on the same prompts: seeded defects are caught by the check that names them, healthy twins pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import HarnessError
from harness.core.evaluation import EvaluationItem, EvaluationSettings
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from harness.run.answer_grading import AnswerGrader
from harness.run.evaluation import EvaluatedItems, MarkedItem
from harness.run.fidelity import CHANCES, COMPARED_RATES, GRADED, TOOL_RATES, BothAnswers, ask_both, judge_fidelity
from harness.run.stream_cuts import CUTS, judge_stream_cuts
from tests.conftest import run_gate
from tests.services import asking, serving_handler
from tests.text_service import TextService, make_text_handler

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TOOL_ITEM = EvaluationItem("tool", "Weather in Paris?", None, "none", {"tools": [WEATHER]}, True)


def compare(
    ours: list[tuple[str, ...]],
    theirs: list[tuple[str, ...]],
    rate: tuple[str, str] = COMPARED_RATES["loops"],
    *,
    again: list[tuple[str, ...]] | None = None,
    margin: float = 0.02,
) -> Verdict:
    def collect(marks: list[tuple[str, ...]]) -> EvaluatedItems:
        return EvaluatedItems(tuple(MarkedItem(f"row {i}", (mark,)) for i, mark in enumerate(marks)))

    items = tuple(EvaluationItem(f"row {i}", f"{i}?", "x") for i in range(len(ours)))
    again = theirs[:200] if again is None else again
    both = BothAnswers(collect(ours), collect(theirs), collect(again), "http://other")
    return judge_fidelity(both, EvaluationSettings(items, "p", margin=margin), rate, 1)


def marks(count: int, n: int, mark: str = "loop") -> list[tuple[str, ...]]:
    return [(mark,)] * count + [()] * (n - count)


def test_a_healthy_twin_passes_and_an_engine_that_loops_fails() -> None:
    assert compare(marks(0, 300), marks(0, 300)).status is Status.PASS
    verdict = compare(marks(30, 300), marks(0, 300))
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("30 of 300 answers repeat themselves without end, 0 of the second endpoint's")


def test_a_loop_in_two_of_a_hundred_answers_is_seen_at_a_thousand_prompts() -> None:
    assert compare(marks(20, 1000), marks(0, 1000), margin=0.005).status is Status.FAIL
    assert compare(marks(0, 1000), marks(0, 1000), margin=0.005).status is Status.PASS


def test_what_both_do_alike_is_no_difference() -> None:
    assert compare(marks(60, 300), marks(60, 300)).status is Status.PASS
    assert compare(marks(0, 300), marks(60, 300)).status is Status.PASS


def test_few_prompts_decide_nothing_and_it_is_said_how_many_do() -> None:
    verdict = compare(marks(0, 50), marks(0, 50))
    assert (verdict.status, bool(verdict.n_needed)) == (Status.INCONCLUSIVE, True)


def test_a_margin_that_the_second_endpoint_does_not_keep_against_itself_is_refused() -> None:
    noisy = marks(0, 300)
    verdict = compare(noisy, noisy, again=marks(10, 200))
    assert verdict.status is Status.INCONCLUSIVE
    assert "differs from itself in 5 % of 200 answers" in verdict.reason
    assert compare(noisy, noisy, again=marks(10, 200), margin=0.06).status is Status.PASS
    assert compare(marks(150, 300), noisy, again=marks(10, 200)).status is Status.FAIL  # far over the floor


def test_a_failed_request_bears_every_mark_and_a_dead_baseline_proves_nothing() -> None:
    assert compare(marks(40, 300, "failed"), marks(0, 300)).status is Status.FAIL
    dead = compare(marks(0, 300), marks(300, 300, "failed"))
    assert (dead.status, dead.n) == (Status.INCONCLUSIVE, 0)
    both_dead = compare(marks(300, 300, "failed"), marks(300, 300, "failed"), COMPARED_RATES["failed"])
    assert both_dead.status is Status.INCONCLUSIVE


def test_log_probabilities_are_compared_where_both_state_them() -> None:
    same: tuple[str, ...] = ("with_chances",)
    other, none = (*same, "other_chances"), tuple[str, ...]()
    theirs = [same] * 300
    assert compare([same] * 300, theirs, CHANCES).status is Status.PASS
    verdict = compare([other] * 30 + [same] * 270, theirs, CHANCES)
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("30 of 300 answers have log-probabilities unlike the other endpoint's")
    assert compare([other] * 30 + [same] * 270, theirs, CHANCES, again=[other] * 200).status is Status.INCONCLUSIVE
    silent = compare([none] * 300, theirs, CHANCES)
    assert (silent.status, silent.n) == (Status.INCONCLUSIVE, 0)
    assert "both endpoints must state log-probabilities" in silent.reason
    half = compare([none] * 150 + [same] * 150, theirs, CHANCES)
    assert half.n == 150


@contextmanager
def two_sessions(ours: TextService, theirs: TextService, folder: Path) -> Iterator[tuple[Any, Any]]:
    with serving_handler(make_text_handler(ours)) as url, serving_handler(make_text_handler(theirs)) as other:
        for name in ("a", "b"):
            (folder / name).mkdir()
        one, two = (Settings(Endpoint(place, "openai_chat", "m"), ("validation",)) for place in (url, other))
        with asking(one, folder / "a") as session, asking(two, folder / "b") as second:
            session.is_reached = second.is_reached = True
            yield session, second


ITEMS = tuple(EvaluationItem(f"row {i}", f"Say {i}.", f"number {i}.", "contains") for i in range(40)) + tuple(
    EvaluationItem(f"tool {i}", f"Weather in city {i}?", None, "none", {"tools": [WEATHER]}, True) for i in range(40)
)
DEFECTS: dict[str, tuple[TextService, tuple[str, str]]] = {
    "loops": (TextService(change=lambda text, i: text * 30 if i % 2 == 0 else text), COMPARED_RATES["loops"]),
    "truncated at half": (TextService(change=lambda text, i: text[: len(text) // 2]), COMPARED_RATES["shorter"]),
    "cut": (TextService(finish="length"), COMPARED_RATES["cut"]),
    "empty": (TextService(change=lambda text, i: "" if i % 2 == 0 else text), COMPARED_RATES["empty"]),
    "other script": (
        TextService(change=lambda text, i: "это другой текст" if i % 2 == 0 else text),
        COMPARED_RATES["wrong script"],
    ),
    "thought only": (TextService(change=lambda text, i: "", reasoning="Let me think"), COMPARED_RATES["thought only"]),
    "wrong": (TextService(change=lambda text, i: text.replace("number", "digit")), GRADED),
    "no calls": (TextService(calls=lambda i: i % 2 > 0), TOOL_RATES["calls"]),
    "lost arguments": (TextService(arguments=lambda text: text[:-2]), TOOL_RATES["arguments"]),
    "fails": (TextService(status=lambda i: 500 if i % 2 == 0 else 200), COMPARED_RATES["failed"]),
}


@pytest.mark.slow
def test_seeded_defects_are_caught_by_the_check_that_names_them(tmp_path: Path) -> None:
    evaluation = EvaluationSettings(ITEMS, "p", margin=0.1)
    for number, (name, (service, rate)) in enumerate({"healthy": (TextService(), GRADED), **DEFECTS}.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        items = ITEMS if name in ("healthy", "no calls", "lost arguments") else ITEMS[:40]
        with two_sessions(service, TextService(), folder) as (session, second):
            both = ask_both(session, second, items, evaluation, AnswerGrader(evaluation, None))
        verdict = judge_fidelity(both, evaluation, rate, 10, with_tools=rate in TOOL_RATES.values())
        if name != "healthy":
            assert verdict.status is Status.FAIL, f"{name}: {verdict.reason}"
            continue
        for one in (*COMPARED_RATES.values(), *TOOL_RATES.values(), GRADED):
            verdict = judge_fidelity(both, evaluation, one, 10, with_tools=one in TOOL_RATES.values())
            assert verdict.status is Status.PASS, verdict.reason


def test_an_endpoint_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    evaluation = EvaluationSettings(ITEMS, "p")
    with two_sessions(TextService(), TextService(), tmp_path) as (session, _):
        (tmp_path / "c").mkdir()
        nowhere = Settings(Endpoint("http://127.0.0.1:9", "openai_chat", "m"), ("validation",))
        with (
            asking(nowhere, tmp_path / "c") as second,
            pytest.raises(HarnessError, match=r"http://127.0.0.1:9: the endpoint was not reached"),
        ):
            ask_both(session, second, ITEMS[:4], evaluation, AnswerGrader(evaluation, None))


STREAM_DEFECTS: dict[str, Callable[[], TextService]] = {
    "lost arguments": lambda: TextService(stream_arguments=lambda text: text[:-3]),
    "lost call": lambda: TextService(stream_arguments=lambda text: None),
    "lost piece": lambda: TextService(stream_change=lambda text: text[4:]),
}


@pytest.mark.parametrize("name", ["healthy", *STREAM_DEFECTS])
def test_a_stream_is_the_whole_answer_at_every_limit(tmp_path: Path, name: str) -> None:
    service = STREAM_DEFECTS.get(name, TextService)()
    evaluation = EvaluationSettings((TOOL_ITEM, *ITEMS[:1]), "p")
    with two_sessions(service, TextService(), tmp_path) as (session, _):
        verdict = judge_stream_cuts(session, evaluation)
    assert verdict.status is (Status.PASS if name == "healthy" else Status.FAIL), verdict.reason
    if name == "healthy":
        assert verdict.n == 2 * len(CUTS)
    if name == "lost arguments":
        assert "whole it calls weather" in verdict.reason


@pytest.mark.slow
def test_a_gate_compares_two_endpoints(tmp_path: Path) -> None:
    rows = [{"prompt": f"Say {i}.", "reference": f"number {i}.", "grader": "contains"} for i in range(40)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "aiharness.toml").write_text(
        '[endpoint]\nprotocol = "openai_chat"\nmodel = "m"\n[evaluation]\nfile = "q.jsonl"\nmargin = 0.1\n'
    )
    broken = TextService(change=DEFECTS["loops"][0].change)
    handlers = make_text_handler(broken), make_text_handler(TextService())
    with serving_handler(handlers[0]) as url, serving_handler(handlers[1]) as other:
        outcome = run_gate(
            tmp_path, f"--ai-endpoint={url}", f"--ai-baseline={other}", "-k", "fidelity", suite="validation"
        )
    assert outcome.check("test_fidelity.py::test_rate[loops]")["verdict"] == "FAIL", outcome.out
    assert outcome.check("test_fidelity.py::test_rate[empty]")["verdict"] == "PASS", outcome.out
    assert outcome.check("test_fidelity.py::test_streamed")["verdict"] == "PASS", outcome.out
