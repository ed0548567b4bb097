"""Services that fail on trace headers, or whose request ids are not unique, do not pass."""

from __future__ import annotations

import itertools
import json
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.settings import Promises
from harness.core.verdict import Status
from tests.suites.integration.wireservice import Asked, Bad, Service, Wire, run_checks

trace = import_module("harness.suites.integration.test_trace")
traced, ignored, identified = trace.test_traced, trace.test_malformed_ignored, trace.test_request_id
NAMED = Promises(request_id="x-request-id")


def test_a_service_that_knows_nothing_of_traces_passes(tmp_path: Path) -> None:
    for verdict in run_checks(Service(), tmp_path, traced, ignored):
        assert verdict.status is Status.PASS, verdict.reason


class Strict(Service):
    """Refuses an invalid traceparent."""

    def accept(self, asked: Asked) -> None:
        super().accept(asked)
        parent = asked.headers.get("traceparent")
        if parent is not None and not parent.startswith(("00-4bf", "cc-4bf")):
            raise Bad("400 Bad Request")


def test_a_malformed_traceparent_refused_is_a_warning(tmp_path: Path) -> None:
    verdicts = run_checks(Strict(), tmp_path, traced, ignored)
    assert [verdict.status for verdict in verdicts] == [Status.PASS, Status.FAIL], verdicts[0].reason


class Crashes(Service):
    def accept(self, asked: Asked) -> None:
        super().accept(asked)
        if asked.headers.get("traceparent", "x") in ("", "hello"):
            raise EOFError


class RefusesTraces(Service):
    def accept(self, asked: Asked) -> None:
        super().accept(asked)
        if "traceparent" in asked.headers:
            raise Bad("500 Internal Server Error")


class OtherAnswer(Service):
    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        status, value = super().answer(asked, wire)
        return status, {"sums": [0.0]} if "tracestate" in asked.headers else value


@pytest.mark.parametrize("service", [Crashes, RefusesTraces, OtherAnswer])
def test_a_service_that_fails_on_trace_headers_fails(tmp_path: Path, service: type[Service]) -> None:
    [verdict] = run_checks(service(), tmp_path, traced)
    assert verdict.status is Status.FAIL, verdict.reason


class Identified(Service):
    """Echoes the id that was given, or counts."""

    def __init__(self) -> None:
        self.count = itertools.count()

    def id_of(self, asked: Asked) -> str:
        return asked.headers.get("x-request-id") or f"id-{next(self.count)}"

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        line = f"X-Request-Id: {self.id_of(asked)}"
        return self.frame(status, json.dumps(value).encode(), line, close=self.closes(asked))


class Replaces(Identified):
    def id_of(self, asked: Asked) -> str:
        return f"id-{next(self.count)}"


@pytest.mark.parametrize("service", [Identified, Replaces])
def test_ids_of_their_own_pass(tmp_path: Path, service: type[Identified]) -> None:
    [verdict] = run_checks(service(), tmp_path, identified, promises=NAMED)
    assert verdict.status is Status.PASS, verdict.reason


class Constant(Identified):
    def id_of(self, asked: Asked) -> str:
        return "id"


class NotOnErrors(Identified):
    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        return (
            super().render(asked, status, value) if status == "200 OK" else Service.render(self, asked, status, value)
        )


class LastGiven(Identified):
    """Keeps the id in a field of the service, so that concurrent requests overwrite it."""

    last = ""

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        self.last = asked.headers.get("x-request-id") or f"id-{next(self.count)}"
        threading.Event().wait(0.01)
        return super().answer(asked, wire)

    def id_of(self, asked: Asked) -> str:
        return self.last


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (Service, "has no x-request-id"),
        (Constant, "carries the same x-request-id"),
        (NotOnErrors, "the answer to wrong request 1 has no x-request-id"),
        (LastGiven, "of the request with id"),
    ],
)
def test_ids_that_do_not_distinguish_answers_fail(tmp_path: Path, service: type[Service], reason: str) -> None:
    [verdict] = run_checks(service(), tmp_path, identified, promises=NAMED)
    assert verdict.status is Status.FAIL, verdict.reason
    assert reason in verdict.reason
