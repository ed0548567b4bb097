"""What belongs to a request besides its values: ids, outputs, counts, and texts in tensors of the V2 protocol."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.checks.isolation.own_parts import Carrier, judge_own_parts
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.verdict import Counterexample, Status, Verdict
from tests.conftest import run_gate
from tests.services import Answered, serving

TEXTS = {"name": "text", "datatype": "BYTES", "shape": [-1]}


def make_exchange(id_: str, prompt_tokens: int, completion_tokens: int = 4, body: bytes = b"") -> Exchange:
    usage = Usage(prompt_tokens, completion_tokens)
    answer = Answer("text", value={"id": id_}, usage=usage)
    return Exchange(Request("POST", "/", body=body), Timing(0.0, sent=0.0, done=1.0), Response(200), answer)


def judge_counts(beside: list[Exchange], *, deterministic: bool = False) -> Verdict:
    carriers = [
        Carrier(f"prompt {number}", *(make_exchange(f"{number}{turn}", 10 + number, 3 + number) for turn in "ab"))
        for number in range(6)
    ]
    show = lambda summary, _: Counterexample(summary)  # noqa: E731
    return judge_own_parts(carriers, [list(enumerate(beside))], show, deterministic=deterministic)


@pytest.mark.parametrize(
    ("tokens", "status"),
    [(12, Status.PASS), (13, Status.FAIL), (3, Status.PASS), (99, Status.FAIL)],
    ids=["own", "another's", "fewer", "more"],
)
def test_the_count_of_another_request_or_more_than_alone_is_wrong(tokens: int, status: Status) -> None:
    """Of a prompt that is cached fewer tokens may be counted; where determinism is promised, they may not."""
    beside = [make_exchange(f"{number}c", tokens if number == 2 else 10 + number, 3 + number) for number in range(6)]
    verdict = judge_counts(beside)
    assert verdict.status is status, verdict.reason
    if tokens == 13:
        assert "is 13 beside others, and 12 alone; it belongs to the request with prompt 3" in verdict.reason
    if tokens == 99:
        assert "it counts 99 prompt tokens beside others, and 12 alone" in verdict.reason


def test_answers_of_other_lengths_are_nothing_without_a_promise() -> None:
    beside = [make_exchange(f"{number}c", 10 + number, 4) for number in range(6)]
    assert judge_counts(beside).status is Status.PASS
    assert judge_counts(beside, deterministic=True).status is Status.FAIL


def test_ids_that_callers_give_may_repeat_with_them() -> None:
    beside = []
    for number in range(6):
        exchange = make_exchange(f"chatcmpl-caller-{number % 2}", 10 + number, 3 + number)
        request = replace(exchange.request, headers=(("x-request-id", f"caller-{number % 2}"),))
        beside.append(replace(exchange, request=request))
    assert judge_counts(beside).status is Status.PASS


@pytest.mark.parametrize(("repeated", "status"), [(1, Status.PASS), (5, Status.FAIL)])
def test_ids_may_meet_once_by_chance_and_not_again_and_again(repeated: int, status: Status) -> None:
    beside = [
        make_exchange("0a" if number < repeated else f"{number}c", 10 + number, 3 + number) for number in range(6)
    ]
    assert judge_counts(beside).status is status


def serve_tensors(change: Callable[[str], str]) -> Callable[[str, Any], Answered]:
    """A V2 service that repeats texts, each as `change` has it."""

    def answer(path: str, body: Any) -> Answered:
        if body is None:
            page = {"name": "echo", "versions": ["1"], "platform": "none", "inputs": [TEXTS], "outputs": [TEXTS]}
            return (200, page) if path == "/v2/models/echo" else (200, {"live": True, "ready": True})
        try:
            [tensor] = body["inputs"]
            texts = [change(text) for text in tensor["data"]]
            assert len(texts) == tensor["shape"][0]
        except (AssertionError, KeyError, TypeError, ValueError, AttributeError):
            return 400, {"error": "a tensor of texts is expected"}
        outputs = [{**TEXTS, "shape": [len(texts)], "data": texts}]
        return 200, {"model_name": "echo", "model_version": "1", "outputs": outputs, "id": body.get("id")}

    return answer


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text, "PASS"),
        (lambda text: text.upper(), "PASS"),
        (lambda text: "".join(letter for letter in text if letter < "\x80"), "FAIL"),
        (lambda text: unicodedata.normalize("NFC", text).encode().decode("latin-1"), "FAIL"),
    ],
    ids=["kept", "in capitals", "only ASCII", "read as Latin-1"],
)
def test_texts_in_tensors_come_back_as_they_were_sent(
    tmp_path: Path, change: Callable[[str], str], expected: str
) -> None:
    with serving(serve_tensors(change)) as url:
        config = f'[endpoint]\nurl = "{url}"\nprotocol = "v2"\nmodel = "echo"\n'
        (tmp_path / "aiharness.toml").write_text(config)
        outcome = run_gate(tmp_path, "--ai-allow-partial", "-k", "unicode or concurrent", suite="integration")
    assert outcome.check("test_text_kept")["verdict"] == expected, outcome.out
    assert outcome.check("test_own_answers")["verdict"] == "PASS", outcome.out
