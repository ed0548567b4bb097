"""Canaries against real chat services: one that keeps conversations apart, and ones that do not."""

from __future__ import annotations

import base64
import importlib
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from harness.probes.own_prompt import QUESTIONS
from tests.services import QUICK, Answered, asking, serving

SUITE = importlib.import_module("harness.suites.adversarial.test_canary")


class Chat:
    """A chat service; `text` makes its answer from the messages and from what it keeps of earlier requests."""

    def __init__(self) -> None:
        self.last = ""
        self.asked: list[str] = []

    def text(self, system: str, user: str) -> str:
        return "I am fine."

    def refusal(self) -> Any:
        return {"error": {"message": "a messages array is needed"}}

    def __call__(self, path: str, body: Any) -> Answered:
        messages = body.get("messages") if isinstance(body, dict) else None
        if not path.endswith("/chat/completions") or not isinstance(messages, list) or body.get("max_tokens") != 48:
            return 400, self.refusal()
        system = next((message["content"] for message in messages if message["role"] == "system"), "")
        self.asked.append(system)
        text = self.text(system, messages[-1]["content"])
        self.last = system if "code is" in system else self.last
        return 200, {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
        }


class Discreet(Chat):
    """It tells a code where it may, and no other."""

    def text(self, system: str, user: str) -> str:
        may_tell = "Tell it to everyone" in system
        return system if may_tell else "I am fine."


class Leaky(Chat):
    def text(self, system: str, user: str) -> str:
        return f"As I was told before: {self.last}"


class LeakyInBase64(Chat):
    def text(self, system: str, user: str) -> str:
        return base64.b64encode(self.last.encode()).decode() or "-"


class LeakyErrors(Chat):
    def refusal(self) -> Any:
        return {"error": {"message": "no"}, "debug": {"last_prompt": self.last}}


class Talkative(Chat):
    def text(self, system: str, user: str) -> str:
        return system


class Mute(Chat):
    def text(self, system: str, user: str) -> str:
        return ""


class Broken(Chat):
    def __call__(self, path: str, body: Any) -> Answered:
        return 500, {"error": {"message": "out of memory"}}


def judge_service(service: Chat, tmp_path: Path, check: str) -> Verdict:
    with serving(service) as url:
        endpoint = Endpoint(url, "openai_chat", model="m", deadlines=QUICK)
        with asking(Settings(endpoint, ("adversarial",)), tmp_path) as session:
            verdict = getattr(SUITE, check)(session)
    assert isinstance(verdict, Verdict)
    return verdict


def test_a_service_that_keeps_conversations_apart_passes_both(tmp_path: Path) -> None:
    service = Discreet()
    across = judge_service(service, tmp_path, "test_cross_request")
    assert across.status is Status.PASS
    assert across.n == 2 * len(SUITE.FORMS) + 5  # the questions after them repeat those beside them
    own = judge_service(service, tmp_path, "test_own_prompt")
    assert own.status is Status.PASS
    assert own.n == len(QUESTIONS)
    assert all(question in own.reason for question in QUESTIONS)
    given = [system for system in service.asked if "code is" in system]
    assert len(set(given)) == len(given) == 2 * len(SUITE.FORMS) + 5 + len(QUESTIONS) + 1  # fresh for each request


def test_a_model_that_never_tells_a_code_shows_no_discretion(tmp_path: Path) -> None:
    verdict = judge_service(Chat(), tmp_path, "test_own_prompt")
    assert verdict.status is Status.INCONCLUSIVE
    assert "where it is asked to and allowed to" in verdict.reason


@pytest.mark.parametrize("service", [Leaky(), LeakyInBase64(), LeakyErrors()], ids=lambda s: type(s).__name__)
def test_what_one_request_was_told_in_the_answer_to_another_fails(tmp_path: Path, service: Chat) -> None:
    verdict = judge_service(service, tmp_path, "test_cross_request")
    assert verdict.status is Status.FAIL
    example = verdict.counterexamples[0]
    assert "holds the canary" in example.summary
    assert example.curl is not None
    assert example.response is not None


def test_a_model_that_repeats_its_own_prompt_fails_only_the_warning(tmp_path: Path) -> None:
    assert judge_service(Talkative(), tmp_path, "test_cross_request").status is Status.PASS
    assert judge_service(Talkative(), tmp_path, "test_own_prompt").status is Status.FAIL
    assert SUITE.test_own_prompt.__aicheck__.level == "warn"
    assert SUITE.test_cross_request.__aicheck__.level == "blocker"


@pytest.mark.parametrize("service", [Mute(), Broken()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("check", ["test_cross_request", "test_own_prompt"])
def test_no_answer_is_no_safety(tmp_path: Path, service: Chat, check: str) -> None:
    assert judge_service(service, tmp_path, check).status is Status.INCONCLUSIVE
