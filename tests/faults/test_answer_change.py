"""What a fault changes in JSON, and that it leaves the rest as it was: numbers, odd texts, what needs no look."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness.core.fault import load_fault
from harness.core.http1 import MessageHead
from harness.core.http_request import HttpRequest
from harness.core.registry import list_plugins
from harness.faults._answer_change import AnswerChange, StruckRequest
from harness.faults._http_stage import HttpStage

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\n\r\n"


def find_change(name: str) -> type[AnswerChange[Any]] | None:
    stage = load_fault(name).stage
    return stage.change if stage is not None and issubclass(stage, HttpStage) else None


def make(name: str, **attributes: Any) -> AnswerChange[Any]:
    kind, change = load_fault(name), find_change(name)
    assert change is not None
    request = HttpRequest(MessageHead(REQUEST))
    sizes: list[int] = []
    struck = StruckRequest(kind.parse(attributes), request, MessageHead(HEAD), lambda: 0.5, sizes.append)
    return change(struck)


@pytest.mark.parametrize(
    "rest",
    [
        "123456789012345678901234567890",
        "18446744073709551616",
        "0.1",
        "1e22",
        "5e-324",
        "-0.0",
        '"\\ud800"',
        '"\\u0000 \\" \\\\ \\u2028"',
        "NaN",
        "[-Infinity, 1e400]",
        "{}",
    ],
)
def test_what_is_not_struck_keeps_its_value(rest: str) -> None:
    body = f'{{"model": "a", "rest": {rest}}}'.encode()
    changed = make("wrong_model", model="b").rewrite_body(body)
    assert changed is not None
    assert repr(json.loads(changed)) == repr({**json.loads(body), "model": "b"})


@pytest.mark.parametrize("body", [b"", b"null", b"{", b'{"model": "a"', b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_left_alone(body: bytes) -> None:
    assert make("wrong_model").rewrite_body(body) is None


DOCUMENTS: list[Any] = [
    {"choices": [{"finish_reason": "stop", "message": {"content": "so", "tool_calls": [{"arguments": '{"a": 1}'}]}}]},
    {"usage": {"prompt_tokens": 3, "max_tokens": 5}, "eval_count": 7, "usageMetadata": {"totalTokenCount": 9}},
    {"outputs": [{"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [1.5, -2]}], "predictions": [[-1, 2]]},
    {"type": "tool_use", "input": {"a": 1}, "stop_reason": "end_turn", "done_reason": None},
    {"embedding": [1, 2, 3], "partial_json": "{}", "finishReason": "STOP"},
    {"nothing": "here", "list": [], "text": ["a"]},
]


LOOKING = {name: change for name in list_plugins("faults") if (change := find_change(name)) and change.fields}


@pytest.mark.parametrize("name", LOOKING)
@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_json_without_its_fields_is_no_loss(name: str, number: int) -> None:
    """A fault that does not look at JSON in which its fields do not occur changes what it would change without that."""
    texts = [json.dumps(DOCUMENTS[number]), json.dumps(DOCUMENTS[number], indent=1)]
    texts.append(re.sub(r'"(\w)', lambda match: f'"\\u{ord(match[1]):04x}', texts[0]))  # every name with an escape
    for text in texts:
        looking, thorough = make(name), make(name)
        type(thorough).fields, fields = None, type(thorough).fields
        try:
            expected = thorough.rewrite_json(text.encode())
        finally:
            type(thorough).fields = fields
        assert looking.rewrite_json(text.encode()) == expected


def test_each_kind_of_field_is_changed_somewhere() -> None:
    """The test above would hold for faults that change nothing."""
    names = ["wrong_finish_reason", "wrong_token_counts", "wrong_tensor", "broken_tool_arguments"]
    for name in names:
        assert any(make(name).rewrite_json(json.dumps(document).encode()) for document in DOCUMENTS), name
