"""stale_answer: the answer to an earlier, different request to the same path, as from a cache that mistakes its key."""

from __future__ import annotations

from harness.core.http_request import HttpParameters
from harness.faults._answer_change import AnswerChange
from harness.faults._http_stage import define_http_fault

_MOST_PATHS, _MOST_ANSWERS = 16, 2
"""Paths whose answers are remembered, and answers to different requests for each; two are enough to have another."""


class _StaleAnswer(AnswerChange[HttpParameters]):
    needs_request_body = True
    remembers = True

    def replace_answer(self) -> bytes | None:
        """The last answer to a request with another body."""
        request = self.struck.request
        answers: dict[bytes | None, bytes] = self.struck.memory.get(request.target, {})
        others = [answer for body, answer in answers.items() if body != request.read_body()]
        return others[-1] if others else None

    def remember(self, answer: bytes) -> None:
        """Keep a success."""
        if not 200 <= self.struck.status < 300:
            return
        request, memory = self.struck.request, self.struck.memory
        answers = memory.setdefault(request.target, {})
        answers.pop(request.read_body(), None)
        answers[request.read_body()] = answer
        for overfull, most in ((answers, _MOST_ANSWERS), (memory, _MOST_PATHS)):
            while len(overfull) > most:
                del overfull[next(iter(overfull))]


FAULT = define_http_fault(
    "stale_answer", "the answer to an earlier, different request to the same path", HttpParameters(), _StaleAnswer
)
