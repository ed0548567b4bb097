"""Options that stay for later requests FAIL; a model that forgets its codes now and then does not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.isolation.left_options import (
    LEFT_CONTROLS,
    LEFT_REPEATS,
    LeftOption,
    PlainAnswer,
    judge_left_options,
)
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, ToolCall, Usage
from harness.core.settings import Promises, Settings
from harness.core.verdict import Counterexample, Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.services import asking

options_end = import_module("harness.suites.integration.test_left_options").test_options_end
CODES = "111 222 333"


@pytest.mark.parametrize(
    ("defects", "status", "reason"),
    [
        ((), Status.PASS, "right after one with a stop sequence, a tool, two choices, a system message is answered as"),
        (("stop_stays",), Status.FAIL, "with a stop sequence, each of 5 times: it lacks its codes"),
        (("tools_stay",), Status.FAIL, "with a tool, each of 5 times: it counts"),
    ],
    ids=["healthy", "stop", "tools"],
)
def test_options_of_the_reference(tmp_path: Path, defects: tuple[str, ...], status: Status, reason: str) -> None:
    with ReferenceProcess(ServiceSettings(token_ms=0, defects=defects)) as server:
        endpoint = Endpoint(server.url, "openai_chat", model="tiny-chat")
        settings = Settings(endpoint, ("integration",), promises=Promises(tools=True, choices=True))
        with asking(settings, tmp_path) as session:
            session.begin_check()
            verdict = options_end(session)
            assert session.sent_requests <= options_end.__aicheck__.requests
    assert verdict.status is status, verdict.reason
    assert reason in verdict.reason


def answer(text: str = CODES, *, tokens: int | None = 20, choices: int = 1, calls: Any = ()) -> Exchange:
    given = tuple(Choice(number, text, "stop", calls) for number in range(choices))
    usage = None if tokens is None else Usage(tokens, 3)
    whole_answer = Answer(text, choices=given, usage=usage, complete=True)
    return Exchange(Request("POST", "/"), Timing(0.0), Response(200), whole_answer)


def judge(*later: Exchange, before: Exchange | None = None, again: int = 20) -> Status:
    first, repeated = before or answer(), before or answer(tokens=again)
    controls = [PlainAnswer(CODES, exchange) for exchange in (first, repeated, first)]
    option = LeftOption([(answer(), PlainAnswer(CODES, exchange)) for exchange in later])
    verdict = judge_left_options(controls, {"an option": option}, lambda words, _: Counterexample(words))
    return verdict.status


@pytest.mark.parametrize(
    "kept",
    [
        answer("Sorry."),
        answer(tokens=90),
        answer(tokens=5),
        answer(choices=2),
        answer(calls=(ToolCall("c", "get_weather", "{}"),)),
    ],
    ids=["no codes", "more tokens", "fewer tokens", "two choices", "a call"],
)
def test_an_option_that_stays_each_time_fails(kept: Exchange) -> None:
    assert judge(*[kept] * (1 + LEFT_REPEATS)) is Status.FAIL
    assert judge(*[kept] * LEFT_REPEATS, answer()) is Status.PASS
    assert judge(kept) is Status.PASS


def test_counts_that_leave_a_cache_out_say_nothing() -> None:
    assert judge(*[answer(tokens=90)] * (1 + LEFT_REPEATS), again=1) is Status.PASS


def test_where_plain_answers_show_nothing_nothing_is_said() -> None:
    assert judge(answer(), before=answer("Sorry.", tokens=None)) is Status.INCONCLUSIVE
    assert judge(answer("Sorry."), before=answer("Sorry.")) is Status.PASS


def test_a_model_that_forgets_at_random_is_not_failed() -> None:
    rates = [number / 1000 for number in range(1, 1000)]
    assert max((1 - rate) ** LEFT_CONTROLS * rate ** (1 + LEFT_REPEATS) for rate in rates) < 2e-4
