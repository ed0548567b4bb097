"""Long prompts: what is lost in them is named with its size, and what fails beside others too."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.generation.long_prompts import judge_prompts_together
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
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


@pytest.mark.parametrize(("start", "end", "place"), [(2_000, 2_000, "middle"), (0, 5_000, "start")])
def test_what_is_lost_in_a_long_prompt_fails(tmp_path: Path, start: int, end: int, place: str) -> None:
    verdict = judge(tmp_path, "test_facts", keep(start, end))
    assert verdict.status is Status.FAIL, verdict.reason
    assert f"the number at its {place} is known in none of 3 answers" in verdict.reason
    size = int(verdict.notes[0].split(" has ")[1].split()[0].replace(",", ""))
    assert 3_000 <= size <= start + end


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
