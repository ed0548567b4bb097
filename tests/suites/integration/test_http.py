"""Services that read or write HTTP wrongly in one way each, and a right one: only the right one passes."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.settings import Settings
from harness.core.verdict import Status
from harness.run.planning import build_plan
from harness.suite import catalogue
from tests.suites.integration.wireservice import Asked, Bad, Service, Wire, judged

http = import_module("harness.suites.integration.test_http")
alike, accepted = http.test_forms_answered_alike, http.test_forms_accepted
own, piped = http.test_one_connection, http.test_pipelined
harmless, refused, smuggling = http.test_wrong_bytes_harm_nobody, http.test_wrong_bytes_refused, http.test_smuggling


def test_a_right_service_passes(tmp_path: Path) -> None:
    for verdict in judged(Service(), tmp_path, alike, accepted, own, piped, harmless, refused, smuggling):
        assert verdict.status is Status.PASS, verdict.reason


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


def test_an_empty_line_need_not_be_read_over(tmp_path: Path) -> None:
    for found in judged(NoEmptyLine(), tmp_path, alike, accepted):
        assert found.status is Status.PASS, found.reason


class Silent(Service):
    """Waits for ever after an empty line before a request, as Triton 2.51 does."""

    def read(self, wire: Wire) -> Asked:
        if not wire.buffer:
            wire.more()
        while wire.buffer.startswith(b"\r\n"):
            wire.more()
        return super().read(wire)


def test_silence_over_an_empty_line_is_a_warning(tmp_path: Path) -> None:
    alike_, accepted_ = judged(Silent(), tmp_path, alike, accepted)
    assert alike_.status is Status.PASS, alike_.reason
    assert accepted_.status is Status.FAIL
    assert "an empty line before the request: neither answered nor refused" in accepted_.reason


class NoChunks(Service):
    def content(self, wire: Wire, asked: Asked) -> bytes:
        if asked.chunked:
            raise Bad("411 Length Required")
        return super().content(wire, asked)


class NoExpectation(Service):
    def accept(self, asked: Asked) -> None:
        super().accept(asked)
        if "expect" in asked.headers:
            raise Bad("417 Expectation Failed")


@pytest.mark.parametrize("service", [FussyType, NoChunks, NoExpectation])
def test_a_legal_form_that_is_refused_is_a_warning(tmp_path: Path, service: type[Service]) -> None:
    found = judged(service(), tmp_path, alike, accepted)
    assert [each.status for each in found] == [Status.PASS, Status.FAIL], found[0].reason
    assert len(found[1].counterexamples) == 1


class ChunksUnread(Service):
    """Takes the last body it has seen for one that comes in chunks."""

    last = b""

    def content(self, wire: Wire, asked: Asked) -> bytes:
        if asked.chunked:
            super().content(wire, asked)
            return ChunksUnread.last
        found = super().content(wire, asked)
        ChunksUnread.last = b'{"instances": [[9, 9, 9]]}'
        return found


class ZipUnread(Service):
    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        if asked.headers.get("content-encoding") == "gzip":
            return "200 OK", {"sums": [0.0]}
        return super().answer(asked, wire)


class ZipLie(Service):
    """Says gzip and sends what is none, whether it was asked for or not."""

    asked_for = "gzip"

    def rendered(self, asked: Asked, status: str, value: Any) -> bytes:
        if asked.headers.get("accept-encoding", "") == self.asked_for:
            return self.framed(status, json.dumps(value).encode(), "content-encoding: gzip")
        return super().rendered(asked, status, value)


class ZipLieUnasked(ZipLie):
    asked_for = ""


class AlwaysZips(Service):
    def rendered(self, asked: Asked, status: str, value: Any) -> bytes:
        return self.framed(status, gzip.compress(json.dumps(value).encode()), "content-encoding: gzip")


class OnePacket(Service):
    """Takes for the whole body what came in one piece with the head's end or right after it."""

    def content(self, wire: Wire, asked: Asked) -> bytes:
        if not asked.chunked and not wire.buffer:
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

    def rendered(self, asked: Asked, status: str, value: Any) -> bytes:
        body = json.dumps(value).encode()
        return self.framed(status, body + b"\n\n", length=len(body), close=self.closes(asked))


class Shorter(Service):
    """States more bytes than it sends."""

    def rendered(self, asked: Asked, status: str, value: Any) -> bytes:
        body = json.dumps(value).encode()
        close = asked.headers.get("connection") == "close"
        return self.framed(status, body, length=len(body) + 2 * close, close=self.closes(asked))


