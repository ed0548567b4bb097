"""What becomes known before a load, and what the load is not blamed for after it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.core.adapter import Capabilities, Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Query, Request, Timing
from harness.core.load import LoadResult
from harness.core.verdict import Counterexample
from harness.core.workload import Material, Spread, WorkloadSettings
from harness.load.known import (
    ASKED_BESIDE,
    Controlled,
    compute_all_lost,
    confirm_wrong_answers,
    find_known,
    judge_lost_echoes,
)
from harness.load.material import Source
from harness.load.reference import Reference

ASKED = Request("POST", "/x", (), b"{}")
SAMPLE = Query("Hello", options={"max_tokens": 16})
TEXT = Material("text", SAMPLE, seed=7)
ROWS = Material("rows", Query([0.0]), seed=7, entries=tuple([float(i)] for i in range(20)))


def make_answer(text: str | None = None, outputs: dict[str, Any] | None = None) -> Exchange:
    return Exchange(ASKED, Timing(0.0), answer=Answer(text=text, outputs=outputs or {}))


def source(sample: Query, **more: Any) -> Source:
    return Source(Endpoint("http://h", "openai_chat"), Facts(), Capabilities(text=True), sample, **more)


def find(material: Material, ask: Callable[[Query], Exchange], *, may_reword: bool, **more: Any) -> Controlled:
    calls = itertools.count()

    def count(query: Query) -> Exchange:
        next(calls)
        return ask(query)

    controlled = find_known(
        material, source(material.sample, **more), 100, count, lambda query: ASKED, may_reword=may_reword
    )
    assert next(calls) <= ASKED_BESIDE
    return controlled


def repeat_code(query: Query) -> Exchange:
    match = re.search("Repeat after me: (.*)", query.inputs)
    return make_answer(match[1] if match else f"{len(query.inputs)} characters")


def test_a_service_that_repeats_itself_has_known_prompts_of_over_200_words() -> None:
    controlled = find(TEXT, repeat_code, may_reword=False)
    lengths = [len(query.inputs.split()) for query in controlled.queries]
    assert len(controlled.known) == 4
    assert sum(length > 200 for length in lengths) == 2
    assert controlled.known[0].content == f"{len(controlled.queries[0].inputs)} characters"
    assert controlled.echo is not None


def test_lengths_that_were_asked_for_are_those_of_the_known_prompts() -> None:
    material = replace(TEXT, settings=WorkloadSettings(input_tokens=Spread(min=40, max=60)))
    controlled = find(material, repeat_code, may_reword=False)
    assert controlled.echo is not None
    prompts = [*(query.inputs for query in controlled.queries), controlled.echo.inputs]
    assert all(20 < len(prompt.split()) < 80 for prompt in prompts)


def test_a_model_that_words_each_answer_anew_has_only_codes() -> None:
    controlled = find(TEXT, repeat_code, may_reword=True)
    assert controlled.known == ()
    assert controlled.echo is not None


@pytest.mark.parametrize("bad", ["no", "12", "fails", "cut"])
def test_a_model_that_fails_one_code_of_six_is_not_asked_for_any(bad: str) -> None:
    count = itertools.count()

    def ask(query: Query) -> Exchange:
        if "Repeat after me" not in query.inputs or next(count) != 3:
            return repeat_code(query)
        if bad == "fails":
            return Exchange(ASKED, Timing(0.0), error=ErrorClass.STATUS, detail="500")
        return make_answer("" if bad == "cut" else bad)

    assert find(TEXT, ask, may_reword=True).echo is None


def test_answers_that_vary_are_not_known() -> None:
    count = itertools.count()
    controlled = find(TEXT, lambda query: make_answer(f"{next(count)}"), may_reword=False)
    assert controlled.known == ()
    assert controlled.echo is None


def classify(query: Query) -> Exchange:
    return make_answer(outputs={"label": ["even" if query.inputs[0] % 2 == 0 else "odd"]})


def test_labelled_rows_are_known_by_their_labels_if_they_are_answered_with_them() -> None:
    labels = ["even" if i % 2 == 0 else "odd" for i in range(20)]
    controlled = find(ROWS, classify, may_reword=False, rows=list(ROWS.entries), labels=labels)
    for known, query in zip(controlled.known, controlled.queries, strict=True):
        assert known.label == ("even" if query.inputs[0] % 2 == 0 else "odd")
    assert len(controlled.known) == 4
    assert find(ROWS, classify, may_reword=False, rows=list(ROWS.entries), labels=["cat"] * 20).known == ()
    unlabelled = find(ROWS, classify, may_reword=False, rows=list(ROWS.entries))
    assert [known.label for known in unlabelled.known] == [None] * 4
    assert unlabelled.known[0].content in ({"label": ["even"]}, {"label": ["odd"]})


WRONG = LoadResult(
    "steady", "v2", 100, 100, 100, compared=50, wrong_count=4, wrong=(Counterexample("it differs"),), finished=True
)


def test_what_the_service_answers_otherwise_without_load_too_is_not_blamed_on_the_load() -> None:
    controlled = find(ROWS, classify, may_reword=False, rows=list(ROWS.entries))

    def confirm(ask: Callable[[Query], Exchange], after: str = "x") -> LoadResult:
        reference = Reference("x", has_text=True)
        return confirm_wrong_answers(WRONG, controlled, reference, lambda: replace(reference, content=after), ask)

    assert confirm(classify) == WRONG
    changed = confirm(lambda query: make_answer(outputs={"label": ["?"]}))
    assert (changed.wrong_count, changed.compared, changed.wrong) == (0, 0, ())
    assert "otherwise after the load than before" in changed.not_compared
    assert confirm(classify, "y").wrong_count == 0


@pytest.mark.parametrize(
    ("lost", "echoed", "is_wrong"), [(1, 40, False), (3, 40, False), (12, 40, True), (5, 12, True), (40, 40, True)]
)
def test_lost_codes_are_wrong_answers_only_where_chance_cannot_explain_them(
    lost: int, echoed: int, is_wrong: bool
) -> None:
    controlled = find(TEXT, repeat_code, may_reword=True)
    result = LoadResult("steady", "x", 100, compared=echoed, echoed=echoed, unechoed=lost,
                        lost_echoes=(Counterexample("lost"),))  # fmt: skip
    judged = judge_lost_echoes(result, controlled, 7, 100, repeat_code)
    assert bool(judged.wrong_count) == is_wrong
    assert bool(judged.wrong) == is_wrong
    assert judge_lost_echoes(result, controlled, 7, 100, lambda query: make_answer("no")).wrong_count == 0


@pytest.mark.parametrize(("lost", "echoed", "controls"), [(5, 12, 24), (12, 40, 24), (1, 40, 24)])
def test_the_chance_is_that_of_fishers_exact_test(lost: int, echoed: int, controls: int) -> None:
    expected = math.comb(echoed, lost) / math.comb(echoed + controls, lost)
    assert compute_all_lost(lost, echoed, controls) == pytest.approx(expected)
