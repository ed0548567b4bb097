"""Parts of an OpenAI chat answer that are the same streamed and whole: tool calls, log-probabilities, token counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import TokenLogprob, ToolCall, Usage
from harness.protocols.shared.values import (
    describe_kind,
    expect_array,
    expect_number,
    expect_object,
    expect_text,
    expect_whole_number,
)

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def parse_tool_calls(value: Any, at: str) -> list[tuple[int | None, ToolCall]]:
    """The calls, or pieces of calls, each with its number where one is stated. Raises `ProtocolError`.

    Every part of a call may be missing: the later pieces of a streamed one bring only more of its arguments.
    """
    found = []
    for i, each in enumerate([] if value is None else expect_array(value, at)):
        call = expect_object(each, f"{at}[{i}]")
        number = call.get("index")
        function = expect_object({} if call.get("function") is None else call["function"], f"{at}[{i}].function")
        piece = ToolCall(
            expect_text(call.get("id"), f"{at}[{i}].id") or None,
            expect_text(function.get("name"), f"{at}[{i}].function.name") or "",
            expect_text(function.get("arguments"), f"{at}[{i}].function.arguments") or "",
        )
        found.append((None if number is None else expect_whole_number(number, f"{at}[{i}].index"), piece))
    return found


def parse_logprobs(value: Any, at: str) -> tuple[TokenLogprob, ...]:
    """The log-probabilities of the content's tokens; none where there are none. Raises `ProtocolError`."""
    content = None if value is None else expect_object(value, at).get("content")
    found = [] if content is None else expect_array(content, f"{at}.content")
    return tuple(_token(each, f"{at}.content[{i}]") for i, each in enumerate(found))


def _token(value: Any, at: str) -> TokenLogprob:
    token, logprob = _pair(value, at)
    top = [] if value.get("top_logprobs") is None else expect_array(value["top_logprobs"], f"{at}.top_logprobs")
    data = None if value.get("bytes") is None else expect_array(value["bytes"], f"{at}.bytes")
    if data is not None and any(type(each) is not int or not 0 <= each < 256 for each in data):
        raise ProtocolError("an element is no byte", at=f"{at}.bytes")
    likeliest = tuple(_pair(each, f"{at}.top_logprobs[{i}]") for i, each in enumerate(top))
    return TokenLogprob(token, logprob, likeliest, None if data is None else bytes(data))


def _pair(value: Any, at: str) -> tuple[str, float]:
    pair = expect_object(value, at)
    token, logprob = pair.get("token"), pair.get("logprob")
    if not isinstance(token, str):
        raise ProtocolError(f"{describe_kind(token)} where a string was expected", at=f"{at}.token")
    return token, expect_number(logprob, f"{at}.logprob")


def parse_counts(value: Any, at: str, names: Sequence[str]) -> list[int | None]:
    """The whole numbers of these names, None where one is not stated. Raises `ProtocolError` for what is none."""
    stated = {} if value is None else expect_object(value, at)
    return [None if stated.get(each) is None else expect_whole_number(stated[each], f"{at}.{each}") for each in names]


def parse_usage(value: Any, at: str, names: Sequence[str] = _COUNTS) -> Usage | None:
    """Token counts under the names they have, or None where none are stated. Raises `ProtocolError` for a wrong one."""
    found = parse_counts(value, at, names)
    return None if set(found) == {None} else Usage(*found)