@pytest.mark.parametrize(
    ("service", "said"),
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
def test_a_form_that_is_misread_fails(tmp_path: Path, service: type[Service], said: str) -> None:
    [found] = judged(service(), tmp_path, alike)
    assert found.status is Status.FAIL, found.reason
    assert any(said in each.summary for each in found.counterexamples), [e.summary for e in found.counterexamples]


class OffByOne(Service):
    """Answers each request of a connection with the answer to the one before."""

    def talk(self, wire: Wire) -> None:
        before: tuple[str, Any] | None = None
        while True:
            asked = self.read(wire)
            mine = self.answer(asked, wire)
            wire.sock.sendall(self.rendered(asked, *(before or mine)))
            before = mine


class Backwards(Service):
    """Answers what was sent at once in reverse order."""

    def talk(self, wire: Wire) -> None:
        while True:
            batch = [self.read(wire)]
            while wire.buffer:
                batch.append(self.read(wire))
            for asked in reversed(batch):
                wire.sock.sendall(self.rendered(asked, *self.answer(asked, wire)))


class Sticky(Service):
    """Reads a kept connection's first body again for every request."""

    def content(self, wire: Wire, asked: Asked) -> bytes:
        found = super().content(wire, asked)
        wire.last = wire.last or found
        return wire.last


@pytest.mark.parametrize("service", [OffByOne, Backwards, Sticky])
def test_mixed_up_answers_on_a_connection_fail(tmp_path: Path, service: type[Service]) -> None:
    [found] = judged(service(), tmp_path, own)
    assert found.status is Status.FAIL, found.reason
    assert "got the answer to another request" in found.reason


class LongerAtTheEnd(Service):
    """States fewer bytes than it sends, and ends the connection, so that most clients never see it."""

    def rendered(self, asked: Asked, status: str, value: Any) -> bytes:
        body = json.dumps(value).encode()
        close = asked.headers.get("connection") == "close"
        return self.framed(status, body + b"\n\n" * close, length=len(body), close=self.closes(asked))


def test_bytes_behind_the_last_answer_are_seen(tmp_path: Path) -> None:
    [found] = judged(LongerAtTheEnd(), tmp_path, alike)
    assert found.status is Status.FAIL
    assert "Connection: close" in found.reason
    assert "2 bytes or more follow the end of the answer" in found.reason


class ForgetsPiped(Service):
    """Throws away what was sent behind the request that it is busy with."""

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        wire.buffer = b""
        return super().answer(asked, wire)


class ClosesEach(Service):
    def closes(self, asked: Asked) -> bool:
        return True


def test_what_was_sent_behind_may_be_dropped_but_not_silently(tmp_path: Path) -> None:
    found = judged(ForgetsPiped(), tmp_path, own, piped)
    assert [each.status for each in found] == [Status.PASS, Status.FAIL], found[0].reason
    found = judged(ClosesEach(), tmp_path, own, piped)
    assert [each.status for each in found] == [Status.PASS, Status.INCONCLUSIVE], found[0].reason


def test_answers_that_are_all_the_same_show_no_order(tmp_path: Path) -> None:
    class Constant(Service):
        def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
            return "200 OK", {"sums": [1.0]}

    assert judged(Constant(), tmp_path, own)[0].status is Status.INCONCLUSIVE


@pytest.mark.parametrize("status", ["500 Internal Server Error", "429 Too Many Requests"])
def test_a_service_that_answers_nothing_passes_nothing(tmp_path: Path, status: str) -> None:
    class Dead(Service):
        def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
            return status, {"error": "no"}

    for found in judged(Dead(), tmp_path, alike, accepted, own, piped, harmless, refused, smuggling):
        assert found.status is Status.INCONCLUSIVE, found.reason


def test_through_a_proxy_nothing_is_planned() -> None:
    declared = [(each.id, each.suite, each.spec) for each in catalogue("integration")]
    straight = Settings(Endpoint("http://127.0.0.1:1"), ("integration",))
    proxied = Settings(Endpoint("http://127.0.0.1:1", proxy="http://127.0.0.1:2"), ("integration",))
    plans = [
        {check.id.partition("::")[2] for check in build_plan(each, declared).checks} for each in (straight, proxied)
    ]
    assert {"test_forms_answered_alike", "test_leaving_uses_nothing_up"} <= plans[0] - plans[1]
    assert "test_equals_singles" in plans[1]


class OneAtATime(Service):
    """Serves one connection after another: who holds one holds all."""

    def dispatch(self, sock: socket.socket) -> None:
        sock.settimeout(2.0)
        self.connected(sock)

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
    """Answers a request with two lengths with somebody else's answer."""

    def accept(self, asked: Asked) -> None:
        try:
            super().accept(asked)
        except Bad:
            asked.headers["content-length"] = "9"
            asked.headers["broken"] = "yes"

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        found = super().answer(asked, wire)
        if "broken" not in asked.headers:
            kept = getattr(self, "kept", {})
            self.kept = {**kept, str(found[1]): found[1]}
            return found
        wire.buffer = b""
        return "200 OK", list(self.kept.values())[1]


class ShowsTraceback(Service):
    def framed(self, status: str, body: bytes, *lines: str, close: bool = False, length: int | None = None) -> bytes:
        if b'"bad"' in body:
            body = b'Traceback (most recent call last):\n  File "/srv/http.py", line 3'
        return super().framed(status, body, *lines, close=close, length=length)


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (OneAtATime, "meanwhile a plain request on another connection fails"),
        (DiesOfGarbage, "garbage: meanwhile a plain request on another connection fails"),
        (AnothersData, "got the answer to another request"),
        (ShowsTraceback, "the answer shows a Python traceback"),
    ],
)
def test_wrong_bytes_that_harm_fail(tmp_path: Path, service: type[Service], said: str) -> None:
    [found] = judged(service(), tmp_path, harmless)
    assert found.status is Status.FAIL, found.reason
    assert any(said in each.summary for each in found.counterexamples), found.reason


class TakesAnything(Service):
    """Reads whatever comes, as many servers do: no Host, no proper length; and both lengths by the chunks."""

    def accept(self, asked: Asked) -> None:
        if not asked.headers.get("content-length", "0").isdigit():
            raise Bad("400 Bad Request")


class ClosesBehind(TakesAnything):
    """RFC 9112 section 6.1: by the chunks, and then the end of the connection."""

    def closes(self, asked: Asked) -> bool:
        return super().closes(asked) or (asked.chunked and "content-length" in asked.headers)


def test_lenience_is_a_warning(tmp_path: Path) -> None:
    found = judged(TakesAnything(), tmp_path, harmless, refused, smuggling)
    assert [each.status for each in found] == [Status.PASS, Status.FAIL, Status.FAIL], found[0].reason
    assert any("no Host is not refused" in each.summary for each in found[1].counterexamples)
    found = judged(ClosesBehind(), tmp_path, smuggling)
    assert found[0].status is Status.PASS, found[0].reason
