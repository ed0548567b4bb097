"""Services that answer in one piece: bad requests side by side with their long answers are judged, too."""

from __future__ import annotations

import json
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.core.endpoint import Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status, Verdict
from tests.services import QUICK, asking
from tests.suites.integration.test_unicode import Echo
from tests.suites.integration.wireservice import Asked, Wire, serve_wire

beside = import_module("harness.suites.integration.test_bad_beside").test_bad_requests_break_no_answer
_PARAMETERS = {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}


class OnePiece(Echo):
    """Sends each stream in one event, after a moment; `breaks`: a bad request makes those under way fail."""

    def __init__(self, *, breaks: bool) -> None:
        super().__init__()
        self.breaks, self.under_way = breaks, list[threading.Event]()

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        body = json.loads(asked.body)
        limit, temperature = body.get("max_tokens", 1), body.get("temperature", 0)
        is_bad = not body.keys() <= _PARAMETERS or not (isinstance(limit, int) and limit > 0)
        if is_bad or not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
            for spoilt in self.under_way:
                spoilt.set()
            return "400 Bad Request", {"error": {"message": "a bad parameter"}}
        if body.get("stream") and self._is_spoilt():
            return "500 Internal Server Error", {"error": {"message": "the batch"}}
        return super().answer(asked, wire)

    def _is_spoilt(self) -> bool:
        """Whether a bad request comes within a moment."""
        spoilt = threading.Event()
        self.under_way.append(spoilt)
        return spoilt.wait(0.5) and self.breaks

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        if not (status.startswith("200") and json.loads(asked.body).get("stream")):
            return super().render(asked, status, value)
        text, usage = value
        events = [
            {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
        ]
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return self.frame(status, data.encode()).replace(b"application/json", b"text/event-stream")


def judge(folder: Path, *, breaks: bool) -> Verdict:
    with serve_wire(OnePiece(breaks=breaks)) as url:
        endpoint = Endpoint(url, "openai_chat", model="m", deadlines=QUICK)
        settings = Settings(endpoint, ("integration",), promises=Promises(deterministic=True))
        with asking(settings, folder) as session:
            session.begin_check()
            verdict: Verdict = beside(session)
            assert session.sent_requests <= beside.__aicheck__.requests
            return verdict


def test_answers_in_one_piece_are_judged_side_by_side(tmp_path: Path) -> None:
    verdict = judge(tmp_path, breaks=False)
    assert verdict.status is Status.PASS, verdict.reason
    assert "bad requests disturb none of the answers" in verdict.reason


def test_answers_in_one_piece_that_a_bad_request_breaks_fail(tmp_path: Path) -> None:
    verdict = judge(tmp_path, breaks=True)
    assert verdict.status is Status.FAIL, verdict.reason
    assert "answers that were under way: HTTP 500" in verdict.reason
