"""The confidence of a language model's labels: read of its log-probabilities, of a real chat service too."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.core.dataset import Dataset
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Choice, TokenLogprob
from harness.core.settings import DataSettings, Settings
from harness.run.answered_rows import build_answered_rows
from harness.run.labelled_rows import ask_labelled_rows
from harness.run.row_asking import RowBatch, RowState, read_confidence
from tests.services import Answered, asking, serving

CLASSES = ("good", "bad", "mixed")
DATA = Dataset("d", tuple(f"review {i}" for i in range(30)), tuple(CLASSES[i % 3] for i in range(30)))


def make_answer(text: str, *tokens: tuple[str, float]) -> Answer:
    logprobs = tuple(TokenLogprob(token, logprob) for token, logprob in tokens)
    return Answer(text, choices=(Choice(0, text, "stop", (), logprobs),))


@pytest.mark.parametrize(
    ("answer", "confidence"),
    [
        (make_answer("good", ("go", math.log(0.5)), ("od", math.log(0.8))), 0.4),
        (make_answer("good", (" good", math.log(0.9)), ("\n", 0.0)), 0.9),
        (make_answer("good", ("good", 1e-7)), 1.0),  # rounding over 0 is no chance over 1
        (make_answer("good"), None),
        (make_answer("good", ("I think", -0.1), ("good", -0.2)), None),  # those of the thinking, too
    ],
)
def test_the_tokens_of_the_text_state_its_probability(answer: Answer, confidence: float | None) -> None:
    assert read_confidence(answer) == (None if confidence is None else pytest.approx(confidence))


def batch(row: int, **more: Any) -> RowBatch:
    return RowBatch((row,), RowState.ANSWERED, (CLASSES[row % 3],), **more)


def test_a_failed_row_is_wrong_and_sure_and_one_answer_without_leaves_no_confidence() -> None:
    every = [batch(row, confidence=0.7) for row in range(29)]
    rows = build_answered_rows(DATA, range(30), range(30), every)
    assert rows.confidence is not None
    assert rows.confidence.tolist() == [0.7] * 29 + [1.0]
    assert build_answered_rows(DATA, range(30), range(30), [*every, batch(29)]).confidence is None
    assert build_answered_rows(DATA, range(30), range(30), [batch(row) for row in range(30)]).confidence is None


@pytest.mark.parametrize("states", [True, False])
def test_a_chat_service_is_asked_once_and_its_log_probabilities_are_kept(states: bool, tmp_path: Path) -> None:
    def answer(path: str, body: Any) -> Answered:
        if not isinstance(body, dict):
            return 404, {"error": {"message": "not found"}}
        label = CLASSES[int(body["messages"][-1]["content"].rpartition(" ")[2]) % 3]
        token = {"token": label, "logprob": math.log(0.6), "bytes": list(label.encode()), "top_logprobs": []}
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": label},
            "finish_reason": "stop",
        }
        if states and body.get("logprobs"):
            choice["logprobs"] = {"content": [token]}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return 200, {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }

    batches: list[RowBatch] = []
    with serving(answer) as url:
        endpoint = Endpoint(url, protocol="openai_chat", model="m", sample="review 1", options={"logprobs": True})
        settings = Settings(endpoint, ("validation",), data=DataSettings(DATA))
        with asking(settings, tmp_path) as session:
            session.is_reached = True
            labelled = ask_labelled_rows(session, DATA, [], write=batches.append)
    rows = build_answered_rows(DATA, labelled.asked, labelled.asked, batches)
    assert rows.right.all()
    assert (rows.confidence is not None) == states
    if rows.confidence is not None:
        assert rows.confidence == pytest.approx(0.6)
