"""Single requests that ended real servers, or two in order: grammars, patterns, sampling parameters, token numbers.

Tested in tests/checks/http/test_hostile.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness.checks.bad_input.requests import BadRequest, parse_body
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


KILLERS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "a grammar of 60,000 brackets": lambda: {"grammar": f'root ::= {"(" * _BRACKETS}"a"{")" * _BRACKETS}'},
    "a schema that is 90 levels deep": lambda: _format(_nest(90)),
    "a pattern that is none (foo**)": lambda: _use_pattern("foo**"),
    "a pattern that takes for ever": lambda: _use_pattern("^(([a-z])+.)+[A-Z]([a-z])+$"),
    "a pattern of a million repeats": lambda: _use_pattern("a{1000000}"),
    "a good grammar": lambda: {"grammar": 'root ::= "yes" | "no"'},
    "a broken grammar after it": lambda: {"grammar": "root ::= ::= ("},
    "a choice of 20,000 words": lambda: _format({"type": "string", "enum": list(map("word {}".format, range(20_000)))}),
    "a schema that refers to itself": lambda: _format({"$ref": "#"}),
    "temperature 999999 with top_p -1": lambda: {"temperature": 999999, "top_p": -1},
    "a bias for a token of a negative number": lambda: {"logit_bias": {"-1": 100, "99999999": 100}},
    "a penalty beyond every number": lambda: {"frequency_penalty": 1e308, "presence_penalty": -1e308},
    "a seed beyond 64 bits": lambda: {"seed": 2**70},
    "a prompt of a negative token": lambda: {"prompt": [-1], "messages": None},
    "a million choices": lambda: {"n": 1_000_000},
}
"""Members that are put into a valid request, by name, in the order in which they are sent. The first four kinds ended
llama.cpp (issues 26600, 19367, 12178) and vLLM (19270, 43920)."""


def make_killer(valid: Request, name: str) -> BadRequest:
    """The valid request with the members of this name; None takes a member out."""
    body = parse_body(valid)
    changed = {**(body if isinstance(body, dict) else {}), **KILLERS[name]()}
    text = json.dumps({key: value for key, value in changed.items() if value is not None})
    return BadRequest(name, replace(valid, body=text.encode(), stream=False), may_accept=True)
