"""An echoed prompt: judged on the reference's completions, and on answers that lack a part."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks.generation.prompt_echo import judge_prompt_echo
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, TokenLogprob
from harness.core.settings import Settings
from harness.core.verdict import Counterexample, Status
from harness.suite import find_function
from tests.services import QUICK, asking
from tests.suites.integration.chatservice import chat

PROMPT = "one two three"


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def test_the_reference_covers_an_echoed_prompt(tmp_path: Path) -> None:
    with chat() as url:
        endpoint = Endpoint(url, "openai_completions", model="tiny-chat", deadlines=QUICK)
        with asking(Settings(endpoint, ("integration",)), tmp_path) as session:
            verdict = find_function("integration", "ai-suite/integration/test_echo.py::test_prompt_covered")(session)
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.reason.endswith("log-probabilities")


def make_answer(text: str, *tokens: str, logprob: float = -1.0) -> Exchange:
    logprobs = tuple(TokenLogprob(token, logprob) for token in tokens)
    choice = Choice(0, text, "stop", logprobs=logprobs)
    answer = Answer(text=text, finish_reason="stop", choices=(choice,))
    return Exchange(Request("POST", "/"), Timing(0.0), Response(200), answer)


@pytest.mark.parametrize(
    ("exchange", "status", "words"),
    [
        (make_answer("one two three four", " two", " three", " four"), Status.PASS, "have their log-probabilities"),
        (make_answer("one two three four", "one", " two", " three", " four", "</s>"), Status.PASS, "have their"),
        (make_answer("four", " four"), Status.FAIL, "echo is ignored"),
        (make_answer("one two three four"), Status.FAIL, "no log-probabilities"),
        (make_answer("one two three four", " four"), Status.FAIL, "'one two three ' has none"),
        (make_answer("one two three four five", " two", " three"), Status.FAIL, "' four five' has none"),
        (make_answer("one two three four", " zwei", " vier"), Status.FAIL, "joined are ' zwei vier'"),
        (make_answer("one two three four", " two", " three", " four", logprob=0.5), Status.FAIL, "no logarithm"),
        (make_answer("one two three four", " two", " three", logprob=float("nan")), Status.FAIL, "no logarithm"),
        (
            Exchange(Request("POST", "/"), Timing(0.0), Response(400), error=ErrorClass.STATUS, detail="400"),
            Status.PASS,
            "no prompt is echoed with log-probabilities; refused: whole",
        ),
        (
            Exchange(Request("POST", "/"), Timing(0.0), Response(503), error=ErrorClass.STATUS, detail="503"),
            Status.INCONCLUSIVE,
            "declined",
        ),
    ],
)
def test_each_part_is_judged(exchange: Exchange, status: Status, words: str) -> None:
    verdict = judge_prompt_echo(PROMPT, [exchange], show)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason
