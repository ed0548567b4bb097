"""Parts of an OpenAI chat answer that are the same streamed and whole: tool calls, log-probabilities, token counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import TokenLogprob, ToolCall, Usage
from harness.protocols.shared.values import a_number, an_array, an_object, kind_of, text_or_none, whole_number

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def tool_calls(value: Any, at: str) -> list[tuple[int | None, ToolCall]]:
    """The calls, or pieces of calls, each with its number where one is stated. Raises `ProtocolError`.

    Every part of a call may be missing: the later pieces of a streamed one bring only more of its arguments.
    """
    found = []
    for i, each in enumerate([] if value is None else an_array(value, at)):
        call = an_object(each, f"{at}[{i}]")
        number = call.get("index")
        function = an_object({} if call.get("function") is None else call["function"], f"{at}[{i}].function")
        piece = ToolCall(
            text_or_none(call.get("id"), f"{at}[{i}].id") or None,
            text_or_none(function.get("name"), f"{at}[{i}].function.name") or "",
            text_or_none(function.get("arguments"), f"{at}[{i}].function.arguments") or "",
        )
        found.append((None if number is None else whole_number(number, f"{at}[{i}].index"), piece))
    return found


def logprobs(value: Any, at: str) -> tuple[TokenLogprob, ...]:
    """The log-probabilities of the content's tokens; none where there are none. Raises `ProtocolError`."""
    content = None if value is None else an_object(value, at).get("content")
    found = [] if content is None else an_array(content, f"{at}.content")
    return tuple(_token(each, f"{at}.content[{i}]") for i, each in enumerate(found))


def _token(value: Any, at: str) -> TokenLogprob:
    token, logprob = _pair(value, at)
    top = [] if value.get("top_logprobs") is None else an_array(value["top_logprobs"], f"{at}.top_logprobs")
    data = None if value.get("bytes") is None else an_array(value["bytes"], f"{at}.bytes")
    if data is not None and any(type(each) is not int or not 0 <= each < 256 for each in data):
        raise ProtocolError("an element is no byte", at=f"{at}.bytes")
    likeliest = tuple(_pair(each, f"{at}.top_logprobs[{i}]") for i, each in enumerate(top))
    return TokenLogprob(token, logprob, likeliest, None if data is None else bytes(data))


def _pair(value: Any, at: str) -> tuple[str, float]:
    pair = an_object(value, at)
    token, logprob = pair.get("token"), pair.get("logprob")
    if not isinstance(token, str):
        raise ProtocolError(f"{kind_of(token)} where a string was expected", at=f"{at}.token")
    return token, a_number(logprob, f"{at}.logprob")


def counts(value: Any, at: str, names: Sequence[str]) -> list[int | None]:
    """The whole numbers of these names, None where one is not stated. Raises `ProtocolError` for what is none."""
    stated = {} if value is None else an_object(value, at)
    return [None if stated.get(each) is None else whole_number(stated[each], f"{at}.{each}") for each in names]


def usage(value: Any, at: str, names: Sequence[str] = COUNTS) -> Usage | None:
    """Token counts under the names they have, or None where none are stated. Raises `ProtocolError` for a wrong one."""
    found = counts(value, at, names)
    return None if set(found) == {None} else Usage(*found)
