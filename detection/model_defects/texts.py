"""The reference chat service as it changes its engine: prompts that it repeats, and tools that it calls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from starlette.types import ASGIApp

from detection.catalogue import load_switch
from detection.change_answer import change_answers
from detection.change_request import list_messages
from detection.intercept import Inference, intercept
from detection.model_defect import ModelDefect, ModelTrial
from detection.model_habits import make_variant
from detection.model_service import serve_chat
from detection.switch import Defect

_CONFIG = """
[endpoint]
protocol = "openai_chat"
model = "tiny-chat"
[run]
profile = "all"
[profile.all]
items = 1000
[evaluation]
file = "prompts.jsonl"
grader = "normalised"
options = {{ max_tokens = 400 }}
{more}
"""
_ACCURACY = '[[objective]]\nsuite = "validation"\nmetric = "graded_accuracy"\nlimit = ">= 95%"\n'
_WORDS = [
    "river",
    "stone",
    "garden",
    "winter",
    "letter",
    "bridge",
    "market",
    "window",
    "silver",
    "candle",
    "morning",
    "forest",
]
_PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
_TOOL = {"type": "function", "function": {"name": "weather", "parameters": _PARAMETERS}}
Change = Callable[[str, int], str]
Wrap = Callable[[ASGIApp], ASGIApp]


def _write_prompts(seed: int, count: int) -> str:
    """Sentences to be repeated, each with a number of its own, and what must be said."""
    generator = np.random.default_rng([seed, 21])
    lines = []
    for number in range(count):
        words = f"The {' '.join(generator.choice(_WORDS, 12))} is number {number}."
        lines.append(json.dumps({"prompt": f"Repeat after me: {words}", "reference": words}))
    return "\n".join(lines) + "\n"


def _write_tool_prompts(count: int) -> str:
    lines = []
    for number in range(count):
        is_call = number % 3 != 0
        question = f"Ask weather about town {number}." if is_call else f"Repeat after me: town {number} is nice."
        lines.append(
            json.dumps({"prompt": question, "grader": "none", "calls": is_call, "options": {"tools": [_TOOL]}})
        )
    return "\n".join(lines) + "\n"


def _make_reworded(change: Change) -> Wrap:
    """The service whose every answer is `change(text, number in the question)`."""

    def reword(question: str, usual: str) -> str:
        numbers = re.findall(r"\d+", question)
        return change(usual, int(numbers[-1])) if numbers else usual

    return make_variant("", reword).wrap


def _change_engine(change: Change, count: int, more: str, seed: int) -> ModelTrial:
    return ModelTrial(
        config=_CONFIG.format(more=more),
        healthy=serve_chat,
        broken=partial(serve_chat, _make_reworded(change)),
        files={"prompts.jsonl": _write_prompts(seed, count)},
        has_baseline="margin" in more,
    )


def _loop(text: str, number: int) -> str:
    return text + " and so on" * 40 if number % 50 == 7 else text


def _cut_in_half(text: str, number: int) -> str:
    return text[: len(text) // 2] if number % 10 < 3 else text


def _write_chinese(text: str, number: int) -> str:
    return "这是一个完全不同的答案" * 3 if number % 20 == 3 else text


def _say_nothing(text: str, number: int) -> str:
    return " " if number % 12 == 3 else text


def _be_wrong(text: str, number: int) -> str:
    return text.replace("number", "letter") if number % 8 == 3 else text


def _change_tools(wrap: Wrap, seed: int) -> ModelTrial:
    more = "margin = 0.05\n[promises]\ntools = true\n"
    files = {"prompts.jsonl": _write_tool_prompts(90 + seed)}
    return ModelTrial(
        config=_CONFIG.format(more=more),
        healthy=serve_chat,
        broken=partial(serve_chat, wrap),
        files=files,
        has_baseline=True,
    )


def _lose_streamed_arguments(app: ASGIApp) -> ASGIApp:
    def lose(answer: dict[str, Any]) -> None:
        for choice in answer.get("choices", ()):
            for call in (choice.get("delta") or {}).get("tool_calls") or ():
                if "days" in call["function"].get("arguments", ""):
                    call["function"]["arguments"] = ""

    return change_answers(app, lose)


def _break_arguments(app: ASGIApp) -> ASGIApp:
    def rename(answer: dict[str, Any]) -> None:
        for holder in list_messages(answer):
            for call in holder.get("tool_calls") or ():
                if arguments := call["function"].get("arguments"):
                    call["function"]["arguments"] = arguments.replace("city", "town")

    return change_answers(app, rename)


def _forget_tools(app: ASGIApp) -> ASGIApp:
    async def handle(call: Inference) -> None:
        request = {name: value for name, value in call.request.items() if name not in ("tools", "tool_choice")}
        await call.forward(json.dumps(request).encode() if "tools" in call.request else None)

    return intercept(app, handle)


def _change_long_prompts(seed: int) -> ModelTrial:
    return ModelTrial(
        config=_CONFIG.format(more="[promises]\ndeterministic = true\n"),
        healthy=serve_chat,
        broken=partial(serve_chat, load_switch(Defect, "long_prompt_changes").wrap),
        files={"prompts.jsonl": _write_prompts(seed, 20)},
    )


def _of_engine(change: Change, count: int, margin: float = 0.02) -> Callable[[int], ModelTrial]:
    return partial(_change_engine, change, count, f"margin = {margin}\n")


DEFECTS = (
    ModelDefect(
        "loops",
        "2 % of answers end in a loop",
        "test_fidelity.py::test_rate[loops]",
        "repeat themselves",
        1000,
        _of_engine(_loop, 1000, 0.005),
    ),
    ModelDefect(
        "half_answers",
        "three of ten answers are half as long",
        "test_fidelity.py::test_rate[shorter]",
        "shorter by a third",
        200,
        _of_engine(_cut_in_half, 200),
    ),
    ModelDefect(
        "wrong_script",
        "5 % are Chinese",
        "test_fidelity.py::test_rate[wrong script]",
        "in a script",
        300,
        _of_engine(_write_chinese, 300),
    ),
    ModelDefect(
        "empty_answers",
        "8 % are empty",
        "test_fidelity.py::test_rate[empty]",
        "are empty",
        300,
        _of_engine(_say_nothing, 300),
    ),
    ModelDefect(
        "often_wrong",
        "an eighth of the answers is wrong",
        "test_evaluation.py::test_evaluation[graded_accuracy]",
        "were wrong",
        300,
        partial(_change_engine, _be_wrong, 300, _ACCURACY),
    ),
    ModelDefect(
        "stream_loses_arguments",
        "the parser of tool calls loses an argument when it streams",
        "test_fidelity.py::test_streamed",
        "whole it calls",
        3,
        partial(_change_tools, _lose_streamed_arguments),
    ),
    ModelDefect(
        "arguments_renamed",
        "the arguments of calls have names that the schema lacks",
        "test_fidelity.py::test_tools[arguments]",
        "call a tool in a wrong way",
        90,
        partial(_change_tools, _break_arguments),
    ),
    ModelDefect(
        "tools_forgotten",
        "the template leaves the tools out",
        "test_fidelity.py::test_tools[calls]",
        "call no tool where",
        90,
        partial(_change_tools, _forget_tools),
    ),
    ModelDefect(
        "long_prompts_differ",
        "of prompts over 200 words, two in flight, one of two gets another answer",
        "test_determinism.py::test_one_answer",
        "has another answer",
        8,
        _change_long_prompts,
    ),
)
