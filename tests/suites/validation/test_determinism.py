"""Services that answer an input in two ways, and healthy twins that only look odd."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.answers.determinism import AskedInput, judge_determinism
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer as Decoded
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.settings import Promises
from harness.core.verdict import Counterexample, Status, Verdict
from tests.suites.integration.manners import Sent, run_check

suite = import_module("harness.suites.validation.test_determinism")
SAMPLE = [[0.25, 0.5, 0.75, 1.0]]


class Model:
    """A service that answers with a function of (what is asked, requests in flight, how often it was asked before)."""

    def __init__(self, choose: Callable[[int, int, int], Any], slowness: float = 0.0) -> None:
        self.choose, self.slowness, self.asked = choose, slowness, Counter[str]()
        self.in_flight, self.lock = 0, threading.Lock()

    def __call__(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        key = body["messages"][-1]["content"] if "messages" in body else str(body["instances"])
        with self.lock:
            self.in_flight += 1
            before = self.asked[key]
            self.asked[key] += 1
        time.sleep(self.slowness)
        with self.lock:
            chosen = self.choose(len(key.split()), self.in_flight, before)
            self.in_flight -= 1
        if isinstance(chosen, tuple):
            return chosen[0], {}, chosen[1]
        digest = hashlib.sha256(f"{key}{chosen}".encode()).hexdigest()
        if "messages" in body:
            message = {"role": "assistant", "content": f"The same words begin every answer. {digest}"}
            usage = {"prompt_tokens": 3, "completion_tokens": 3}
            return 200, {}, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        return 200, {}, {"probabilities": [[int(digest[:6], 16) / 2**24, 0.5]]}


def judge(model: Model, folder: Path, *, chat: bool, promised: bool, test: Any = None) -> Verdict:
    protocol, sample = ("openai_chat", None) if chat else ("plain_json", SAMPLE)
    promises = Promises(deterministic=promised)
    test = test or suite.test_one_answer
    verdict: Verdict = run_check(model, test, folder, protocol=protocol, sample=sample, promises=promises)
    return verdict


def healthy(words: int, in_flight: int, before: int) -> int:
    return 0


def long_beside_another(words: int, in_flight: int, before: int) -> int:
    """Right up to 200 words, and alone; else one answer in four is another text."""
    return int(words > 200 and in_flight > 1 and before % 4 == 3)


def very_long_beside_another(words: int, in_flight: int, before: int) -> int:
    return int(words > 480 and in_flight > 1)


def three_in_flight(words: int, in_flight: int, before: int) -> int:
    return int(in_flight > 2)


def cold(words: int, in_flight: int, before: int) -> int:
    return int(before == 0)


def dropout(words: int, in_flight: int, before: int) -> int:
    return before


@pytest.mark.parametrize(("chat", "promised"), [(True, True), (False, False)])
def test_a_healthy_service_passes(tmp_path: Path, chat: bool, promised: bool) -> None:
    verdict = judge(Model(healthy), tmp_path, chat=chat, promised=promised)
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.n == 8
    assert "4 x prompt of 220 words and 4 x prompt of 500 words" in verdict.reason or not chat


@pytest.mark.parametrize(
    ("choose", "chat", "words"),
    [
        (long_beside_another, True, "prompt of 220 words has another answer with 2 requests in flight"),
        (very_long_beside_another, True, "prompt of 500 words has another answer with 2 requests in flight"),
        (three_in_flight, True, "with 4 requests in flight"),
        (three_in_flight, False, "a row has another answer with 4 requests in flight"),
        (cold, True, "has another answer asked for the first time (cold)"),
        (cold, False, "a row has another answer asked for the first time (cold)"),
    ],
)
def test_another_answer_on_an_occasion_fails_by_name(tmp_path: Path, choose: Any, chat: bool, words: str) -> None:
    """Without the promise, two equal answers to an input alone are the control that lets the others be judged."""
    verdict = judge(Model(choose, slowness=0.02), tmp_path, chat=chat, promised=False)
    assert verdict.status is Status.FAIL, verdict.reason
    assert any(words in example.summary for example in verdict.counterexamples), verdict.reason
    assert any(note.startswith("answers that differ: ") for note in verdict.notes)
    if chat:
        assert "differs from character" in verdict.reason


@pytest.mark.parametrize(
    "sample",
    [
        [["I like this film"]],
        ["I like this film"],
        {"text": "I like this film", "language": "en", "stars": 3},
        [{"text": "I like this film", "language": "en"}],
    ],
)
@pytest.mark.parametrize("choose", [healthy, long_beside_another])
def test_texts_in_rows_are_made_long(tmp_path: Path, sample: Any, choose: Any) -> None:
    promises, model = Promises(deterministic=True), Model(choose, slowness=0.02)
    verdict = run_check(model, suite.test_one_answer, tmp_path, protocol="plain_json", sample=sample, promises=promises)
    if choose is healthy:
        assert verdict.status is Status.PASS, verdict.reason
        assert "2 x row and 3 x text of 220 words and 3 x text of 500 words" in verdict.reason
    else:
        assert verdict.status is Status.FAIL, verdict.reason
        assert re.search("a text of (220|500) words has another answer with 2 requests in flight", verdict.reason)


@pytest.mark.parametrize(("promised", "status"), [(True, Status.FAIL), (False, Status.INCONCLUSIVE)])
@pytest.mark.parametrize("chat", [True, False])
def test_dropout_that_was_left_on_fails_where_determinism_is_promised(
    tmp_path: Path, chat: bool, promised: bool, status: Status
) -> None:
    verdict = judge(Model(dropout), tmp_path, chat=chat, promised=promised)
    assert verdict.status is status, verdict.reason
    assert "asked alone" in verdict.reason


def test_a_prompt_that_is_longer_than_the_context_is_refused_and_not_judged(tmp_path: Path) -> None:
    def choose(words: int, in_flight: int, before: int) -> Any:
        return (400, {"error": {"message": "too long", "type": "x"}}) if words > 480 else 0

    verdict = judge(Model(choose), tmp_path, chat=True, promised=True)
    assert verdict.status is Status.PASS, verdict.reason
    assert (verdict.n, verdict.notes[-1]) == (4, "every prompt of 500 words is refused")


def test_a_service_that_refuses_all_is_not_judged(tmp_path: Path) -> None:
    verdict = judge(Model(lambda *_: (400, {"error": "no"})), tmp_path, chat=False, promised=True)
    assert (verdict.status, verdict.n) == (Status.INCONCLUSIVE, 0)
    assert "every row is refused" in verdict.reason


@pytest.mark.parametrize(("stray", "status"), [(2, Status.FAIL), (0, Status.PASS)])
def test_two_kinds_of_answers_that_alternate_are_two_versions(tmp_path: Path, stray: int, status: Status) -> None:
    def choose(words: int, in_flight: int, before: int) -> int:
        return int(bool(stray) and before % 4 == stray)

    verdict = judge(Model(choose), tmp_path, chat=False, promised=False, test=suite.test_one_model)
    assert verdict.status is status, verdict.reason
    if stray:
        assert "as if of another version" in verdict.reason


def test_texts_that_may_vary_show_no_version(tmp_path: Path) -> None:
    verdict = judge(Model(dropout), tmp_path, chat=True, promised=False, test=suite.test_one_model)
    assert verdict.status is Status.INCONCLUSIVE
    assert "not promised" in verdict.reason


def make_exchange(content: Any, error: ErrorClass | None = None, status: int = 200) -> Exchange:
    answer = None if error else Decoded(text=content)
    return Exchange(Request("POST", "/p"), Timing(0.0), Response(status), answer, error=error)


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        (make_exchange("a"), Status.PASS),
        (make_exchange("b"), Status.FAIL),
        (make_exchange("", ErrorClass.STATUS, 500), Status.FAIL),
        (make_exchange("", ErrorClass.STATUS, 503), Status.INCONCLUSIVE),
        (make_exchange("", ErrorClass.STATUS, 429), Status.INCONCLUSIVE),
        (make_exchange("", ErrorClass.FIRST_BYTE_TIMEOUT), Status.INCONCLUSIVE),
        (make_exchange("", ErrorClass.CONNECT), Status.ERROR),
    ],
)
def test_failures_beside_others_count_and_declines_do_not(beside: Exchange, status: Status) -> None:
    right = make_exchange("a")
    asked = AskedInput("row", right, right, right, {2: [right, beside]})
    verdict = judge_determinism([asked], lambda summary, _: Counterexample(summary), is_promised=True)
    assert verdict.status is status, verdict.reason


def test_nothing_asked_is_no_pass() -> None:
    verdict = judge_determinism([], lambda summary, _: Counterexample(summary), is_promised=True)
    assert verdict.status is Status.INCONCLUSIVE
    empty = make_exchange(None)
    asked = AskedInput("row", empty, empty, empty, {})
    verdict = judge_determinism([asked], lambda summary, _: Counterexample(summary), is_promised=True)
    assert verdict.status is Status.INCONCLUSIVE
