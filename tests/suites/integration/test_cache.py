"""Services whose cache takes one request for another: each is caught, and none without a cache is blamed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.verdict import Status, Verdict
from tests.suites.integration.manners import Answer, Sent, judged
from tests.suites.integration.test_embeddings import made

suite = import_module("harness.suites.integration.test_cache")
WEIGHTS = np.random.default_rng(1).normal(0, 0.2, (12, 4))
SAMPLE = [[0.5 * each for each in range(12)]]


def digits(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    """Probabilities of a linear model of twelve numbers."""
    logits = (np.asarray(body["instances"], dtype=float) - 2.75) @ WEIGHTS
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return 200, {}, {"probabilities": (chances / chances.sum(axis=1, keepdims=True)).tolist()}


def labels(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    _, _, value = digits(path, headers, body)
    return 200, {}, {"predictions": np.argmax(value["probabilities"], axis=1).tolist()}


def chat(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    """Repeats what it is asked to, in words of one token each; `text/event-stream` on demand."""
    if body["model"] != "m":
        return 404, {}, {"error": {"message": "no such model"}}
    words = body["messages"][-1]["content"].partition("Repeat after me: ")[2].split(" ")
    left = words[: body["max_tokens"]] if body["max_tokens"] > 1 else [words[0][:3]]
    whole = left == words
    text, reason = " ".join(left), "stop" if whole else "length"
    if body.get("stream"):
        chunks = [{"delta": {"content": text}, "index": 0}, {"delta": {}, "index": 0, "finish_reason": reason}]
        lines = [f"data: {json.dumps({'choices': [chunk]})}\n\n" for chunk in chunks]
        return 200, {"content-type": "text/event-stream"}, "".join([*lines, "data: [DONE]\n\n"])
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return 200, {}, {"choices": [choice], "model": "m"}


def texts(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    return made(body) if body["model"] == "m" else (404, {}, {"error": {"message": "no such model"}})


def cached(answer: Answer, key: Callable[[str, Mapping[str, str], Any], Any]) -> Answer:
    """What was answered once under a key is answered again."""
    kept: dict[str, Sent] = {}
    lock = threading.Lock()

    def ask(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        mark = json.dumps(key(path, headers, body))
        with lock:
            if mark not in kept:
                found = answer(path, headers, body)
                if found[0] != 200:
                    return found
                kept[mark] = found
            return kept[mark]

    return ask


def verdict_of(answer: Answer, test: Any, folder: Path, **more: Any) -> Verdict:
    protocol = {suite.test_rows: "plain_json", suite.test_prompts: "openai_chat", suite.test_texts: "openai_embeddings"}
    sample = SAMPLE if test is suite.test_rows else None
    return judged(answer, test, folder, protocol=protocol.get(test, "openai_chat"), sample=sample, **more)


RIGHT = [(digits, suite.test_rows), (labels, suite.test_rows), (chat, suite.test_prompts), (texts, suite.test_texts)]


@pytest.mark.parametrize(("answer", "test"), RIGHT, ids=lambda each: each.__name__)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_right_service_passes_with_a_cache_or_without(tmp_path: Path, answer: Answer, test: Any, seed: int) -> None:
    for right in (answer, cached(answer, lambda path, headers, body: [path, body])):
        verdict = verdict_of(right, test, tmp_path, seed=seed)
        assert verdict.status is Status.PASS, verdict.reason
        assert verdict.n
        assert "fits neither" not in " ".join(verdict.notes)


def rest(body: Any, *names: str) -> Any:
    return {name: value for name, value in body.items() if name not in names}


def said(body: Any) -> str:
    return str(body["messages"][-1]["content"])


ROW_KEYS = {
    "its last number": lambda path, headers, body: [row[:-1] for row in body["instances"]],
    "its first number": lambda path, headers, body: [row[1:] for row in body["instances"]],
    "a number in its middle": lambda path, headers, body: [[*row[:6], *row[7:]] for row in body["instances"]],
    "the order of its rows": lambda path, headers, body: sorted(body["instances"]),
}
PROMPT_KEYS = {
    "the last character of its prompt": lambda path, headers, body: [rest(body, "messages"), said(body)[:-1]],
    "a character in its middle": lambda path, headers, body: [
        rest(body, "messages"),
        said(body)[:10],
        said(body)[-30:],
    ],
    "the case of its letters": lambda path, headers, body: [rest(body, "messages"), said(body).lower()],
    "a blank": lambda path, headers, body: [rest(body, "messages"), said(body).replace(" ", "")],
    "max_tokens": lambda path, headers, body: rest(body, "max_tokens"),
    "stream": lambda path, headers, body: rest(body, "stream", "stream_options"),
    "the model's name": lambda path, headers, body: rest(body, "model"),
}
TEXT_KEYS = {
    "its last word": lambda path, headers, body: [body["model"], str(body["input"])[:60]],
    "a word in its middle": lambda path, headers, body: [body["model"], str(body["input"])[-25:]],
    "the order of its texts": lambda path, headers, body: [body["model"], sorted(body["input"])],
    "the model's name": lambda path, headers, body: body["input"],
}


@pytest.mark.parametrize(
    ("answer", "test", "name", "key"),
    [
        *((digits, suite.test_rows, *each) for each in ROW_KEYS.items()),
        *((chat, suite.test_prompts, *each) for each in PROMPT_KEYS.items()),
        *((texts, suite.test_texts, *each) for each in TEXT_KEYS.items()),
    ],
)
def test_a_key_that_leaves_out_one_thing_fails(tmp_path: Path, answer: Answer, test: Any, name: str, key: Any) -> None:
    verdict = verdict_of(cached(answer, key), test, tmp_path)
    assert verdict.status is Status.FAIL, (verdict.reason, verdict.notes)
    assert any(f"differs from it only in {name}" in each.summary for each in verdict.counterexamples), verdict.reason


def test_labels_show_a_key_that_is_too_short(tmp_path: Path) -> None:
    """Labels seldom change with one number: the one that changes them is searched for."""
    short = cached(labels, lambda path, headers, body: [row[:1] for row in body["instances"]])
    verdict = verdict_of(short, suite.test_rows, tmp_path)
    assert verdict.status is Status.FAIL, (verdict.reason, verdict.notes)


def test_what_shows_nothing_is_no_pass(tmp_path: Path) -> None:
    def constant(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return 200, {}, {"sums": [1.0] * len(body["instances"])}

    verdict = verdict_of(constant, suite.test_rows, tmp_path)
    assert verdict.status is Status.INCONCLUSIVE
    assert "their answers do not differ" in verdict.reason

    def mumbling(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        choice = {"index": 0, "message": {"content": "Hello!"}, "finish_reason": "stop"}
        return 200, {}, {"choices": [choice]}

    assert verdict_of(mumbling, suite.test_prompts, tmp_path).status is Status.INCONCLUSIVE


def test_a_busy_service_is_no_pass(tmp_path: Path) -> None:
    asked = iter(range(10**6))

    def busy(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return digits(path, headers, body) if next(asked) % 3 else (429, {}, {"error": "busy"})

    assert verdict_of(busy, suite.test_rows, tmp_path).status is Status.INCONCLUSIVE


def guarded(answer: Answer) -> Answer:
    def ask(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        known = headers.get("authorization") == "Bearer the-right-key"
        return answer(path, headers, body) if known else (401, {}, {"error": {"message": "no"}})

    return ask


def test_credentials(tmp_path: Path) -> None:
    key = {"key": "the-right-key"}
    ask = suite.test_credentials
    by_body = lambda path, headers, body: body  # noqa: E731
    assert verdict_of(guarded(cached(chat, by_body)), ask, tmp_path, **key).status is Status.PASS
    leaking = verdict_of(cached(guarded(chat), by_body), ask, tmp_path, **key)
    assert leaking.status is Status.FAIL
    assert "answered for another caller is answered with a wrong credential too: status 200" in leaking.reason
    open_to_all = verdict_of(chat, ask, tmp_path, **key)
    assert open_to_all.status is Status.INCONCLUSIVE
    assert "is not refused" in open_to_all.reason
