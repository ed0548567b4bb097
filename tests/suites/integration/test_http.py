"""Of services that each read or write HTTP wrongly in one way, and a correct one, only the correct one passes."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.http.legal_forms import select_forms
from harness.checks.http.malformed import select_malformed
from harness.core.cause_hints import find_hint
from harness.core.endpoint import Endpoint
from harness.core.settings import Settings
from harness.core.verdict import Status
from harness.run.planning import build_plan
from harness.suite import list_checks
from tests.suites.integration.wireservice import Asked, Bad, Service, Wire, run_checks

http = import_module("harness.suites.integration.test_http")
alike, accepted = http.test_forms_answered_alike, http.test_forms_accepted
own, piped = http.test_one_connection, http.test_pipelined
harmless, refused, smuggling = http.test_wrong_bytes_harm_nobody, http.test_wrong_bytes_refused, http.test_smuggling


def test_a_right_service_passes(tmp_path: Path) -> None:
    for verdict in run_checks(Service(), tmp_path, alike, accepted, own, piped, harmless, refused, smuggling):
        assert verdict.status is Status.PASS, verdict.reason


def test_a_request_without_a_body_has_no_form_of_a_body() -> None:
    """A server may leave the body of a GET unread, and then reads it as the next request."""
    absent = {"a chunked body", "a body in many packets", "a gzip body", "Expect: 100-continue"}
    assert absent <= set(select_forms(b"{}"))
    assert not absent & set(select_forms(b""))
    assert "an absolute target" in select_forms(b"")
    assert "a body longer than its Content-Length" in select_malformed(b"{}")
    assert "a body longer than its Content-Length" not in select_malformed(b"")
    assert "garbage" in select_malformed(b"")


@pytest.mark.parametrize("target", ["/predict", "/v1/models/digits:predict"])
def test_cuts_leave_the_bytes_as_they_are(target: str) -> None:
    body = b'{"a": [1.5, 22]}'
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for name in ("a head in many packets", "a body in many packets"):
        pieces = [piece for piece in select_forms(body)[name].write(head, body) if isinstance(piece, bytes)]
        assert len(pieces) > 3, name
        assert b"".join(pieces) == head + body, name


class FussyType(Service):
    def accept(self, asked: Asked) -> None:
        super().accept(asked)
        if "charset" in asked.headers["content-type"]:
            raise Bad("500 Internal Server Error")


class NoEmptyLine(Service):
    """Ends the connection for an empty line before a request, as Python's own server does (RFC 9112 2.2: SHOULD)."""

    def read(self, wire: Wire) -> Asked:
        if not wire.buffer:
            wire.more()
        if wire.buffer.startswith(b"\r\n"):
            raise EOFError
        return super().read(wire)


def test_an_empty_line_need_not_be_skipped(tmp_path: Path) -> None:
    for verdict in run_checks(NoEmptyLine(), tmp_path, alike, accepted):
        assert verdict.status is Status.PASS, verdict.reason


class Silent(Service):
    """Waits for ever after an empty line before a request, as Triton 2.51 does."""

    def read(self, wire: Wire) -> Asked:
        if not wire.buffer:
            wire.more()
        while wire.buffer.startswith(b"\r\n"):
            wire.more()
        return super().read(wire)


def test_silence_over_an_empty_line_is_a_warning(tmp_path: Path) -> None:
    alike_, accepted_ = run_checks(Silent(), tmp_path, alike, accepted)
    assert alike_.status is Status.PASS, alike_.reason
    assert accepted_.status is Status.FAIL
    assert "an empty line before the request: neither answered nor refused" in accepted_.reason


class NoChunks(Service):
    def content(self, wire: Wire, asked: Asked) -> bytes:
        if asked.is_chunked:
            raise Bad("411 Length Required")
        return super().content(wire, asked)


class NoExpectation(Service):
    def accept(self, asked: Asked) -> None:
        super().accept(asked)
        if "expect" in asked.headers:
            raise Bad("417 Expectation Failed")


@pytest.mark.parametrize("service", [FussyType, NoChunks, NoExpectation])
def test_a_legal_form_that_is_refused_is_a_warning(tmp_path: Path, service: type[Service]) -> None:
    verdicts = run_checks(service(), tmp_path, alike, accepted)
    assert [verdict.status for verdict in verdicts] == [Status.PASS, Status.FAIL], verdicts[0].reason
    assert len(verdicts[1].counterexamples) == 1


class ChunksUnread(Service):
    """Reuses the last body instead of reading one in chunks."""

    last = b""

    def content(self, wire: Wire, asked: Asked) -> bytes:
        if asked.is_chunked:
            super().content(wire, asked)
            return ChunksUnread.last
        content = super().content(wire, asked)
        ChunksUnread.last = b'{"instances": [[9, 9, 9]]}'
        return content


class ZipUnread(Service):
    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        if asked.headers.get("content-encoding") == "gzip":
            return "200 OK", {"sums": [0.0]}
        return super().answer(asked, wire)


