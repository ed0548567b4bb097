"""Services that take two things with one id for one do not pass; those that keep them apart, or refuse one, do."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status, Verdict
from tests.services import QUICK, asking
from tests.suites.integration.chatservice import Change, chat
from tests.suites.integration.wireservice import Asked, Service, Wire, run_checks

suite = import_module("harness.suites.integration.test_ids")


class Deduplicating(Service):
    """Gives the first answer again to an id that it knows, or refuses it."""

    def __init__(self, again: tuple[str, Any] | None = None) -> None:
        self.again, self.seen = again, dict[str, tuple[str, Any]]()

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        id_ = asked.headers.get("x-request-id", "")
        if id_ in self.seen:
            return self.again or self.seen[id_]
        answer = super().answer(asked, wire)
        if id_:
            self.seen[id_] = answer
        return answer


@pytest.mark.parametrize(
    ("service", "promises", "status", "words"),
    [
        (Service(), Promises(), Status.PASS, "each got their own answer"),
        (Deduplicating(), Promises(), Status.FAIL, "cross-talk"),
        (Deduplicating(("500 Internal Server Error", {})), Promises(), Status.FAIL, "HTTP 500"),
        (Deduplicating(("409 Conflict", {})), Promises(), Status.INCONCLUSIVE, "no two requests were under way"),
        (Deduplicating(), Promises(idempotency="X-Request-Id"), Status.PASS, "each got their own answer"),
    ],
)
def test_one_id_for_all(tmp_path: Path, service: Service, promises: Promises, status: Status, words: str) -> None:
    [verdict] = run_checks(service, tmp_path, suite.test_same_request_id, promises=promises)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def judge_calls(name: str, folder: Path, request: Change | None = None, answer: Change | None = None) -> Verdict:
    with chat(request, answer) as url:
        endpoint = Endpoint(url, "openai_chat", model="tiny-chat", deadlines=QUICK)
        with asking(Settings(endpoint, ("integration",), promises=Promises(tools=True)), folder) as session:
            session.begin_check()
            verdict: Verdict = getattr(suite, name)(session)
            assert session.sent_requests <= getattr(suite, name).__aicheck__.requests
            return verdict


def keep_last(body: dict[str, Any]) -> None:
    results = {message.get("tool_call_id"): message for message in body["messages"]}
    body["messages"] = [message for message in body["messages"] if results[message.get("tool_call_id")] is message]


def refuse_repeats(body: dict[str, Any]) -> None:
    ids = [message["tool_call_id"] for message in body["messages"] if "tool_call_id" in message]
    if len(set(ids)) < len(ids):
        body["messages"] = 5


def test_results_with_one_id(tmp_path: Path) -> None:
    verdict = judge_calls("test_same_call_id", tmp_path)
    assert verdict.status is Status.PASS, verdict.reason
    assert judge_calls("test_same_call_id", tmp_path, refuse_repeats).status is Status.PASS
    lost = judge_calls("test_same_call_id", tmp_path, keep_last)
    assert lost.status is Status.FAIL
    assert "a result was lost or put twice" in lost.reason
    uncounted = judge_calls("test_same_call_id", tmp_path, None, lambda body: body.pop("usage", None))
    assert uncounted.status is Status.INCONCLUSIVE


def test_ids_of_calls(tmp_path: Path) -> None:
    assert judge_calls("test_call_ids_differ", tmp_path).status is Status.PASS

    def name_one(body: dict[str, Any]) -> None:
        body.update(json.loads(json.dumps(body).replace('"id": "call_', '"id": "one"+"').replace('"+"', '", "x": "')))

    repeated = judge_calls("test_call_ids_differ", tmp_path, None, name_one)
    assert repeated.status is Status.FAIL
    assert "the id 'one' of a call was given before, by answer 0" in repeated.reason
    silent = judge_calls(
        "test_call_ids_differ", tmp_path, lambda body: body.pop("tools", None) and body.pop("tool_choice")
    )
    assert silent.status is Status.INCONCLUSIVE
