"""Calls of tools side by side, streamed and whole: each request gets its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.isolation import own_calls
from harness.checks.isolation.own_calls import LEAST_CALLERS, Caller, list_doubtful_calls
from harness.core.exchange import Exchange, Query
from harness.run.asking_in_turn import ask_in_turn
from harness.suite import Session, Verdict, mutate

from .control_inputs import MOST_ASKED_LATER
from .generated_text import make_query
from .test_tools import choose_tool, tools_check

_TOKENS = 128
_AUTO, _REQUIRED, _NAMED = "auto", "required", "its tool named"
_FORMS = (
    *((_AUTO, True), (_REQUIRED, True), (_NAMED, True), (_REQUIRED, False)),
    *((_AUTO, True), (_REQUIRED, True), (_NAMED, False), (_AUTO, False)),
)
"""How each request asks for its call, and whether streamed."""
_TOOLS = ("note_river", "note_lake", "note_forest", "note_island")
"""Two requests have a tool of each name, with schemas of their own: what is kept by the name of a tool mixes them."""
_CITIES = ("Paris", "Oslo", "Lima", "Cairo", "Quito", "Dakar", "Hanoi", "Minsk")
_PLAIN = (True, False)
"""Requests without tools beside them, streamed or not, and as many for output by a schema where that is promised."""
_IN_FLIGHT = (2, 4, 8, 8)
_INPUTS = len(_FORMS) + 2 * len(_PLAIN)
_REQUESTS = _INPUTS * (2 + len(_IN_FLIGHT)) + MOST_ASKED_LATER


@dataclass(frozen=True, slots=True)
class _CallQuery:
    words: str
    code: str
    query: Query
    schemas: dict[str, dict[str, Any]]
    is_free: bool
    form: dict[str, Any] | None = None


def _make_schema(code: str, city: str) -> dict[str, Any]:
    members = {"code": {"type": "string", "enum": [code]}, "city": {"type": "string", "enum": [city]}}
    return {"type": "object", "properties": members, "required": [*members], "additionalProperties": False}


def _make_call_query(ai_client: Session, number: int, code: str) -> _CallQuery:
    (choice, is_streamed), name, city = _FORMS[number], _TOOLS[number % len(_TOOLS)], _CITIES[number]
    schema = _make_schema(code, city)
    function = {"name": name, "description": "Notes a code and a city.", "parameters": schema}
    asked: dict[str, Any] = {"tools": [{"type": "function", "function": function}]}
    asked |= {"tool_choice": choose_tool(name) if choice == _NAMED else choice}
    prompt = f"Call {name} with the code {code} and the city {city}."
    is_streamed = is_streamed and ai_client.capabilities.streaming
    query = make_query(ai_client, _TOKENS, prompt, stream=is_streamed, **asked)
    words = f"{name}, {choice}, {'streamed' if is_streamed else 'whole'}"
    return _CallQuery(words, code, query, {name: schema}, choice == _AUTO)


def _make_form_query(ai_client: Session, code: str, *, stream: bool) -> _CallQuery:
    is_streamed = stream and ai_client.capabilities.streaming
    schema = _make_schema(code, _CITIES[0])
    form = {"type": "json_schema", "json_schema": {"name": "note", "schema": schema, "strict": True}}
    prompt = f"Write a JSON object with the code {code} and the city {_CITIES[0]}."
    query = make_query(ai_client, _TOKENS, prompt, stream=is_streamed, response_format=form)
    return _CallQuery(f"a schema, {'streamed' if is_streamed else 'whole'}", code, query, {}, True, schema)


def _make_plain_query(ai_client: Session, code: str, *, stream: bool) -> _CallQuery:
    is_streamed = stream and ai_client.capabilities.streaming
    query = make_query(ai_client, _TOKENS, f"Repeat after me: {code}", stream=is_streamed)
    return _CallQuery(f"no tool, {'streamed' if is_streamed else 'whole'}", code, query, {}, True)


@tools_check(
    "calls of tools side by side, streamed and whole, are those that each request gets alone",
    requests=_REQUESTS,
    tokens=_REQUESTS * _TOKENS,
    broken_by=(mutate("swap_answers", wait=50), mutate("broken_tool_arguments", skip=2 * _INPUTS)),
)
def test_own_calls(ai_client: Session) -> Verdict:
    generator = random.Random(f"{ai_client.settings.seed} calls")
    codes = list(map(str, generator.sample(range(10**7, 10**8), _INPUTS)))
    prepared = list(map(partial(_make_call_query, ai_client), range(len(_FORMS)), codes))
    makers = [_make_plain_query, _make_form_query] if ai_client.promises.structured_output else [_make_plain_query]
    for place, (make, stream) in enumerate(product(makers, _PLAIN), len(_FORMS)):
        prepared.append(make(ai_client, codes[place], stream=stream))
    asked = ask_in_turn(ai_client.ask, [one.query for one in prepared] * 2)
    callers = []
    for one, first, again in zip(prepared, asked[: len(prepared)], asked[len(prepared) :], strict=True):
        callers.append(Caller(one.words, one.code, one.schemas, one.is_free, first, again, one.form))
    shown = [number for number, caller in enumerate(callers) if not caller.problem]
    rounds: list[list[tuple[int, Exchange]]] = []
    can_show = sum(bool(callers[number].schemas) for number in shown) >= LEAST_CALLERS
    for most in _IN_FLIGHT if can_show else ():
        order = generator.sample(shown, len(shown))
        exchanges = ai_client.ask_many([prepared[number].query for number in order], concurrency=most)
        rounds.append(list(zip(order, exchanges, strict=True)))
        if any(map(shows_hang, exchanges)):
            break
    promised = ai_client.promises.deterministic
    numbers = [] if promised else list_doubtful_calls(callers, rounds)
    asked = ask_in_turn(ai_client.ask, [prepared[number].query for number in numbers])
    later = list(zip(numbers, asked, strict=True))
    return own_calls.judge_own_calls(callers, rounds, ai_client.show, deterministic=promised, later=later)
