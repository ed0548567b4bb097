"""Long prompts: what is lost in them is named with its size, and what fails beside others too."""

from __future__ import annotations

import re
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.generation.long_prompts import (
    FACT_PLACES,
    FACT_TRIALS,
    FactSearch,
    FactTrial,
    find_cut_text,
    judge_prompts_together,
)
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.settings import Settings
from harness.core.verdict import Counterexample, Status, Verdict
from tests.services import QUICK, asking
from tests.suites.integration.chatservice import Change, change_text, chat


def judge(folder: Path, name: str, request: Change | None = None, answer: Change | None = None) -> Verdict:
    with chat(request, answer) as url:
        endpoint = Endpoint(url, "openai_chat", model="tiny-chat", deadlines=QUICK)
        with asking(Settings(endpoint, ("integration",)), folder) as session:
            session.begin_check()
            test = getattr(import_module("harness.suites.integration.test_long_prompts"), name)
            verdict: Verdict = test(session)
            assert session.sent_requests <= test.__aicheck__.requests
            return verdict


@pytest.mark.parametrize(
    ("name", "words"), [("test_facts", "are all known has 1"), ("test_together", "answered up to 8 at a time")]
)
def test_a_right_service_passes(tmp_path: Path, name: str, words: str) -> None:
    verdict = judge(tmp_path, name)
    assert verdict.status is Status.PASS, verdict.reason
    assert words in verdict.reason


def keep(start: int, end: int) -> Change:
    """Of a longer message so many characters are read at its start and its end."""

    def change(body: dict[str, Any]) -> None:
        for message in body["messages"]:
            text = message["content"]
            if isinstance(text, str) and len(text) > start + end:
                message["content"] = text[:start] + text[len(text) - end :]

    return change


def test_what_is_lost_in_a_long_prompt_fails(tmp_path: Path) -> None:
    verdict = judge(tmp_path, "test_facts", keep(0, 5_000))
    assert verdict.status is Status.FAIL, verdict.reason
    assert "the number at its start is known in none of 5 answers" in verdict.reason
    size = int(verdict.notes[0].split(" has ")[1].split()[0].replace(",", ""))
    assert 3_000 <= size <= 5_000


def test_what_is_cut_out_of_a_long_prompt_blocks(tmp_path: Path) -> None:
    verdict = judge(tmp_path, "test_together", keep(2_000, 2_000))
    assert verdict.status is Status.FAIL, verdict.reason
    assert "only a part of it reaches the model: the number at its middle is known in none of 5" in verdict.reason
    assert "characters is cut" in verdict.reason


def test_a_machine_that_became_slower_is_not_blamed(tmp_path: Path) -> None:
    """One prompt at a time: since the search each takes so long that eight of this size pass the deadline."""
    sizes: list[int] = []

    def slow_down(body: dict[str, Any]) -> None:
        text = body["messages"][-1]["content"]
        if isinstance(text, str) and re.match(r"[0-9]{6} ", text):
            sizes.append(len(text))
            time.sleep(QUICK.first_byte * 0.16 * len(text) / sizes[0])

    verdict = judge(tmp_path, "test_together", slow_down)
    assert verdict.status is Status.PASS, verdict.reason
    assert sizes[-1] < sizes[0]
    assert f"prompts of {sizes[-1]:,} characters are answered up to 8 at a time" in verdict.reason


def make_trial(size: int, place: str, tokens: int | None, *, is_known: bool = True) -> FactTrial:
    usage = None if tokens is None else Usage(tokens, 1)
    answer = Answer(text="77" if is_known else "I forgot.", usage=usage, complete=True)
    return FactTrial(size, place, "77", Exchange(Request("POST", "/"), Timing(0.0), Response(200), answer))


@pytest.mark.parametrize(
    ("tokens", "is_cut"),
    [
        ((1_000, 1_000, 1_000), True),
        ((1_000, 1_000, 3_200), False),
        ((3_200, 3_200, 3_200), False),
        ((None, None, None), False),
    ],
    ids=["all short", "one is whole", "all whole: it forgets", "no counts"],
)
@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_model_that_forgets_is_not_blamed(tokens: tuple[int | None, ...], is_cut: bool, is_confirmed: bool) -> None:
    trials = [make_trial(size, place, size // 4) for size in (800, 3_200) for place in FACT_PLACES]
    trials.append(make_trial(4_000, "middle", 1_000, is_known=False))
    longer = [make_trial(12_800, place, count) for place, count in zip(FACT_PLACES, tokens, strict=True)]
    pair = make_trial(4_000, "middle", 1_000, is_known=not is_confirmed), make_trial(800, "middle", 200)
    verdict = find_cut_text(FactSearch(trials, [pair] * (FACT_TRIALS - 1), longer), show)
    assert (verdict is not None) is (is_cut and is_confirmed)


def test_a_model_that_knows_nothing_says_nothing(tmp_path: Path) -> None:
    verdict = judge(tmp_path, "test_facts", None, change_text(lambda text: "Thank you."))
    assert verdict.status is Status.INCONCLUSIVE
    assert "is not known either" in verdict.reason


def answer_with(status: int) -> Exchange:
    error = None if status == 200 else ErrorClass.STATUS
    return Exchange(
        Request("POST", "/"), Timing(0.0), Response(status), Answer(text="a"), error=error, detail=str(status)
    )


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


@pytest.mark.parametrize(
    ("three", "after", "status"),
    [
        ((200, 200, 200), 200, Status.PASS),
        ((200, 429, 503), 200, Status.PASS),
        ((429, 429, 503), 200, Status.INCONCLUSIVE),
        ((200, 200, 500), 200, Status.FAIL),
        ((200, 200, 400), 200, Status.FAIL),
        ((200, 200, 200), 500, Status.FAIL),
    ],
)
def test_beside_others_a_prompt_is_answered_or_declined(three: tuple[int, ...], after: int, status: Status) -> None:
    rounds = {3: list(map(answer_with, three))}
    assert judge_prompts_together(900, answer_with(200), rounds, answer_with(after), show).status is status


def test_a_service_that_fails_since_then_fails_alone_too() -> None:
    assert judge_prompts_together(900, answer_with(500), {}, answer_with(500), show).status is Status.FAIL
    assert judge_prompts_together(900, answer_with(400), {}, answer_with(200), show).status is Status.INCONCLUSIVE
