"""Services that lose capacity with every client that disconnects do not pass; those that release it do."""

from __future__ import annotations

import select
import socket
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.control import Control
from harness.checks.http.disconnect import choose_telling, judge_service_after_disconnects
from harness.core.endpoint import Deadlines
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status
from tests.suites.integration.wireservice import Asked, Service, Wire, run_checks

leaving = import_module("harness.suites.integration.test_disconnect").test_leaving_uses_nothing_up


class Slots(Service):
    """Works on a few requests at once, for `work` seconds each. `waits`: the others queue; else they get 503."""

    def __init__(self, slots: int, *, leaks: bool, waits: bool, work: float = 0.004) -> None:
        self.work = work
        self.room, self.leaks, self.waits = threading.Semaphore(slots), leaks, waits

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        if not self.room.acquire(timeout=3.0 if self.waits else 0.0):
            return "503 Service Unavailable", {"error": "busy"}
        threading.Event().wait(self.work)
        if self.leaks and self.gone(wire.sock):
            raise EOFError  # the slot goes with the client
        self.room.release()
        return super().answer(asked, wire)

    def gone(self, sock: socket.socket) -> bool:
        readable, _, _ = select.select([sock], [], [], 0)
        return bool(readable) and sock.recv(1, socket.MSG_PEEK) == b""


@pytest.mark.parametrize("slots", [4, 8])
def test_a_service_that_releases_its_slots_passes(tmp_path: Path, slots: int) -> None:
    for attempt in ("first", "second", "third"):
        (tmp_path / attempt).mkdir()
        [verdict] = run_checks(Slots(slots, leaks=False, waits=True), tmp_path / attempt, leaving)
        if verdict.status is not Status.ERROR:  # the harness itself came too late to connect, on a busy machine
            break
    assert verdict.status is Status.PASS, verdict.reason
    assert "clients disconnected without their whole answer, 24 requests, up to" in verdict.reason


def test_a_slot_lost_with_each_client_fails(tmp_path: Path) -> None:
    patient = Deadlines(connect=2.0, first_byte=1.0, inter_token=1.0, total=1.5)
    [verdict] = run_checks(Slots(3, leaks=True, waits=True, work=0.02), tmp_path, leaving, deadlines=patient)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "is not answered: first byte timeout" in verdict.reason


class GivesUp(Slots):
    """Declines everything once it has lost four of its workers to disconnected clients."""

    lost = 0

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        if self.lost >= 4:
            return "503 Service Unavailable", {"error": "busy"}
        threading.Event().wait(self.work)
        self.lost += self.gone(wire.sock)
        return Service.answer(self, asked, wire)


def test_capacity_lost_with_the_clients_fails_even_if_requests_are_declined_properly(tmp_path: Path) -> None:
    [verdict] = run_checks(GivesUp(1, leaks=True, waits=False, work=0.03), tmp_path, leaving)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "HTTP 503" in verdict.reason


def test_a_service_that_never_had_the_capacity_is_not_judged(tmp_path: Path) -> None:
    [verdict] = run_checks(Slots(2, leaks=False, waits=False, work=0.15), tmp_path, leaving)
    assert verdict.status is Status.INCONCLUSIVE, verdict.reason


def test_a_service_that_fails_side_by_side_anyway_is_not_judged(tmp_path: Path) -> None:
    class Failing(Service):
        def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
            return "500 Internal Server Error", {}

    [verdict] = run_checks(Failing(), tmp_path, leaving)
    assert verdict.status is Status.INCONCLUSIVE
    assert "before any client disconnected" in verdict.reason


class DiesOfLeaving(Service):
    dead = False

    def talk(self, wire: Wire) -> None:
        if not self.dead:
            super().talk(wire)

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        threading.Event().wait(0.01)
        self.dead = self.dead or Slots.gone(self, wire.sock)  # type: ignore[arg-type]
        return super().answer(asked, wire)

    def closes(self, asked: Asked) -> bool:
        return True


def test_a_service_that_dies_of_a_disconnecting_client_fails(tmp_path: Path) -> None:
    [verdict] = run_checks(DiesOfLeaving(), tmp_path, leaving)
    assert verdict.status is Status.FAIL, verdict.reason


LONG = " ".join(map(str, range(60)))


def make_exchange(text: str, *, streamed: bool = False, whole: bool = True) -> Exchange:
    request = Request("POST", "/", stream=streamed)
    return Exchange(request, Timing(0.0, sent=0.0, done=1.0 if whole else None), Response(200), Answer(text))


def make_refusal(status: int) -> Exchange:
    return Exchange(
        Request("POST", "/", stream=True), Timing(0.0, sent=0.0, done=1.0), Response(status), error=ErrorClass.STATUS
    )


LEFT = [make_exchange(LONG, streamed=True, whole=False), make_exchange("", whole=False)]
PHRASE = "I am sorry, but I would rather not say anything about that today."


@pytest.mark.parametrize(
    ("left", "texts", "may_reword", "status", "words"),
    [
        (LEFT, ["11111111", "22222222"], False, Status.PASS, "succeed"),
        (LEFT, ["1111", "22222222"], False, Status.FAIL, "its answer differs"),
        (LEFT, ["The number is 11111111", "22222222"], True, Status.PASS, "succeed"),
        (LEFT, [LONG[50:90] + "11111111", "22222222"], True, Status.FAIL, "clients that left had asked for"),
        (LEFT * 4, ["11111111", LONG], True, Status.FAIL, "clients that left had asked for"),
        ([*LEFT * 4, make_exchange(PHRASE)], ["11111111", PHRASE], True, Status.PASS, "succeed"),
        ([*LEFT, make_refusal(500)], ["11111111", "22222222"], True, Status.FAIL, "after 2 clients left, the next one"),
        ([*LEFT, make_refusal(400)], ["11111111", "22222222"], True, Status.PASS, "succeed"),
        ([make_refusal(400)], ["11111111", "22222222"], True, Status.INCONCLUSIVE, "what they ask for is not answered"),
    ],
    ids=["own", "changed", "reworded", "before its own", "instead", "phrase", "ended", "a form refused", "all refused"],
)
def test_what_clients_leave_behind(
    left: list[Exchange], texts: list[str], may_reword: bool, status: Status, words: str
) -> None:
    before = list(map(make_exchange, ["11111111", "22222222"]))
    show = lambda summary, _: Counterexample(summary)  # noqa: E731
    control = Control(before, before, may_reword=may_reword)
    verdict = judge_service_after_disconnects(control, before * 2, left, list(map(make_exchange, texts)), show, 100)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_what_was_waited_for_whole_says_what_became_of_a_silent_service() -> None:
    request, timing = Request("POST", "/"), Timing(0.0, sent=0.0)
    hung, unawaited = (
        [Exchange(request, timing, error=error)] * 24 for error in (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.UNAWAITED)
    )
    assert choose_telling(hung, unawaited, 8) is hung
    assert choose_telling(hung, hung[:24], 8) is hung
    partly = [*unawaited[:8], *[make_exchange(LONG)] * 16]
    assert choose_telling(hung, partly, 8) is partly
