"""A chat service whose model thinks before it answers: what it thinks counts as tokens, and uses up their limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import change_answers, format_event, parse_event
from detection.change_request import Object, replace_events
from detection.intercept import Inference, intercept

_THOUGHT = "Okay, the user wants something. Let me think about what it is, and which answer would help the most here."
_LIMITS = ("max_completion_tokens", "max_tokens")
_WORDS_A_CHUNK = 8


def add_thinking(app: ASGIApp, words: int, member: str | None) -> ASGIApp:
    """Let every chat answer begin with this many words of thinking, of a token each.

    They are in this member of the message or delta; None: between tags in the text itself.
    """

    async def handle(call: Inference) -> None:
        request = call.request
        limit = next((request[name] for name in _LIMITS if request.get(name) is not None), None)
        if "messages" not in request or (limit is not None and (type(limit) is not int or limit < 1)):
            await call.forward()  # another protocol, or a bad request
            return
        thinking = _Thinking(words, limit, member)
        body = call.body
        if limit is not None:
            rest = {name: max(1, limit - words) for name in _LIMITS if request.get(name) is not None}
            body = json.dumps(request | rest).encode()

        async def forward(scope: Scope, receive: Receive, send: Send) -> None:
            await call.forward(body, send=send)

        around = replace_events(change_answers(forward, thinking.change), lambda: thinking.replace)
        await around(call.scope, call.receive, call.send)

    return intercept(app, handle)


def think_where(
    app: ASGIApp, applies: Callable[[Object], bool], words: int = 6, member: str | None = "reasoning_content"
) -> ASGIApp:
    """Let those chat answers begin with thinking whose request `applies` to."""
    thinking = add_thinking(app, words, member)

    async def handle(call: Inference) -> None:
        await (replace(call, app=thinking) if applies(call.request) else call).forward()

    return intercept(app, handle)


def read_switch(request: Object) -> Any:
    """The value of `enable_thinking` in a request; None without it."""
    arguments = request.get("chat_template_kwargs")
    return arguments.get("enable_thinking") if isinstance(arguments, dict) else None


_SWITCHES = ("chat_template_kwargs", "enable_thinking", "thinking", "reasoning", "reasoning_effort", "think")
_OFF = ("", "none", "disabled", "false")


def wants_thinking(request: Object, names: Sequence[str] = _SWITCHES) -> bool:
    """Whether one of these switches in a request is on, in whatever spelling."""
    for value in map(request.get, names):
        if isinstance(value, dict):
            value = next((value[key] for key in ("enable_thinking", "type", "effort") if key in value), None)
        if value is not None and str(value).lower() not in _OFF:
            return True
    return False


class _Thinking:
    """What one answer thinks, within the limit of its tokens."""

    def __init__(self, words: int, limit: int | None, member: str | None) -> None:
        self._is_cut = limit is not None and limit <= words
        self._count = limit if limit is not None and self._is_cut else words
        thought = _THOUGHT.split()
        self._words = [thought[place % len(thought)] for place in range(self._count)]
        self._member = member

    def change(self, answer: Object) -> None:
        """Change a whole answer, or the usage and the endings in a chunk."""
        for choice in answer.get("choices", ()):
            holder = choice.get("message") or choice.get("delta") or {}
            if self._is_cut:
                holder.pop("tool_calls", None)
                choice["logprobs"] = None
                if holder.get("content"):
                    holder["content"] = ""
                if choice.get("finish_reason"):
                    choice["finish_reason"] = "length"
            if "message" in choice:
                self._add_to_message(holder)
        if usage := answer.get("usage"):
            self._add_to_usage(usage, max(1, len(answer["choices"]) or self._choices))

    _choices = 1

    def replace(self, event: bytes) -> Iterable[bytes]:
        """The event, and after one that names the role the events of the thinking."""
        chunk = parse_event(event)
        if chunk is None or len(chunk["choices"]) != 1 or not chunk["choices"][0]["delta"].get("role"):
            return [event]
        self._choices = max(self._choices, chunk["choices"][0]["index"] + 1)
        return [event, *(self._format_piece(chunk, text) for text in self._list_pieces())]

    def _list_pieces(self) -> list[str]:
        starts = range(0, self._count, _WORDS_A_CHUNK)
        pieces = [" ".join(self._words[start : start + _WORDS_A_CHUNK]) + " " for start in starts]
        if self._member is not None:
            return pieces
        return ["<think>\n", *pieces] if self._is_cut else ["<think>\n", *pieces, "\n</think>\n\n"]

    def _format_piece(self, chunk: Object, text: str) -> bytes:
        choice = {**chunk["choices"][0], "delta": {self._member or "content": text}}
        return format_event({**chunk, "choices": [choice]})

    def _add_to_message(self, message: dict[str, Any]) -> None:
        thought = "".join(self._list_pieces())
        if self._member is not None:
            message[self._member] = thought
        else:
            message["content"] = thought + (message.get("content") or "")

    def _add_to_usage(self, usage: dict[str, Any], choices: int) -> None:
        added = self._count * choices
        usage["completion_tokens"] = added + (0 if self._is_cut else usage["completion_tokens"])
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        if self._member is not None:
            usage["completion_tokens_details"] = {"reasoning_tokens": added}