class ZipLie(Service):
    """Labels an answer as gzip that is not, whether gzip was requested or not."""

    asked_for = "gzip"

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        if asked.headers.get("accept-encoding", "") == self.asked_for:
            return self.frame(status, json.dumps(value).encode(), "content-encoding: gzip")
        return super().render(asked, status, value)


class ZipLieUnasked(ZipLie):
    asked_for = ""


class AlwaysZips(Service):
    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        return self.frame(status, gzip.compress(json.dumps(value).encode()), "content-encoding: gzip")


class OnePacket(Service):
    """Reads only the first packet of a body."""

    def content(self, wire: Wire, asked: Asked) -> bytes:
        if not asked.is_chunked and not wire.buffer:
            wire.more()
            size = int(asked.headers["content-length"])
            if len(wire.buffer) < size:
                threading.Event().wait(1.5)
        return super().content(wire, asked)


class DropsOld(Service):
    def accept(self, asked: Asked) -> None:
        if asked.line.endswith("1.0"):
            raise EOFError


class Longer(Service):
    """States fewer bytes than it sends."""

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        body = json.dumps(value).encode()
        return self.frame(status, body + b"\n\n", length=len(body), close=self.closes(asked))


class Shorter(Service):
    """States more bytes than it sends."""

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        body = json.dumps(value).encode()
        close = asked.headers.get("connection") == "close"
        return self.frame(status, body, length=len(body) + 2 * close, close=self.closes(asked))


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (ChunksUnread, "a chunked body: its answer differs"),
        (ZipUnread, "a gzip body: its answer differs"),
        (ZipLie, "Accept-Encoding: gzip: a legal form has no valid answer: content decoding"),
        (ZipLieUnasked, "no Accept-Encoding: a legal form has no valid answer: content decoding"),
        (AlwaysZips, "the answer is in gzip, which the request excluded"),
        (OnePacket, "a body in many packets: a legal form has no valid answer: first byte timeout"),
        (DropsOld, "HTTP/1.0: a legal form has no valid answer: closed"),
        (Longer, "a plain request has no valid answer: malformed http"),
        (Shorter, "Connection: close: a legal form has no valid answer: closed"),
    ],
)
def test_a_form_that_is_misread_fails(tmp_path: Path, service: type[Service], reason: str) -> None:
    [verdict] = run_checks(service(), tmp_path, alike)
    assert verdict.status is Status.FAIL, verdict.reason
    assert any(reason in example.summary for example in verdict.counterexamples), verdict.reason


class OffByOne(Service):
    """Answers each request of a connection with the answer to the one before."""

    def talk(self, wire: Wire) -> None:
        before: tuple[str, Any] | None = None
        while True:
            asked = self.read(wire)
            mine = self.answer(asked, wire)
            wire.sock.sendall(self.render(asked, *(before or mine)))
            before = mine


class Backwards(Service):
    """Answers requests that were sent at once in reverse order."""

    def talk(self, wire: Wire) -> None:
        while True:
            batch = [self.read(wire)]
            while wire.buffer:
                batch.append(self.read(wire))
            for asked in reversed(batch):
                wire.sock.sendall(self.render(asked, *self.answer(asked, wire)))


class Sticky(Service):
    """Reads a kept connection's first body again for every request."""

    def content(self, wire: Wire, asked: Asked) -> bytes:
        content = super().content(wire, asked)
        wire.last = wire.last or content
        return wire.last


@pytest.mark.parametrize("service", [OffByOne, Backwards, Sticky])
def test_mixed_up_answers_on_a_connection_fail(tmp_path: Path, service: type[Service]) -> None:
    [verdict] = run_checks(service(), tmp_path, own)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "got the answer to another request" in verdict.reason


class LongerAtTheEnd(Service):
    """States fewer bytes than it sends and closes the connection, so that most clients do not notice."""

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        body = json.dumps(value).encode()
        close = asked.headers.get("connection") == "close"
        return self.frame(status, body + b"\n\n" * close, length=len(body), close=self.closes(asked))


def test_bytes_after_the_last_answer_are_detected(tmp_path: Path) -> None:
    [verdict] = run_checks(LongerAtTheEnd(), tmp_path, alike)
    assert verdict.status is Status.FAIL
    assert "Connection: close" in verdict.reason
    assert "2 bytes or more follow the end of the answer" in verdict.reason


class ForgetsPiped(Service):
    """Discards requests that are sent while it is busy with another."""

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        wire.buffer = b""
        return super().answer(asked, wire)


class ClosesEach(Service):
    def closes(self, asked: Asked) -> bool:
        return True


def test_pipelined_requests_may_be_dropped_but_not_silently(tmp_path: Path) -> None:
    verdicts = run_checks(ForgetsPiped(), tmp_path, own, piped)
    assert [verdict.status for verdict in verdicts] == [Status.PASS, Status.FAIL], verdicts[0].reason
    verdicts = run_checks(ClosesEach(), tmp_path, own, piped)
    assert [verdict.status for verdict in verdicts] == [Status.PASS, Status.INCONCLUSIVE], verdicts[0].reason


