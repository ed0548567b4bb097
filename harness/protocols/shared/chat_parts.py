"""Parts of an answer that are equal in streamed and other answers: thinking, tool calls, logprobs, token counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.exchange import Choice, EventKind, StreamEvent, TokenLogprob, ToolCall, Usage
from harness.protocols.shared import values

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")

REASONING_MEMBERS = ("reasoning_content", "reasoning", "thinking")
"""What the thinking beside a text is called: by DeepSeek, SGLang and llama.cpp; by vLLM and OpenRouter; by Ollama."""
_DETAILS = ("completion_tokens_details", "output_tokens_details")
_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"))


def find_reasoning(message: Mapping[str, Any]) -> str:
    """The thinking beside the text of a message or delta; empty if there is none that is a text."""
    for name in REASONING_MEMBERS:
        text = message.get(name)
        if isinstance(text, str) and text:
            return text
    return ""


def separate_thinking(choice: Choice) -> Choice:
    """The choice with thinking between tags taken out of its text; some chat templates open the tag in the prompt.

    Where thinking came beside the text, too, an end of thinking without a beginning stays in the text: callers read it.
    """
    for opening, closing in _TAGS:
        before, is_closed, after = choice.text.partition(closing)
        begins = before.lstrip().startswith(opening)
        if begins or (is_closed and opening not in before and not choice.reasoning):
            thinking = before.lstrip().removeprefix(opening)
            return replace(choice, text=after.lstrip(), reasoning=choice.reasoning + thinking, thinks_inline=True)
    return choice


def make_model_event(model: str) -> StreamEvent:
    """The event that states the name of the model."""
    return StreamEvent(EventKind.OTHER, value={"model": model})


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
    if set(counts) == {None}:
        return None
    cached = _parse_detail(value, at, _PROMPT_DETAILS, "cached_tokens")
    return replace(Usage(*counts), reasoning_tokens=_parse_reasoning_tokens(value, at), cached_tokens=cached)


def _parse_detail(value: Mapping[str, Any], at: str, groups: Sequence[str], name: str) -> int | None:
    """A count in the first of these groups of details that has it."""
    for group in groups:
        details = values.accept_object(value.get(group), f"{at}.{group}")
        if details.get(name) is not None:
            return values.accept_whole_number(details[name], f"{at}.{group}.{name}")
    return None


def _parse_reasoning_tokens(value: Mapping[str, Any], at: str) -> int | None:
    """The tokens spent on thinking: OpenAI states them in details, SGLang beside the other counts."""
    stated = _parse_detail(value, at, _DETAILS, "reasoning_tokens")
    if stated is not None:
        return stated
    return values.accept_whole_number(value.get("reasoning_tokens"), f"{at}.reasoning_tokens")
