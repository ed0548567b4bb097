"""One choice of a chat answer as it is written: text, or calls of tools, in the pieces of a stream and as a whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from harness.reference.chat_request import ChatRequest
from harness.reference.text_model import Generation, TextModel, Token

ChoicePiece = dict[str, Any]
"""One element of `choices` in a chunk of a stream."""


class ChatChoice:
    """The choice of an index: `pieces` writes it, and then `ending` and `whole` say what it came to."""

    def __init__(self, index: int, asked: ChatRequest, model: TextModel) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self.completion_tokens = 0
        self._asked, self._model = asked, model
        self._text: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._logprobs: list[dict[str, Any]] = []

    def opening(self) -> ChoicePiece:
        """The piece that names the role."""
        return self._piece({"role": "assistant", "content": None if self._asked.calls else ""})

    def pieces(self) -> Iterator[ChoicePiece]:
        """What is written, in order."""
        return self._call() if self._asked.calls else self._say()

    def ending(self) -> ChoicePiece:
        """The piece that tells the finish reason."""
        return self._piece({}) | {"finish_reason": self.finish_reason}

    def whole(self) -> dict[str, Any]:
        """The choice as it stands in an answer that is not streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text)}
        if self._calls:
            message |= {"content": None, "tool_calls": self._calls}
        return {
            "index": self.index,
            "message": message,
            "logprobs": None if self._asked.logprobs is None else {"content": self._logprobs, "refusal": None},
            "finish_reason": self.finish_reason,
        }

    def _piece(self, delta: dict[str, Any], tokens: list[dict[str, Any]] | None = None) -> ChoicePiece:
        logprobs = {"content": tokens, "refusal": None} if tokens else None
        return {"index": self.index, "delta": delta, "logprobs": logprobs, "finish_reason": None}

    def _say(self) -> Iterator[ChoicePiece]:
        generation = self._generation()
        for text in generation:
            self._text.append(text)
            self.completion_tokens = generation.completion_tokens
            new: list[dict[str, Any]] = []
            if self._asked.logprobs is not None:
                new = [_logprob(each) for each in generation.tokens[len(self._logprobs) :]]
                self._logprobs += new
            yield self._piece({"content": text}, new)
        self.completion_tokens, self.finish_reason = generation.completion_tokens, generation.finish_reason

    def _generation(self) -> Generation:
        asked = self._asked
        limit, top = asked.max_tokens or 0, asked.logprobs or 0
        if asked.content is not None:
            return self._model.write(asked.content, max_tokens=limit, stop=asked.stop, top=top)
        return self._model.generate(
            asked.messages,
            max_tokens=limit,
            temperature=asked.temperature,
            top_p=asked.top_p,
            seed=None if asked.seed is None else (asked.seed + self.index) % 2**64,
            stop=asked.stop,
            top=top,
        )

    def _call(self) -> Iterator[ChoicePiece]:
        """The calls one after the other, within one limit of tokens; stop sequences are for text only."""
        self.finish_reason = "length"
        for number, (name, arguments) in enumerate(self._asked.calls):
            left = (self._asked.max_tokens or 0) - self.completion_tokens
            if not left:
                return
            function = {"name": name, "arguments": ""}
            call = {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}
            self._calls.append(call)
            yield self._piece({"tool_calls": [{"index": number, **call, "function": dict(function)}]})
            generation = self._model.write(arguments, max_tokens=left)
            before = self.completion_tokens
            for text in generation:
                function["arguments"] += text
                self.completion_tokens = before + generation.completion_tokens
                yield self._piece({"tool_calls": [{"index": number, "function": {"arguments": text}}]})
            if generation.finish_reason == "length":
                return
        self.finish_reason = "tool_calls"


def _logprob(token: Token) -> dict[str, Any]:
    top = [_pair(text, logprob) for text, logprob in token.top]
    return _pair(token.text, token.logprob) | {"top_logprobs": top}


def _pair(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
