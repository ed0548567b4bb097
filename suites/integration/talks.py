"""Conversations in which one message states a number: of each kind, with and without it.

Tested in tests/suites/integration/test_conversation.py.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

TalkTurn = dict[str, Any]
WriteTalk = Callable[[list[TalkTurn], str], list[TalkTurn]]
"""Makes a conversation of its opening and a text that one message states; an empty text leaves the message out."""

CALLED_TOOL = "look_up"
QUESTION = "What is the lucky number? Answer with the number only."
_GREETINGS: list[TalkTurn] = [
    {"role": "user", "content": "Good day to you."},
    {"role": "assistant", "content": "Good day."},
]
_FILLING = _GREETINGS * 20
"""Messages after which a window of the last ones has lost those before."""
_OTHER = "The weather is fine today."
"""What stands beside the text, in the same kind of place."""


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


def _write_long_talk(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say(text or "Hello."), _answer("Yes."), *_FILLING, _say(QUESTION)]


def _write_end_of_long_talk(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, *_FILLING, _say(text or "Hello."), _answer("Yes."), _say(QUESTION)]


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


def _write_first_system(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*_say_system(text), *_say_system(_OTHER), *opening, _say(QUESTION)]


def _write_second_system(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*_say_system(_OTHER), *_say_system(text), *opening, _say(QUESTION)]


def _write_system_parts(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [{"role": "system", "content": [_part(text or "Hello."), _part(_OTHER)]}, *opening, _say(QUESTION)]


def _write_first_turn(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say(text or "Hello."), _say(QUESTION)]


def _write_second_turn(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say("Good day."), _say(text or "Hello."), _answer("Yes."), _say(QUESTION)]


def _write_first_answer(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say("Say something."), _answer(text or "Hello."), _answer("Yes."), _say(QUESTION)]


def _write_second_answer(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say("Say something."), _answer("Yes."), _answer(text or "Hello."), _say(QUESTION)]


def _write_middle_part(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say([*map(_part, filter(None, (_OTHER, text, QUESTION)))])]


def _write_first_result(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say("Use the tools."), *_use_tools(results=(text, "")), _answer("Done."), _say(QUESTION)]


def _write_first_result_last(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say(QUESTION), *_use_tools(results=(text, ""))]


def _write_second_result_last(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say(QUESTION), *_use_tools(results=("", text))]


def write_question(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    """A first message alone."""
    return [*opening[:1], *([_say(text)] if text else [])]


def _write_question_after_system(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*_say_system(_OTHER), *write_question(opening, text)]


def _write_result_of_two_steps(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    steps = [*_use_tools(results=(text,)), *_use_tools(results=("",), first=2)]
    return [*opening, _say("Use the tool twice."), *steps, _answer("Done."), _say(QUESTION)]


def _write_result_parts(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    asked, called, result, answered = _use_tool("{}", "")
    parts = [_part(text or "Nothing."), _part(_OTHER)]
    return [*opening, asked, called, {**result, "content": parts}, answered, _say(QUESTION)]


def _write_first_arguments(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say("Use the tools."), *_use_tools(texts=(text, "")), _answer("Done."), _say(QUESTION)]


def _write_second_arguments(opening: list[TalkTurn], text: str) -> list[TalkTurn]:
    return [*opening, _say("Use the tools."), *_use_tools(texts=("", text)), _answer("Done."), _say(QUESTION)]


LONG_TALK = f"a message before {len(_FILLING)} others"
MESSAGES: Mapping[str, WriteTalk] = {
    "a system message at the beginning": _write_system_first,
    "a system message in the middle": _write_system_later,
    "a content of one part": _write_part,
    "the first of two parts of a content": _write_first_part,
    "the last of two parts of a content": _write_last_part,
    "an earlier answer": _write_answer,
    "the first of two system messages in a row": _write_first_system,
    "the second of two system messages in a row": _write_second_system,
    "the first of two parts of a system message": _write_system_parts,
    "the first of two user messages in a row": _write_first_turn,
    "the second of two user messages in a row": _write_second_turn,
    "the first of two answers in a row": _write_first_answer,
    "the second of two answers in a row": _write_second_answer,
    "the second of three parts of a content": _write_middle_part,
    LONG_TALK: _write_long_talk,
}
TOOL_MESSAGES: Mapping[str, WriteTalk] = {
    "the result of a tool": _write_result,
    "the arguments of an earlier call": _write_arguments,
    "the arguments of an earlier call as an object": _write_object,
    "the first of two results of tools at the end": _write_first_result_last,
    "the second of two results of tools at the end": _write_second_result_last,
    "the first of two results of tools in an earlier turn": _write_first_result,
    "the result of the first of two calls in turn": _write_result_of_two_steps,
    "the first of two parts of a result": _write_result_parts,
    "the arguments of the first of two calls": _write_first_arguments,
    "the arguments of the second of two calls": _write_second_arguments,
}
"""Conversations by the message that states the number."""
AFTER_RESULT = "after the result of a tool"
TOOL_PLACES: Mapping[str, WriteTalk] = {
    "after a system message": _write_question_after_system,
    "after an earlier answer": write_plain,
    AFTER_RESULT: _write_second_result_last,
    "in the turn after the result of a tool": _write_result,
}
"""Conversations by where the tools of their request may be forgotten."""
CONTROLS: Mapping[str, WriteTalk] = {LONG_TALK: _write_end_of_long_talk}
"""The plain message of the user with which a kind is compared, where that is not `write_plain`."""
OVERLOOKED = (LONG_TALK, *filter(lambda name: "arguments" in name, TOOL_MESSAGES))
"""Messages that a model may have read and not remember."""


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
    answered = {"role": "tool", "tool_call_id": "call_1", "content": result}
    return [_say("Use the tool."), _call({"call_1": arguments}), answered, _answer("Done.")]


def _use_tools(*, texts: Sequence[str] = (), results: Sequence[str] = (), first: int = 1) -> list[TalkTurn]:
    """Calls side by side in one answer, and the result of each; their ids count from `first`."""
    arguments, answered = {}, []
    for number, (text, result) in enumerate(zip_longest(texts, results, fillvalue=""), first):
        id_ = f"call_{number}"
        arguments[id_] = json.dumps({"text": text})
        answered.append({"role": "tool", "tool_call_id": id_, "content": result or "Nothing."})
    return [_call(arguments), *answered]


def _call(arguments: Mapping[str, Any]) -> TalkTurn:
    """An answer that calls a tool with these arguments, by the id of each call."""
    calls = []
    for id_, given in arguments.items():
        calls.append({"id": id_, "type": "function", "function": {"name": CALLED_TOOL, "arguments": given}})
    return {"role": "assistant", "content": "", "tool_calls": calls}
