"""The probabilities beside scipy's, and how often a rule of pairs fails a model that errs by chance."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product

import pytest
from scipy.stats import fisher_exact

from harness.checks.generation.conversation import MOST_TRIALS, MessageTrial, judge_messages
from harness.checks.generation.echo import MARK_AFTER, MARK_BEFORE
from harness.checks.generation.long_prompts import FACT_PLACES, FACT_TRIALS, FactSearch, FactTrial, judge_facts
from harness.checks.generation.streamed_texts import TRIED_REPEATS, TRIED_TEXTS, TriedAnswers, judge_tried_texts
from harness.checks.generation.template_texts import (
    CONFIRMED_TEXTS,
    TEMPLATE_TEXTS,
    TEXT_REPEATS,
    TemplateAnswers,
    find_lost_text,
    judge_template_texts,
)
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status
from harness.stats.chance import FALSE_ALARM, compute_later_chance, count_telling_pairs
from tests.catalogues import sample_cases

RUNS, MOST_ALARMS = 1000, 5
"""Simulated runs, and the alarms that a rate of `FALSE_ALARM` exceeds in them once in 1,700 times."""


def show(summary: str, _: Exchange) -> Counterexample:
    return Counterexample(summary)


def answer(text: str) -> Exchange:
    return Exchange(Request("POST", "/"), Timing(0.0, 0.0, done=1.0), Response(200), Answer(text, finish_reason="stop"))


@pytest.mark.parametrize(("of_alone", "of_beside"), [(6, 9), (16, 32), (20, 5)])
def test_the_later_chance_is_that_of_fishers_test(of_alone: int, of_beside: int) -> None:
    for alone, beside in product(range(of_alone + 1), range(of_beside + 1)):
        table = [[beside, of_beside - beside], [alone, of_alone - alone]]
        expected = fisher_exact(table, alternative="greater").pvalue
        assert compute_later_chance(alone, of_alone, beside, of_beside) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_pairs_are_as_many_as_keep_the_rate() -> None:
    for suspects in (1, 2, 3, 15, 40):
        pairs = count_telling_pairs(suspects)
        assert suspects / 4**pairs <= FALSE_ALARM < suspects / 4 ** (pairs - 1)


def ask_messages(model: random.Random, rate: float, lost: str = "") -> bool:
    """Whether the check of messages fails a model that forgets a number with this probability."""
    trials: dict[str, list[MessageTrial]] = {}
    for name in map(str, range(15)):
        tried = trials.setdefault(name, [])
        while len(tried) < MOST_TRIALS and not (tried and tried[-1].is_clear):
            texts = ["77777777" if model.random() >= rate else "Well." for _ in range(2)]
            stated = "Well." if name == lost else texts[0]
            tried.append(MessageTrial("77777777", answer(stated), answer("Well."), answer(texts[1])))
    return judge_messages(trials, show).status is Status.FAIL


def ask_facts(model: random.Random, rate: float, lost: str = "") -> bool:
    def ask(size: int, place: str) -> FactTrial:
        is_known = model.random() >= rate and not (size > 800 and place == lost)
        return FactTrial(size, place, "77777777", answer("77777777" if is_known else "Well."))

    trials = [ask(size, place) for size in (800, 3200, 12800, 51200) for place in FACT_PLACES]
    search = FactSearch(trials)
    first = search.find_lost()
    if first is not None and search.largest_known:
        again = [(ask(first.size, first.place), ask(800, first.place)) for _ in range(FACT_TRIALS - 1)]
        search = FactSearch(trials, again)
    return judge_facts(search, show).status is Status.FAIL


def ask_ends(model: random.Random, rate: float, lost: str = "") -> bool:
    asked: list[TriedAnswers] = []
    for name, text in TRIED_TEXTS.items():
        answers = TriedAnswers(name)
        is_first = not any(others.has_lost_text() for others in asked)
        while not answers.plain or (is_first and len(answers.plain) <= TRIED_REPEATS and answers.has_lost_text()):
            plain, tried = (text.words[: -1 if model.random() < rate else None] for _ in range(2))
            tried = text.words[:-1] if name == lost else tried
            answers = TriedAnswers(name, (*answers.plain, answer(plain)), (*answers.tried, answer(tried)))
        asked.append(answers)
    return any(case.counterexample for case in judge_tried_texts(asked, show))


def ask_template_texts(model: random.Random, rate: float, lost: str = "") -> bool:
    def ask(text: str) -> Exchange:
        between = "" if (model.random() < rate and text) or text == lost else text
        around = "" if model.random() < rate and not text else "words"
        return answer(f"{MARK_BEFORE} {around} {between} words {MARK_AFTER}")

    control = ask("")
    pairs = {text: [(ask(text), control)] for text in TEMPLATE_TEXTS}
    suspects = [text for text, asked in pairs.items() if find_lost_text(text, *asked[0])]
    for text in suspects[:CONFIRMED_TEXTS]:
        pairs[text] += [(ask(text), ask("")) for _ in range(TEXT_REPEATS)]
    return judge_template_texts(TemplateAnswers([control], pairs), show).status is Status.FAIL


RULES: dict[Callable[..., bool], tuple[float, str]] = {
    ask_messages: (0.5, "3"),
    ask_facts: (0.36, "middle"),
    ask_ends: (0.5, "a stream that ends in an accent"),
    ask_template_texts: (0.46, "/no_think"),
}
"""The checks with pairs, each with the rate of errors at which it is failed most, and what a defect of it loses."""


@pytest.mark.parametrize("ask", sample_cases(RULES, ask_ends, mark=pytest.mark.simulation))
def test_a_model_that_errs_by_chance_is_hardly_ever_failed(ask: Callable[..., bool]) -> None:
    model, (rate, lost) = random.Random(31), RULES[ask]
    assert sum(ask(model, rate) for _ in range(RUNS)) <= MOST_ALARMS
    assert all(ask(model, 0.0, lost) for _ in range(5))