def test_answers_that_are_all_the_same_show_no_order(tmp_path: Path) -> None:
    class Constant(Service):
        def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
            return "200 OK", {"sums": [1.0]}

    assert run_checks(Constant(), tmp_path, own)[0].status is Status.INCONCLUSIVE


@pytest.mark.parametrize("status", ["500 Internal Server Error", "429 Too Many Requests"])
def test_a_service_that_answers_nothing_passes_nothing(tmp_path: Path, status: str) -> None:
    class Dead(Service):
        def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
            return status, {"error": "no"}

    for verdict in run_checks(Dead(), tmp_path, alike, accepted, own, piped, harmless, refused, smuggling):
        assert verdict.status is Status.INCONCLUSIVE, verdict.reason


def test_through_a_proxy_nothing_is_planned() -> None:
    declared = [(entry.id, entry.suite, entry.spec) for entry in list_checks("integration")]
    straight = Settings(Endpoint("http://127.0.0.1:1"), ("integration",))
    proxied = Settings(Endpoint("http://127.0.0.1:1", proxy="http://127.0.0.1:2"), ("integration",))
    plans = [
        {check.id.partition("::")[2] for check in build_plan(settings, declared).checks}
        for settings in (straight, proxied)
    ]
    assert {"test_forms_answered_alike", "test_leaving_uses_nothing_up"} <= plans[0] - plans[1]
    assert "test_equals_singles" in plans[1]


class OneAtATime(Service):
    """Serves one connection at a time, so that an open connection blocks all others."""

    def dispatch(self, sock: socket.socket) -> None:
        sock.settimeout(2.0)
        self.serve_connection(sock)

    def closes(self, asked: Asked) -> bool:
        return True


class DiesOfGarbage(Service):
    dead = False

    def talk(self, wire: Wire) -> None:
        wire.more()
        self.dead = self.dead or wire.buffer[0] > 127
        if not self.dead:
            super().talk(wire)


class AnothersData(Service):
    """Answers a request with two lengths with another client's answer."""

    def accept(self, asked: Asked) -> None:
        try:
            super().accept(asked)
        except Bad:
            asked.headers["content-length"] = "9"
            asked.headers["broken"] = "yes"

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        answered = super().answer(asked, wire)
        if "broken" not in asked.headers:
            stored = getattr(self, "kept", {})
            self.kept = {**stored, str(answered[1]): answered[1]}
            return answered
        wire.buffer = b""
        return "200 OK", list(self.kept.values())[1]


class ShowsTraceback(Service):
    def frame(self, status: str, body: bytes, *lines: str, close: bool = False, length: int | None = None) -> bytes:
        if b'"bad"' in body:
            body = b'Traceback (most recent call last):\n  File "/srv/http.py", line 3'
        return super().frame(status, body, *lines, close=close, length=length)


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (OneAtATime, "meanwhile a plain request on another connection fails"),
        (DiesOfGarbage, "garbage: meanwhile a plain request on another connection fails"),
        (AnothersData, "got the answer to another request"),
        (ShowsTraceback, "the answer shows a Python traceback"),
    ],
)
def test_wrong_bytes_that_harm_fail(tmp_path: Path, service: type[Service], reason: str) -> None:
    [verdict] = run_checks(service(), tmp_path, harmless)
    assert verdict.status is Status.FAIL, verdict.reason
    assert any(reason in example.summary for example in verdict.counterexamples), verdict.reason


class TakesAnything(Service):
    """Accepts a missing Host and invalid lengths, as many servers do; reads requests with both lengths by chunks."""

    def accept(self, asked: Asked) -> None:
        if not asked.headers.get("content-length", "0").isdigit():
            raise Bad("400 Bad Request")


class ClosesBehind(TakesAnything):
    """Reads by chunks and then closes the connection (RFC 9112 section 6.1)."""

    def closes(self, asked: Asked) -> bool:
        return super().closes(asked) or (asked.is_chunked and "content-length" in asked.headers)


def test_lenience_is_a_warning(tmp_path: Path) -> None:
    verdicts = run_checks(TakesAnything(), tmp_path, harmless, refused, smuggling)
    assert [verdict.status for verdict in verdicts] == [Status.PASS, Status.FAIL, Status.FAIL], verdicts[0].reason
    assert any("no Host is not refused" in example.summary for example in verdicts[1].counterexamples)
    example = verdicts[2].counterexamples[0]
    script = f"nc() {{ cat; }}\nsleep() {{ :; }}\n{example.curl}\n"
    sent = subprocess.run(["/bin/sh", "-c", script], capture_output=True, timeout=60, check=True).stdout.lower()
    assert sent.count(b" http/1.1\r\n") == 2, "the line writes both requests, byte for byte"
    assert b"transfer-encoding: chunked\r\n" in sent
    assert "not of your code" in find_hint(verdicts[2].reason, example.request, example.response)
    verdicts = run_checks(ClosesBehind(), tmp_path, smuggling)
    assert verdicts[0].status is Status.PASS, verdicts[0].reason
