"""Mixed traffic: what is wrong only beside other kinds of requests, only when long, or only while others leave."""

from __future__ import annotations

import json
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.checks.isolation.busy_guests import LIVENESS, STRUCTURED, judge_guests, judge_plain_answers
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Query, Request, Response, Timing
from harness.core.settings import Promises, Settings
from harness.core.verdict import Counterexample, Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.services import asking
from tests.suites.integration.chatservice import change_text, chat

suite = import_module("harness.suites.integration.test_mixed")
own_answers = suite.test_own_answers
LEGS = {"type": "object", "properties": {"legs": {"type": "integer"}}, "required": ["legs"]}


@pytest.mark.parametrize(
    ("protocol", "defects", "status", "reason"),
    [
        ("plain_json", (), Status.PASS, "each got their own answer"),
        ("openai_chat", (), Status.PASS, "each got their own answer"),
        ("openai_chat", ("wrong_when_long_and_busy",), Status.FAIL, "words"),
        ("openai_chat", ("schema_leaks_to_neighbours",), Status.FAIL, "legs"),
    ],
    ids=["plain", "chat", "long and busy", "schema beside plain"],
)
def test_mixed_requests(tmp_path: Path, protocol: str, defects: tuple[str, ...], status: Status, reason: str) -> None:
    promises = Promises(deterministic=protocol == "openai_chat", structured_output=protocol == "openai_chat")
    sample: Any = [[0.0] * 32 + [9.0] * 32] if protocol == "plain_json" else None
    with ReferenceProcess(ServiceSettings(token_ms=1, defects=defects)) as server:
        settings = Settings(
            Endpoint(server.url, protocol, model="tiny-chat", sample=sample), ("integration",), promises=promises
        )
        with asking(settings, tmp_path) as session:
            verdict = own_answers(session)
    assert verdict.status is status, verdict.reason
    assert reason in verdict.reason


def test_stop_sequences_of_others_cut_no_answer(tmp_path: Path) -> None:
    under_way: list[list[str]] = []

    def keep_stops(body: dict[str, Any]) -> None:
        under_way.append(body.get("stop") or [])

    def stop_at_others(text: str) -> str:
        for stop in chain.from_iterable(under_way[-12:]):
            text = text.partition(stop)[0]
        return text

    with chat(keep_stops, change_text(stop_at_others)) as url:
        settings = Settings(
            Endpoint(url, "openai_chat", model="tiny-chat"), ("integration",), promises=Promises(deterministic=True)
        )
        with asking(settings, tmp_path) as session:
            verdict = own_answers(session)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "sent beside requests with stop sequences and limits of their own: wrong answer" in verdict.reason


@pytest.mark.parametrize(
    ("times", "n"),
    [((0.01, 0.02, 0.1), 6), ((1.0, 0.5, 2.0), 2), ((1.0, 0.5, 1.5), 3), ((9.0, 9.0), 2), ((), 2)],
    ids=["all of them", "half a deadline", "a quicker one", "two at least", "none"],
)
def test_no_more_are_in_flight_than_one_slot_answers_in_time(times: tuple[float, ...], n: int) -> None:
    asked = [Exchange(Request("POST", "/"), Timing(0.0, sent=0.0, done=seconds)) for seconds in times]
    inputs = [suite._MixedInput("short", Query("text"), exchange, exchange) for exchange in asked]
    endpoint = Endpoint("http://127.0.0.1:1", "openai_chat", deadlines=Deadlines(first_byte=8.0))
    client = SimpleNamespace(settings=Settings(endpoint, ("integration",)), endpoint=endpoint)
    assert suite._Rounds(client, inputs)._fitting == n


@pytest.mark.parametrize(("first", "again", "leaves"), [(2.0, 0.1, True), (2.1, 0.1, False), (0.1, 2.1, False)])
def test_what_is_slow_alone_is_not_asked_beside_others(first: float, again: float, leaves: bool) -> None:
    asked = [Exchange(Request("POST", "/"), Timing(0.0, sent=0.0, done=seconds)) for seconds in (first, again)]
    endpoint = Endpoint("http://127.0.0.1:1", "openai_chat", deadlines=Deadlines(first_byte=8.0))
    mixed = suite._MixedInput("short", Query("text"), *asked)
    assert suite._leaves_time(SimpleNamespace(endpoint=endpoint), mixed) is leaves


def make_guest(kind: str, status: int, text: str = "") -> tuple[str, Exchange]:
    answer = Answer(text, complete=True) if text else None
    error = None if status < 400 else ErrorClass.STATUS
    request = Request("GET" if kind == LIVENESS else "POST", "/health")
    return kind, Exchange(request, Timing(0.0, sent=0.0, done=1.0), Response(status), answer, error=error)


@pytest.mark.parametrize(
    ("guest", "status"),
    [
        (make_guest(LIVENESS, 200), Status.PASS),
        (make_guest(LIVENESS, 503), Status.FAIL),
        (make_guest(LIVENESS, 429), Status.INCONCLUSIVE),
        (make_guest(STRUCTURED, 200, json.dumps({"legs": 4})), Status.PASS),
        (make_guest(STRUCTURED, 200, "It has four legs."), Status.FAIL),
        (make_guest(STRUCTURED, 503), Status.INCONCLUSIVE),
    ],
    ids=["live", "dead", "declined", "by the schema", "plain text", "busy"],
)
def test_what_is_asked_of_a_busy_service(guest: tuple[str, Exchange], status: Status) -> None:
    verdict = judge_guests([guest], LEGS, lambda summary, _: Counterexample(summary))
    assert verdict.status is status, verdict.reason


@pytest.mark.parametrize(
    ("text", "status"),
    [("My code is 4711.", Status.PASS), ('{"legs": 4}', Status.FAIL), ('{"wings": 2}', Status.PASS)],
)
def test_no_plain_request_is_answered_by_the_schema_of_another(text: str, status: Status) -> None:
    answers = [make_guest(STRUCTURED, 200, words)[1] for words in ("Four.", text)]
    verdict = judge_plain_answers(answers, LEGS, lambda summary, _: Counterexample(summary))
    assert verdict.status is status, verdict.reason
