"""Bad requests among good ones: they are bad indeed, and what they do to their neighbours is judged."""

from __future__ import annotations

import threading
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.checks.control import Control
from harness.checks.isolation.crosstalk import judge_own_answers
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.settings import Settings
from harness.core.verdict import Counterexample, Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.services import Answered, asking
from tests.suites.integration.test_batch_and_concurrent import concurrent, good, run_check

make_bad_neighbours = import_module("harness.suites.integration.company").make_bad_neighbours


@pytest.mark.parametrize("protocol", ["plain_json", "openai_chat", "openai_embeddings"])
def test_bad_neighbours_are_of_several_kinds_and_each_is_refused(tmp_path: Path, protocol: str) -> None:
    with ReferenceProcess(ServiceSettings()) as server:
        sample = [[0.0] * 64] if protocol == "plain_json" else None
        settings = Settings(Endpoint(server.url, protocol, sample=sample), ("integration",))
        with asking(settings, tmp_path) as session:
            bad = make_bad_neighbours(session, session.sample(), 8)
            statuses = {guest.name: session.send(guest.request).status for guest in bad}
    assert 3 <= len(statuses) == len(bad) <= 8
    assert ("nan" in statuses) == (protocol == "plain_json")
    assert {status // 100 for status in statuses.values() if status} == {4}, statuses


def is_good(path: str, body: Any) -> bool:
    return good(path, body)[0] == 200


@pytest.mark.parametrize(("status", "expected"), [(200, Status.PASS), (500, Status.FAIL)])
def test_a_request_that_fails_beside_a_bad_one_fails_the_check(tmp_path: Path, status: int, expected: Status) -> None:
    """The service answers all that are under way with the worst of them."""
    lock, spoilt = threading.Lock(), threading.Event()

    def answer(path: str, body: Any) -> Answered:
        if not is_good(path, body):
            spoilt.set()
            return 400, {"error": "bad"}
        with lock:
            is_spoilt = spoilt.is_set()
            spoilt.clear()
        return (status, {"error": "batch"}) if is_spoilt and status != 200 else good(path, body)

    verdict = run_check(answer, concurrent, tmp_path)
    assert verdict.status is expected, verdict.reason
    if expected is Status.FAIL:
        assert "sent beside bad requests" in verdict.reason


def test_a_request_that_fails_now_and_then_beside_a_bad_one_fails_the_check(tmp_path: Path) -> None:
    """Only each fifth bad request makes another one fail: too few to be seen in two rounds, repeat by repeat."""
    lock, bad = threading.Lock(), count(1)
    spoilt = threading.Event()

    def answer(path: str, body: Any) -> Answered:
        with lock:
            if not is_good(path, body):
                if next(bad) % 5 == 0:
                    spoilt.set()
                return 400, {"error": "bad"}
            is_spoilt = spoilt.is_set()
            spoilt.clear()
        return (500, {"error": "batch"}) if is_spoilt else good(path, body)

    verdict = run_check(answer, concurrent, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "sent beside bad requests" in verdict.reason


def make_exchange(number: int, status: int = 200) -> Exchange:
    answer = Answer(outputs={"sum": [number]}) if status == 200 else None
    return Exchange(Request("POST", "/"), Timing(0.0, sent=0.0, done=1.0), Response(status), answer)


@pytest.mark.parametrize(("declined_alone", "expected"), [(0, Status.FAIL), (6, Status.INCONCLUSIVE)])
def test_a_503_beside_bad_requests_alone_is_no_lack_of_capacity(declined_alone: int, expected: Status) -> None:
    alone = [make_exchange(number) for number in range(8)]
    plain = [(number, make_exchange(number, 503 if number < declined_alone else 200)) for number in range(8)]
    beside = [(number, make_exchange(number, 503)) for number in range(8)]
    show = lambda summary, _: Counterexample(summary)  # noqa: E731
    verdict = judge_own_answers(Control(alone, alone), [plain, plain, beside], show, ["", "", "bad requests (null)"])
    assert verdict.status is expected, verdict.reason
