"""A kept connection that the service ends, as it may at any time, is no answer: what the checks ask is asked again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.settings import Settings
from harness.run.session import Session
from tests.services import QUICK, asking


class _Ending(BaseHTTPRequestHandler):
    """Answers the first request of every connection, and ends it at the second without a word."""

    protocol_version = "HTTP/1.1"
    before = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.before:
            self.close_connection = True
            return
        self.before = True
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "19")
        self.end_headers()
        self.wfile.write(b'{"predictions":[1]}')

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Ending) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        endpoint = Endpoint(url, "plain_json", sample=[[1.0]], deadlines=QUICK)
        with asking(Settings(endpoint, ("integration",)), tmp_path) as opened_session:
            yield opened_session
        server.shutdown()
        thread.join(5)


def test_a_request_as_it_is_is_sent_again_over_a_new_connection(session: Session) -> None:
    assert [session.send(session.request()).status for _ in range(3)] == [200, 200, 200]
    assert session.sent_requests == 5


def test_an_inference_is_asked_again_unless_its_failure_counts(session: Session) -> None:
    assert session.ask().ok
    assert session.ask(again=False).error is ErrorClass.CLOSED
    assert session.ask().ok
    assert session.ask().ok
    assert session.sent_requests == 5


def test_so_are_those_asked_side_by_side(session: Session) -> None:
    assert all(exchange.ok for exchange in session.ask_many([session.sample()] * 2, concurrency=1))
    assert session.sent_requests == 3
