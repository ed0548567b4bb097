"""The prefix cache of the reference's chat, kept, lost and not stated, over a real socket."""

from __future__ import annotations

import itertools
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.core.endpoint import Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status, Verdict
from tests.services import QUICK, asking
from tests.suites.integration.chatservice import Change, chat

CHECK = import_module("harness.suites.integration.test_prefix_cache").test_kept


def judge(folder: Path, request: Change | None = None, answer: Change | None = None) -> Verdict:
    with chat(request, answer) as url:
        endpoint = Endpoint(url, "openai_chat", model="tiny-chat", deadlines=QUICK)
        with asking(Settings(endpoint, ("integration",), promises=Promises(prefix_cache=True)), folder) as session:
            session.begin_check()
            verdict: Verdict = CHECK(session)
            assert session.sent_requests <= CHECK.__aicheck__.requests
    return verdict


def remove_details(answer: dict[str, Any]) -> None:
    if answer.get("usage"):
        answer["usage"].pop("prompt_tokens_details", None)


def test_a_kept_prefix_is_seen(tmp_path: Path) -> None:
    verdict = judge(tmp_path)
    assert verdict.status is Status.PASS, verdict.reason


def test_a_template_with_a_count_is_named_with_its_place(tmp_path: Path) -> None:
    numbers = itertools.count()

    def begin(body: dict[str, Any]) -> None:
        body["messages"].insert(0, {"role": "system", "content": f"Request {next(numbers)}."})

    verdict = judge(tmp_path, begin)
    assert verdict.status is Status.FAIL
    assert "the prefix cache is off, or the prompt begins with something" in verdict.counterexamples[0].summary


def test_what_moves_in_the_middle_is_quoted(tmp_path: Path) -> None:
    numbers = itertools.count(100)

    def interrupt(body: dict[str, Any]) -> None:
        text = body["messages"][1]["content"]
        body["messages"][1]["content"] = f"{text[:2000]} {next(numbers)} {text[2000:]}"

    verdict = judge(tmp_path, interrupt)
    assert verdict.status is Status.FAIL
    assert "the prefix moves at about token" in verdict.counterexamples[0].summary


def test_a_service_without_messages_of_the_system_is_asked_without_them(tmp_path: Path) -> None:
    def refuse(body: dict[str, Any]) -> None:
        if body["messages"][0]["role"] == "system":
            body["messages"][0]["role"] = "unknown"

    verdict = judge(tmp_path, refuse)
    assert verdict.status is Status.PASS, verdict.reason


def test_without_counts_the_times_are_judged(tmp_path: Path) -> None:
    """Reading takes a while, and what was read before takes none; a busy machine may leave it open."""
    seen = set()

    def read(body: dict[str, Any]) -> None:
        first = body["messages"][0]["content"]
        if len(first) > 1000 and first not in seen:
            time.sleep(0.05)
        seen.add(first)

    verdict = judge(tmp_path, read, remove_details)
    assert verdict.status in (Status.PASS, Status.INCONCLUSIVE)
    assert "does not state usage.prompt_tokens_details" in verdict.reason


def test_reading_everything_again_is_no_pass(tmp_path: Path) -> None:
    def read(body: dict[str, Any]) -> None:
        time.sleep(0.05 * (len(body["messages"][0]["content"]) > 1000))

    verdict = judge(tmp_path, read, remove_details)
    assert verdict.status in (Status.FAIL, Status.INCONCLUSIVE)
    assert "does not state usage.prompt_tokens_details" in verdict.reason
