"""Parts of an OpenAI chat answer that are equal in streamed and other answers: tool calls, logprobs, token counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import TokenLogprob, ToolCall, Usage
from harness.protocols.shared import values

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def parse_index(choice: dict[str, Any], place: int, at: str) -> int:
    """The index of a choice; if it is not stated, its place in the list. Raises `ProtocolError`."""
    index = values.accept_whole_number(choice.get("index"), f"{at}.index")
    return place if index is None else index


def parse_tool_calls(value: Any, at: str) -> list[tuple[int | None, ToolCall]]:
    """The tool calls, or pieces of them, each with its number if it is stated. Raises `ProtocolError`.

    Every member of a call may be missing: the later pieces of a streamed call contain only more of its arguments.
    """
    calls = []
    for i, item in enumerate(values.accept_array(value, at)):
        call = values.expect_object(item, f"{at}[{i}]")
        function = values.accept_object(call.get("function"), f"{at}[{i}].function")
        piece = ToolCall(
            values.accept_text(call.get("id"), f"{at}[{i}].id") or None,
            values.accept_text(function.get("name"), f"{at}[{i}].function.name") or "",
            values.accept_text(function.get("arguments"), f"{at}[{i}].function.arguments") or "",
        )
        calls.append((values.accept_whole_number(call.get("index"), f"{at}[{i}].index"), piece))
    return calls


def parse_logprobs(value: Any, at: str) -> tuple[TokenLogprob, ...]:
    """The log-probabilities of the tokens in the content; empty if there are none. Raises `ProtocolError`."""
    tokens = values.accept_array(values.accept_object(value, at).get("content"), f"{at}.content")
    return tuple(_parse_token(token, f"{at}.content[{i}]") for i, token in enumerate(tokens))


def _parse_token(value: Any, at: str) -> TokenLogprob:
    token, logprob = _parse_pair(value, at)
    alternatives = values.accept_array(value.get("top_logprobs"), f"{at}.top_logprobs")
    top = tuple(_parse_pair(pair, f"{at}.top_logprobs[{i}]") for i, pair in enumerate(alternatives))
    if value.get("bytes") is None:
        return TokenLogprob(token, logprob, top)
    data = values.expect_array(value["bytes"], f"{at}.bytes")
    if any(type(byte) is not int or not 0 <= byte < 256 for byte in data):
        raise ProtocolError("an element is not a byte (0 to 255)", at=f"{at}.bytes")
    return TokenLogprob(token, logprob, top, bytes(data))


def _parse_pair(value: Any, at: str) -> tuple[str, float]:
    pair = values.expect_object(value, at)
    token, logprob = pair.get("token"), pair.get("logprob")
    if not isinstance(token, str):
        raise ProtocolError(f"{values.describe_kind(token)} where a string was expected", at=f"{at}.token")
    return token, values.expect_number(logprob, f"{at}.logprob")


def parse_counts(value: Any, at: str, names: Sequence[str]) -> list[int | None]:
    """The whole numbers under these names; None for one that is not stated. Raises `ProtocolError` for other values."""
    counts = values.accept_object(value, at)
    return [values.accept_whole_number(counts.get(name), f"{at}.{name}") for name in names]


def parse_usage(value: Any, at: str, names: Sequence[str] = _COUNTS) -> Usage | None:
    """The token counts under these names, or None if none is stated. Raises `ProtocolError` for an invalid count."""
    counts = parse_counts(value, at, names)
    return None if set(counts) == {None} else Usage(*counts)
