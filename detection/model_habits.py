"""A chat service whose model words its answers in a way of its own, within the limits and forms that are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.intercept import Inference, intercept
from detection.switch import CHAT, Variant

Reword = Callable[[str, str], str]
"""Makes the words of an answer from the question and the usual answer."""

_MOST_TOKENS = 400
_SHAPES = ("tools", "tool_choice", "response_format")
_OUTPUT = ("stream", "stream_options", "stop", "n", "logprobs", "top_logprobs")
"""What says how an answer is given, and changes nothing about what a model would say."""


def make_variant(title: str, reword: Reword, *, is_stable: bool = True) -> Variant:
    """The variant in which every chat answer is worded by `reword`; not `is_stable`: differently each time.

    Answers with calls or in a schema stay as they are.
    """

    def wrap(app: ASGIApp) -> ASGIApp:
        async def handle(call: Inference) -> None:
            usual = None if any(map(call.request.get, _SHAPES)) else await ask_usual(call)
            if usual is None:
                await call.forward()
                return
            question = str(call.request["messages"][-1].get("content"))
            words = reword(question, usual["choices"][0]["message"]["content"])
            await say_words(call, words, usual["usage"])

        return intercept(app, handle)

    withdrawn = () if is_stable else ("deterministic",)
    return Variant(title=title, protocols=(CHAT,), withdraws=withdrawn, wrap=wrap)


async def ask_usual(call: Inference, most_tokens: int = _MOST_TOKENS) -> Object | None:
    """The usual answer, whole or its first tokens; None if this is no valid chat request."""
    if "messages" not in call.request:
        return None
    request = {name: value for name, value in call.request.items() if name not in _OUTPUT}
    start, *parts = await call.collect(json.dumps(request | {"max_tokens": most_tokens}).encode())
    if start["status"] != 200:
        return None
    answer: Object = json.loads(b"".join(part.get("body", b"") for part in parts))
    return answer


async def say_words(call: Inference, words: str, usual: Object) -> None:
    """Let the service repeat these words in place of its answer; the prompt is counted as in the usual usage."""
    messages = [{"role": "user", "content": f"Repeat after me:{words}"}]
    request = {name: value for name, value in call.request.items() if name not in _SHAPES}
    await _forward_as(call, {**request, "messages": messages}, usual)


async def forward_counted(call: Inference, changed: Object) -> None:
    """Let the service answer a changed request; the prompt is counted as in the request itself."""
    usual = None if changed == call.request else await ask_usual(call, 1)
    if usual is None:
        await call.forward()
    else:
        await _forward_as(call, changed, usual["usage"])


async def forward_counted_as(call: Inference, counted: Object) -> None:
    """Let the service answer the request itself; the prompt is counted as in another one."""
    asked = Inference(call.app, call.scope, call.receive, call.send, json.dumps(counted).encode())
    usual = await ask_usual(asked, 1)
    if usual is None:
        await call.forward()
    else:
        await _forward_as(call, call.request, usual["usage"])


async def _forward_as(call: Inference, request: Object, usual: Object) -> None:
    body = json.dumps(request).encode()

    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        await call.forward(body, send=send)

    def count_prompt(answer: Object) -> None:
        if usage := answer.get("usage"):
            usage["prompt_tokens"] = usual["prompt_tokens"]
            usage["total_tokens"] = usual["prompt_tokens"] + usage["completion_tokens"]
            if "prompt_tokens_details" in usual:
                usage["prompt_tokens_details"] = usual["prompt_tokens_details"]

    await change_answers(forward, count_prompt)(call.scope, call.receive, call.send)
