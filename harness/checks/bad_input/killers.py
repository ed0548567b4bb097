"""Single requests that ended real servers, or two in order: grammars, patterns, sampling parameters, token numbers.

Tested in tests/checks/http/test_hostile.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness.checks.bad_input.requests import BadRequest, find_tensors, parse_body
from harness.core.exchange import Request

_BRACKETS = 60_000


def _nest(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def _format(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}


def _use_pattern(pattern: str) -> dict[str, Any]:
    return _format({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}, "required": ["a"]})


def _use_tool(schema: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "a", "parameters": schema}}], "tool_choice": "required"}


def _speak(message: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hello."}, message]}


_BAD_CALL = {"id": "1", "type": "function", "function": {"name": "a", "arguments": "{no JSON"}}
_ENDLESS = "{% for a in range(999999999) %}{{ a }}{% endfor %}"
KILLERS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "a grammar of 60,000 brackets": lambda: {"grammar": f'root ::= {"(" * _BRACKETS}"a"{")" * _BRACKETS}'},
    "a schema that is 90 levels deep": lambda: _format(_nest(90)),
    "a pattern that is none (foo**)": lambda: _use_pattern("foo**"),
    "a pattern that takes for ever": lambda: _use_pattern("^(([a-z])+.)+[A-Z]([a-z])+$"),
    "a pattern of a million repeats": lambda: _use_pattern("a{1000000}"),
    "a pattern of repeats of repeats": lambda: _use_pattern("((a{0,200}){0,200}){0,200}"),
    "a good grammar": lambda: {"grammar": 'root ::= "yes" | "no"'},
    "a broken grammar after it": lambda: {"grammar": "root ::= ::= ("},
    "a grammar that calls itself": lambda: {"grammar": 'root ::= root "a"'},
    "a choice of 20,000 words": lambda: _format({"type": "string", "enum": list(map("word {}".format, range(20_000)))}),
    "a schema that refers to itself": lambda: _format({"$ref": "#"}),
    "a schema of no type": lambda: _format({"type": "no such type", "properties": 5}),
    "a schema that is a text": lambda: _format("{"),
    "a guided pattern that is none": lambda: {"guided_regex": "[.*", "structured_outputs": {"regex": "[.*"}},
    "a tool whose pattern is none": lambda: _use_tool({"type": "object", "properties": {"a": {"pattern": "*"}}}),
    "a tool whose schema refers to itself": lambda: _use_tool({"$ref": "#"}),
    "a template that does not end": lambda: {"chat_template": _ENDLESS},
    "options of the template that it does not know": lambda: {"chat_template_kwargs": {"tokenize": True, "tools": 5}},
    "a call whose arguments are no JSON": lambda: _speak({"role": "assistant", "tool_calls": [_BAD_CALL]}),
    "a message without content": lambda: _speak({"role": "user"}),
    "temperature 999999 with top_p -1": lambda: {"temperature": 999999, "top_p": -1},
    "a temperature near zero": lambda: {"temperature": 1e-300, "top_k": -(2**31), "min_p": -1},
    "a bias for a token of a negative number": lambda: {"logit_bias": {"-1": 100, "99999999": 100}},
    "a penalty beyond every number": lambda: {"frequency_penalty": 1e308, "presence_penalty": -1e308},
    "a penalty of zero for repeats": lambda: {"repetition_penalty": 0, "repeat_penalty": 0, "repeat_last_n": -(2**31)},
    "a seed beyond 64 bits": lambda: {"seed": 2**70},
    "a million alternatives": lambda: {"logprobs": True, "top_logprobs": 1_000_000, "n_probs": 2**31 - 1},
    "tokens of negative numbers to stop at": lambda: {"stop_token_ids": [-1, 2**31], "allowed_token_ids": [-1]},
    "10,000 texts to stop at": lambda: {"stop": list(map("stop {}".format, range(10_000)))},
    "an empty text to stop at": lambda: {"stop": [""], "bad_words": [""]},
    "a cut of the prompt to a negative length": lambda: {"truncate_prompt_tokens": -(2**31), "n_keep": -(2**31)},
    "a slot that does not exist": lambda: {"id_slot": 2**31 - 1, "slot_id": -7},
    "a prompt of a negative token": lambda: {"prompt": [-1], "messages": None},
    "a prompt of a token beyond the vocabulary": lambda: {"prompt": [2**31 - 1], "messages": None},
    "embeddings as a prompt that are none": lambda: {"prompt": "", "prompt_embeds": "AAAA", "messages": None},
    "a million choices": lambda: {"n": 1_000_000},
    "choices below zero": lambda: {"n": -1, "best_of": -1},
}
"""Members that are put into a valid request for a text, by name, in the order in which they are sent. They are of the
kinds that ended llama.cpp (issues 26600, 19367, 12178) and vLLM (19270, 43920; CVE-2025-48942, -48943, -48944, -61620,
-62164, -62426)."""
_OF_EMBEDDINGS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "an input of a negative token": lambda: {"input": [[-1]]},
    "an input of a token beyond the vocabulary": lambda: {"input": [[2**31 - 1]]},
    "dimensions below zero": lambda: {"dimensions": -1},
    "a billion dimensions": lambda: {"dimensions": 2**30},
    "a cut of the input to a negative length": lambda: {"truncate_prompt_tokens": -(2**31)},
}
_OF_TENSORS: Mapping[str, dict[str, Any]] = {
    "a tensor of a negative shape": {"shape": [-1, -1]},
    "a tensor of a shape beyond every memory": {"shape": [2**40, 2**20]},
    "a tensor whose shape overflows to nothing": {"shape": [2**32, 2**32]},
    "a tensor without data": {"shape": [0, 0], "data": []},
    "a tensor of a type that is none": {"datatype": "FP0"},
    "a tensor of bytes that are numbers": {"datatype": "BYTES"},
    "a binary size below zero": {"parameters": {"binary_data_size": -1}},
    "a binary size beyond 64 bits": {"parameters": {"binary_data_size": 2**64}},
    "a shared memory that is none": {"parameters": {"shared_memory_region": "a", "shared_memory_byte_size": -1}},
}
_OF_ALL: Mapping[str, Callable[[], dict[str, Any]]] = {
    "a member of 100,000 members": lambda: {"aiharness": dict.fromkeys(map("a{}".format, range(100_000)), 0)},
    "a member whose name has a million letters": lambda: {"a" * 1_000_000: 0},
}
MOST_KILLERS = len(KILLERS) + len(_OF_ALL)


def list_killers(valid: Request, *, generates: bool, embeds: bool) -> list[BadRequest]:
    """The requests of the kinds that ended servers, made from a valid one; last those for every service."""
    body = parse_body(valid)
    chosen = _OF_EMBEDDINGS if embeds else {}
    if generates:
        chosen = KILLERS
    members = {name: change() for name, change in chosen.items()}
    for name, changed in _OF_TENSORS.items() if find_tensors(body) else ():
        members[name] = {"inputs": [{**tensor, **changed} for tensor in body["inputs"]]}
    members |= {name: change() for name, change in _OF_ALL.items()}
    return [make_killer(valid, name, changed) for name, changed in members.items()]


def make_killer(valid: Request, name: str, members: Mapping[str, Any]) -> BadRequest:
    """The valid request with these members; None takes a member out.

    One with a prompt in place of messages goes to the route for prompts beside that for chats.
    """
    body = parse_body(valid)
    # A body without members becomes a list of its value and the new ones.
    changed: Any = {**body, **members} if isinstance(body, dict) else [body, members]
    if isinstance(changed, dict):
        changed = {key: value for key, value in changed.items() if value is not None}
    text = json.dumps(changed)
    path = valid.path
    if "prompt" in members:
        path = path.replace("/chat/completions", "/completions")
    return BadRequest(name, replace(valid, path=path, body=text.encode(), stream=False), may_accept=True)
