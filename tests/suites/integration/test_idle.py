"""A service that fails or errs after a pause does not pass; one that closes idle connections does."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.control import Control
from harness.checks.http.idle import TIMES_LATER, PausedAnswers, has_lasting_problem, judge_first_after_pause
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.settings import Promises
from harness.core.verdict import Counterexample, Status, Verdict
from tests.suites.integration.wireservice import Asked, Service, Wire, run_checks

check = import_module("harness.suites.integration.test_idle").test_first_after_pause
PAUSE, BEFORE, EACH = 0.05, 6, 3
"""Seconds of a pause; requests before the first one, and after each."""


def judge_service(service: Service, folder: Path) -> Verdict:
    [verdict] = run_checks(service, folder, check, promises=Promises(idle=PAUSE))
    return verdict


class Idle(Service):
    """Counts its requests: pauses come after the first six, and after three more."""

    requests = 0

    def read(self, wire: Wire) -> Asked:
        if self.requests == BEFORE:
            self.go_idle(wire)
        asked = super().read(wire)
        self.requests += 1
        return asked

    def go_idle(self, wire: Wire) -> None:
        """Nothing."""

    @property
    def is_first(self) -> bool:
        """Whether this request is the first after a pause."""
        return self.requests > BEFORE and (self.requests - BEFORE) % EACH == 1


def test_a_service_without_idle_trouble_passes(tmp_path: Path) -> None:
    verdict = judge_service(Service(), tmp_path)
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.reason.startswith("3 requests right after a pause of 0.05 s are answered as before; the first one")


@pytest.mark.parametrize(
    "goodbye", [b"", b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"]
)
def test_an_idle_connection_may_be_closed(tmp_path: Path, goodbye: bytes) -> None:
    class Closes(Idle):
        def go_idle(self, wire: Wire) -> None:
            self.requests += 1  # the next connection is no idle one
            wire.sock.sendall(goodbye)
            raise EOFError

    assert judge_service(Closes(), tmp_path).status is Status.PASS


def test_a_first_request_that_fails_is_named(tmp_path: Path) -> None:
    class Unloads(Idle):
        def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
            if self.is_first:
                return "500 Internal Server Error", {"error": "not loaded"}
            return super().answer(asked, wire)

    verdict = judge_service(Unloads(), tmp_path)
    assert verdict.status is Status.FAIL
    assert "request 1 after a pause of 0.05 s is not answered, and the same one was before" in verdict.reason


@pytest.mark.parametrize(("always", "status"), [(True, Status.FAIL), (False, Status.INCONCLUSIVE)])
def test_a_wrong_answer_must_come_after_each_pause(tmp_path: Path, always: bool, status: Status) -> None:
    class Forgets(Idle):
        def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
            line, value = super().answer(asked, wire)
            if self.is_first and (always or self.requests < BEFORE + EACH):
                return line, {"sums": [0.125]}
            return line, value

    verdict = judge_service(Forgets(), tmp_path)
    assert verdict.status is status, verdict.reason


CODES = ("48213765", "90314276", "11827364")


def say(*texts: str) -> list[Exchange]:
    return [Exchange(Request("POST", "/"), Timing(0.0), Response(200), Answer(text=text)) for text in texts]


FORGETFUL = Control(say(*CODES), say(*CODES), CODES, may_reword=True)
LATER = say(*CODES * TIMES_LATER)


@pytest.mark.parametrize(
    ("pauses", "lasts"),
    [
        ([("", "", "")], False),
        ([("", "", "")] * 2, True),
        ([("", *CODES[1:])] * 2, False),
        ([("", *CODES[1:])] * 3, True),
        ([("Sorry?", *CODES[1:]), (CODES[0], "Sorry?", CODES[2]), CODES], False),
        ([(CODES[1], *CODES[1:])] * 2, True),
    ],
    ids=["once", "all empty", "the first twice", "the first thrice", "now and then", "another's"],
)
def test_a_model_that_forgets_now_and_then_is_not_blamed_for_a_pause(
    pauses: list[tuple[str, ...]], lasts: bool
) -> None:
    paused = [PausedAnswers(6.0, say(*texts)) for texts in pauses]
    assert has_lasting_problem(FORGETFUL, paused, LATER) is lasts
    verdict = judge_first_after_pause(FORGETFUL, paused, lambda words, _: Counterexample(words), LATER)
    assert verdict.status is (Status.FAIL if lasts else Status.PASS), verdict.reason
