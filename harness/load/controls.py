"""Controls: requests of a load whose right answer is known. Which ones they are, and what shows that one is wrong.

One of a few requests is a control: the sample and others that were asked before the load, in turn with requests that
ask for a code of their own to be repeated. Pure. Tested in tests/load/test_controls.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from harness.checks.comparison import compare_contents
from harness.core.exchange import Answer, Exchange
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.load.forms import CODES, find_number, make_digits
from harness.run.oracle import read_rows

_WANTED_CONTROLS, _MOST_OFTEN, _LEAST_OFTEN = 50, 3, 10
"""How many controls are wanted in a load; at most and at least one in so many requests is one."""


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What is known of the right answer to one control, as in `KnownRequest`; `code` is what it must repeat."""

    name: str
    content: Any = None
    label: str | None = None
    code: str = ""


def count_control_step(load: LoadSettings) -> int:
    """Of so many requests one is a control, where an answer is known."""
    return max(_MOST_OFTEN, min(_LEAST_OFTEN, load.requests // _WANTED_CONTROLS))


class Controls:
    """The controls among the requests of a job, the same ones in every process."""

    def __init__(self, job: Job) -> None:
        self._seed, self._count = job.seed, job.load.requests
        self._answers = []
        if job.reference is not None:
            self._answers.append(KnownAnswer("the sample", job.reference))
        for known in job.known:
            self._answers.append(KnownAnswer(known.name, known.content, known.label))
        self._kinds = len(self._answers) + (job.echo is not None)
        self.step = count_control_step(job.load) if job.has_controls else 0
        self._is_each = not self.step and bool(self._answers) and not job.load.has_sessions

    def find_kind(self, k: int) -> int | None:
        """Which control request `k` is: 0 the first known request, and after the last of them the echo; or None."""
        if self._is_each:
            return 0
        if not self.step or k % self.step != self.step - 1:
            return None
        return k // self.step % self._kinds

    def find_answer(self, k: int) -> KnownAnswer | None:
        """What is known of the answer to request `k`; None where nothing is."""
        kind = self.find_kind(k)
        if kind is None:
            return None
        if kind < len(self._answers):
            return self._answers[kind]
        return KnownAnswer("a code to repeat", code=make_digits(self._seed, k))

    def find_wrong_answer(self, known: KnownAnswer, exchange: Exchange) -> str:
        """How a successful answer differs from the known one; empty if it does not, or cannot be said.

        An answer that the limit of tokens has cut is compared as far as it goes.
        """
        answer = exchange.answer
        if answer is None:
            return ""
        if known.code:
            return self._find_foreign_code(known.code, answer)
        if known.label is not None:
            rows = read_rows(answer, 1)
            label = None if rows is None else str(rows[0].label).strip()
            return "" if label == known.label else f"{known.name} is labelled {known.label!r}, answered {label!r}"
        if known.content is None or exchange.content == known.content or _is_cut_short(known.content, answer):
            return ""
        difference = compare_contents(known.content, exchange.content)
        return f"it differs from the answer without load: {difference}" if difference else ""

    def _find_foreign_code(self, own: str, answer: Answer) -> str:
        """The code of another request of this load in the answer."""
        for code in CODES.findall(show_content(answer)):
            if code != own and self._is_sent(find_number(self._seed, code)):
                return f"asked to repeat {own}, it holds {code}, the code of another request of this load"
        return ""

    def _is_sent(self, k: int) -> bool:
        return k < self._count and self.find_kind(k) == len(self._answers)


def is_echo_lost(known: KnownAnswer, exchange: Exchange) -> bool:
    """Whether a whole answer does not hold the code that it was asked to repeat: a loss, or a model's failure."""
    answer = exchange.answer
    return answer is not None and answer.finish_reason != "length" and known.code not in show_content(answer)


def show_content(answer: Answer) -> str:
    """What an answer holds, as one text."""
    return answer.text if answer.text is not None else json.dumps(answer.outputs, default=str)


def _is_cut_short(content: Any, answer: Answer) -> bool:
    """Whether the limit of tokens ended the answer while it was still as it should be."""
    return answer.finish_reason == "length" and isinstance(content, str) and content.startswith(answer.text or "")
