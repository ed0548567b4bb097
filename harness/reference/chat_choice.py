"""One choice of a chat answer as it is written: text, or calls of tools, in the pieces of a stream and as a whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from harness.reference.chat_request import ChatRequest
from harness.reference.text_model import Generation, TextModel, Token
from harness.reference.written_answer import ChoicePiece


class ChatChoice:
    """The choice of an index: `write` writes it; after that `format_ending` and `format_whole` have its result."""

    def __init__(self, index: int, chat: ChatRequest, model: TextModel) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self.completion_tokens = 0
        self._chat, self._model = chat, model
        self._text: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._logprobs: list[dict[str, Any]] = []

    def format_opening(self) -> ChoicePiece:
        """The piece that names the role."""
        return self._piece({"role": "assistant", "content": None if self._chat.calls else ""})

    def write(self) -> Iterator[ChoicePiece]:
        """The pieces, in order."""
        return self._write_calls() if self._chat.calls else self._write_text()

    def format_ending(self) -> ChoicePiece:
        """The piece with the finish reason."""
        return self._piece({}) | {"finish_reason": self.finish_reason}

    def format_whole(self) -> dict[str, Any]:
        """The choice in an answer that is not streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text)}
        if self._calls:
            message |= {"content": None, "tool_calls": self._calls}
        logprobs = None
        if self._chat.logprobs is not None:
            logprobs = {"content": self._logprobs, "refusal": None}
        return {"index": self.index, "message": message, "logprobs": logprobs, "finish_reason": self.finish_reason}

    def _piece(self, delta: dict[str, Any], tokens: list[dict[str, Any]] | None = None) -> ChoicePiece:
        logprobs = {"content": tokens, "refusal": None} if tokens else None
        return {"index": self.index, "delta": delta, "logprobs": logprobs, "finish_reason": None}

    def _write_text(self) -> Iterator[ChoicePiece]:
        generation = self._generate()
        for text in generation:
            self._text.append(text)
            self.completion_tokens = generation.completion_tokens
            tokens: list[dict[str, Any]] = []
            if self._chat.logprobs is not None:
                tokens = [_format_token(token) for token in generation.tokens[len(self._logprobs) :]]
                self._logprobs += tokens
            yield self._piece({"content": text}, tokens)
        self.completion_tokens, self.finish_reason = generation.completion_tokens, generation.finish_reason

    def _generate(self) -> Generation:
        chat = self._chat
        limit, top = chat.max_tokens or 0, chat.logprobs or 0
        if chat.content is not None:
            return self._model.write(chat.content, max_tokens=limit, stop=chat.stop, top=top)
        seed = None if chat.seed is None else (chat.seed + self.index) % 2**64
        return self._model.generate(
            chat.messages,
            max_tokens=limit,
            temperature=chat.temperature,
            top_p=chat.top_p,
            seed=seed,
            stop=chat.stop,
            top=top,
        )

    def _write_calls(self) -> Iterator[ChoicePiece]:
        """The calls one after the other, within one limit of tokens; stop sequences are for text only."""
        self.finish_reason = "length"
        for number, (name, arguments) in enumerate(self._chat.calls):
            left = (self._chat.max_tokens or 0) - self.completion_tokens
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


def _format_token(token: Token) -> dict[str, Any]:
    top = [_format_logprob(text, logprob) for text, logprob in token.top]
    return _format_logprob(token.text, token.logprob) | {"top_logprobs": top}


def _format_logprob(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
