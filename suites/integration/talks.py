"""Conversations in which one message states a number: of each kind, with and without it.

Tested in tests/suites/integration/test_conversation.py.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

TalkTurn = dict[str, Any]
WriteTalk = Callable[[list[TalkTurn], str], list[TalkTurn]]
"""Makes a conversation of its opening and a text that one message states; an empty text leaves the message out."""

QUESTION = "What is the lucky number? Answer with the number only."


def write_note(code: str) -> str:
    """A text that states a number: about thirty tokens."""
    return (
        f"The lucky number is {code}. Please keep it in mind, because it is going to be asked for at the end, "
        "when everything else has been said."
    )


def write_opening(generator: random.Random) -> list[TalkTurn]:
    """Two turns that no other conversation begins with, so that none is counted as cached."""
    begins = f"{generator.randrange(10**5, 10**6)} is my number as a visitor. Good morning."
    return [_say(begins), _answer("Good morning.")]


def write_plain(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    """The control: a message of the user states it."""
    return [*opening, _say(text or "Hello."), _answer("Yes."), _say(QUESTION)]


def _write_system_first(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*_say_system(text), *opening, _say(QUESTION)]


def _write_system_later(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, *_say_system(text), _say(QUESTION)]


def _write_part(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say([_part(text or "Hello.")]), _answer("Yes."), _say(QUESTION)]


def _write_first_part(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say([*map(_part, filter(None, (text, QUESTION)))])]


def _write_last_part(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say([*map(_part, filter(None, (QUESTION, text)))])]


def _write_answer(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say("Say something."), _answer(text or "Hello."), _say(QUESTION)]


def _write_result(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, *_use_tool("{}", text or "Nothing."), _say(QUESTION)]


def _write_arguments(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, *_use_tool(json.dumps({"text": text}), "Done."), _say(QUESTION)]


def _write_object(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, *_use_tool({"text": text}, "Done."), _say(QUESTION)]


MESSAGES: Mapping[str, WriteTalk] = {
    "a system message at the beginning": _write_system_first,
    "a system message in the middle": _write_system_later,
    "a content of one part": _write_part,
    "the first of two parts of a content": _write_first_part,
    "the last of two parts of a content": _write_last_part,
    "an earlier answer": _write_answer,
}
TOOL_MESSAGES: Mapping[str, WriteTalk] = {
    "the result of a tool": _write_result,
    "the arguments of an earlier call": _write_arguments,
    "the arguments of an earlier call as an object": _write_object,
}
"""Conversations by the message that states the number."""


def write_reasoning(opening: list[TalkTurn], name: str, text: str) -> list[TalkTurn]:
    """A conversation whose earlier answer has reasoning under a name; an empty text leaves it out."""
    return [*opening, _say("Say something."), _think(_answer("Hello."), name, text), _say("Say hello.")]


def write_reasoning_with_call(opening: list[TalkTurn], name: str, text: str) -> list[TalkTurn]:
    """The same with the reasoning beside a call whose result comes last: where templates keep it if anywhere."""
    asked, called, result, _ = _use_tool("{}", "Nothing.")
    return [*opening, asked, _think(called, name, text), result]


def _say(content: Any) -> TalkTurn:
    return {"role": "user", "content": content}


def _say_system(text: str) -> list[TalkTurn]:
    if not text:
        return []
    return [{"role": "system", "content": text}]


def _think(turn: TalkTurn, name: str, text: str) -> TalkTurn:
    if not text:
        return turn
    return {**turn, name: text}


def _answer(text: str) -> TalkTurn:
    return {"role": "assistant", "content": text}


def _part(text: str) -> TalkTurn:
    return {"type": "text", "text": text}


def _use_tool(arguments: Any, result: str) -> list[TalkTurn]:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": arguments}}
    called = {"role": "assistant", "content": "", "tool_calls": [call]}
    answered = {"role": "tool", "tool_call_id": "call_1", "content": result}
    return [_say("Use the tool."), called, answered, _answer("Done.")]
