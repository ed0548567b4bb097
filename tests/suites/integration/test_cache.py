"""Services whose cache confuses two requests fail; services without a cache pass."""

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
from tests.suites.integration.manners import Answer, Sent, run_check
from tests.suites.integration.test_embeddings import make_answer

suite = import_module("harness.suites.integration.test_cache")
WEIGHTS = np.random.default_rng(1).normal(0, 0.2, (12, 4))
SAMPLE = [[0.5 * index for index in range(12)]]


def digits(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    """Probabilities of a linear model of twelve numbers."""
    logits = (np.asarray(body["instances"], dtype=float) - 2.75) @ WEIGHTS
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return 200, {}, {"probabilities": (chances / chances.sum(axis=1, keepdims=True)).tolist()}


def labels(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    _, _, value = digits(path, headers, body)
    return 200, {}, {"predictions": np.argmax(value["probabilities"], axis=1).tolist()}


def chat(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    """Repeats the text after "Repeat after me:", one word a token; as `text/event-stream` on demand."""
    if body["model"] != "m":
        return 404, {}, {"error": {"message": "no such model"}}
    words = body["messages"][-1]["content"].partition("Repeat after me: ")[2].split(" ")
    left = words[: body["max_tokens"]] if body["max_tokens"] > 1 else [words[0][:3]]
    whole = left == words
    text, reason = " ".join(left), "stop" if whole else "length"
    for stop in body.get("stop") or ():
        text = text.partition(stop)[0]
    if body.get("stream"):
        chunks = [{"delta": {"content": text}, "index": 0}, {"delta": {}, "index": 0, "finish_reason": reason}]
        lines = [f"data: {json.dumps({'choices': [chunk]})}\n\n" for chunk in chunks]
        return 200, {"content-type": "text/event-stream"}, "".join([*lines, "data: [DONE]\n\n"])
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    counted = {"prompt_tokens": count_words(body), "completion_tokens": len(left)}
    usage = {**counted, "total_tokens": sum(counted.values())}
    return 200, {}, {"choices": [choice], "model": "m", "usage": usage}


def count_words(body: Any) -> int:
    return sum(len(message["content"].split()) + 2 for message in body["messages"])


def texts(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    return make_answer(body) if body["model"] == "m" else (404, {}, {"error": {"message": "no such model"}})


def cache_answers(answer: Answer, key: Callable[[str, Mapping[str, str], Any], Any]) -> Answer:
    """The first answer under a key is given again."""
    store: dict[str, Sent] = {}
    lock = threading.Lock()

    def ask(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        mark = json.dumps(key(path, headers, body))
        with lock:
            if mark not in store:
                answered = answer(path, headers, body)
                if answered[0] != 200:
                    return answered
                store[mark] = answered
            return store[mark]

    return ask


def judge_service(answer: Answer, test: Any, folder: Path, **more: Any) -> Verdict:
    protocol = {suite.test_rows: "plain_json", suite.test_prompts: "openai_chat", suite.test_texts: "openai_embeddings"}
    sample = SAMPLE if test is suite.test_rows else None
    return run_check(answer, test, folder, protocol=protocol.get(test, "openai_chat"), sample=sample, **more)


RIGHT = [(digits, suite.test_rows), (labels, suite.test_rows), (chat, suite.test_prompts), (texts, suite.test_texts)]


@pytest.mark.parametrize(("answer", "test"), RIGHT, ids=lambda item: item.__name__)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_right_service_passes_with_a_cache_or_without(tmp_path: Path, answer: Answer, test: Any, seed: int) -> None:
    for right in (answer, cache_answers(answer, lambda path, headers, body: [path, body])):
        verdict = judge_service(right, test, tmp_path, seed=seed)
        assert verdict.status is Status.PASS, verdict.reason
        assert verdict.n
        assert "fits neither" not in " ".join(verdict.notes)


def rest(body: Any, *names: str) -> Any:
    return {name: value for name, value in body.items() if name not in names}


def read_prompt(body: Any) -> str:
    return str(body["messages"][-1]["content"])


ROW_KEYS = {
    "its last number": lambda path, headers, body: [row[:-1] for row in body["instances"]],
    "its first number": lambda path, headers, body: [row[1:] for row in body["instances"]],
    "a number in its middle": lambda path, headers, body: [[*row[:6], *row[7:]] for row in body["instances"]],
    "the order of its rows": lambda path, headers, body: sorted(body["instances"]),
}
PROMPT_KEYS = {
    "the last character of its prompt": lambda path, headers, body: [rest(body, "messages"), read_prompt(body)[:-1]],
    "a character in its middle": lambda path, headers, body: [
        rest(body, "messages"),
        read_prompt(body)[:10],
        read_prompt(body)[-30:],
    ],
    "the case of its letters": lambda path, headers, body: [rest(body, "messages"), read_prompt(body).lower()],
    "a blank": lambda path, headers, body: [rest(body, "messages"), read_prompt(body).replace(" ", "")],
    "max_tokens": lambda path, headers, body: rest(body, "max_tokens"),
    "stream": lambda path, headers, body: rest(body, "stream", "stream_options"),
    "stop": lambda path, headers, body: rest(body, "stop"),
    "the model's name": lambda path, headers, body: rest(body, "model"),
    "the system message": lambda path, headers, body: [
        rest(body, "messages"),
        [message for message in body["messages"] if message["role"] != "system"],
    ],
    "an earlier message": lambda path, headers, body: [
        rest(body, "messages"),
        [message for message in body["messages"] if message["role"] == "system"],
        read_prompt(body),
    ],
}
TEXT_KEYS = {
    "dimensions": lambda path, headers, body: rest(body, "dimensions"),
    "encoding_format": lambda path, headers, body: rest(body, "encoding_format"),
    "its last word": lambda path, headers, body: [body["model"], str(body["input"])[:60]],
    "a word in its middle": lambda path, headers, body: [body["model"], str(body["input"])[-25:]],
    "the order of its texts": lambda path, headers, body: [body["model"], sorted(body["input"])],
    "the model's name": lambda path, headers, body: body["input"],
}


@pytest.mark.parametrize(
    ("answer", "test", "name", "key"),
    [
        *((digits, suite.test_rows, *item) for item in ROW_KEYS.items()),
        *((chat, suite.test_prompts, *item) for item in PROMPT_KEYS.items()),
        *((texts, suite.test_texts, *item) for item in TEXT_KEYS.items()),
    ],
)
def test_a_key_that_leaves_out_one_thing_fails(tmp_path: Path, answer: Answer, test: Any, name: str, key: Any) -> None:
    verdict = judge_service(cache_answers(answer, key), test, tmp_path)
    assert verdict.status is Status.FAIL, (verdict.reason, verdict.notes)
    assert any(f"differs from it only in {name}" in example.summary for example in verdict.counterexamples), (
        verdict.reason
    )


def test_labels_show_a_key_that_is_too_short(tmp_path: Path) -> None:
    """Few numbers change a label, so the check searches for one that does."""
    short = cache_answers(labels, lambda path, headers, body: [row[:1] for row in body["instances"]])
    verdict = judge_service(short, suite.test_rows, tmp_path)
    assert verdict.status is Status.FAIL, (verdict.reason, verdict.notes)


@pytest.mark.parametrize("row", [[1.0, 1.0, 554.0], [-1.0, 0.5, 9000.0], [0.0, 0.25, -3000.0]])
def test_small_numbers_in_a_wide_range_are_judged(tmp_path: Path, row: list[float]) -> None:
    """A control that moves a small number by a share of the range would have another answer."""

    def subtract(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return 200, {}, {"trend": [2 * row[1] - row[0] for row in body["instances"]]}

    short = cache_answers(subtract, lambda path, headers, body: [row[:1] for row in body["instances"]])
    for answer, status in ((subtract, Status.PASS), (short, Status.FAIL)):
        verdict = run_check(answer, suite.test_rows, tmp_path, protocol="plain_json", sample=[row])
        assert verdict.status is status, (verdict.reason, verdict.notes)


def test_a_list_of_texts_gives_further_inputs_of_its_own(tmp_path: Path) -> None:
    """Numbers behind the texts change no label; the order of the texts does."""

    def sentiment(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return 200, {}, {"labels": [1 if "love" in text else 0 for text in body["instances"]]}

    def constant(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return 200, {}, {"labels": [1] * len(body["instances"])}

    test = import_module("harness.suites.integration.test_concurrent").test_own_answers
    for answer, status in ((sentiment, Status.PASS), (constant, Status.INCONCLUSIVE)):
        sample = ["I love it.", "I hate it.", "It rains."]
        verdict = run_check(answer, test, tmp_path, protocol="plain_json", sample=sample)
        assert verdict.status is status, (verdict.reason, verdict.notes)


def test_pairs_that_show_nothing_do_not_pass(tmp_path: Path) -> None:
    def constant(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return 200, {}, {"sums": [1.0] * len(body["instances"])}

    verdict = judge_service(constant, suite.test_rows, tmp_path)
    assert verdict.status is Status.INCONCLUSIVE
    assert "their answers do not differ" in verdict.reason

    def mumbling(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        choice = {"index": 0, "message": {"content": "Hello!"}, "finish_reason": "stop"}
        return 200, {}, {"choices": [choice]}

    assert judge_service(mumbling, suite.test_prompts, tmp_path).status is Status.INCONCLUSIVE


def test_a_busy_service_does_not_pass(tmp_path: Path) -> None:
    asked = iter(range(10**6))

    def busy(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return digits(path, headers, body) if next(asked) % 3 else (429, {}, {"error": "busy"})

    assert judge_service(busy, suite.test_rows, tmp_path).status is Status.INCONCLUSIVE


def guard(answer: Answer) -> Answer:
    def ask(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        known = headers.get("authorization") == "Bearer the-right-key"
        return answer(path, headers, body) if known else (401, {}, {"error": {"message": "no"}})

    return ask


def test_credentials(tmp_path: Path) -> None:
    key = {"key": "the-right-key"}
    ask = suite.test_credentials
    by_body = lambda path, headers, body: body  # noqa: E731
    assert judge_service(guard(cache_answers(chat, by_body)), ask, tmp_path, **key).status is Status.PASS
    leaking = judge_service(cache_answers(guard(chat), by_body), ask, tmp_path, **key)
    assert leaking.status is Status.FAIL
    assert "answered for another caller is answered with a wrong credential too: status 200" in leaking.reason
    open_to_all = judge_service(chat, ask, tmp_path, **key)
    assert open_to_all.status is Status.INCONCLUSIVE
    assert "is not refused" in open_to_all.reason
