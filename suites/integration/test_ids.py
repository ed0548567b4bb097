"""Ids that come twice: two requests with one id, and two calls of tools with one id, are still two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.common import is_clear_refusal
from harness.checks.generation.call_ids import judge_call_ids, judge_repeated_call_ids
from harness.checks.isolation import crosstalk
from harness.checks.isolation.crosstalk import Round
from harness.core.exchange import Exchange, Headers, Query
from harness.run.asking_in_turn import ask_in_turn
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

from .control_inputs import MOST_ASKED_LATER, ask_alone, ask_later
from .generated_text import SHORT, make_query

_INPUTS, _TOGETHER = 4, 2
_REQUESTS = _INPUTS * (3 + _TOGETHER) + 1 + MOST_ASKED_LATER
_REQUEST_ID = "x-request-id"


def _name_headers(ai_client: Session, id_: str) -> Headers:
    """The header line with the id; none where that header says that a request is a repeat."""
    header = ai_client.promises.request_id or _REQUEST_ID
    repeat = ai_client.promises.idempotency or ""
    return () if header.lower() == repeat.lower() else ((header, id_),)


def _give_id(ai_client: Session, queries: Sequence[Query], id_: str) -> list[Query]:
    """The queries with the id, where the protocol has a place for one and the service takes it."""
    if not ai_client.capabilities.own_ids:
        return list(queries)
    with_id = [replace(query, options={**query.options, "id": id_}) for query in queries]
    return with_id if ai_client.ask(with_id[0]).ok else list(queries)


def _ask_with_one_id(ai_client: Session, queries: Sequence[Query]) -> list[Round]:
    """Each query in turn and all of them side by side, all with one id."""
    # Some services take nothing but a random UUID.
    id_ = UUID(int=Random(f"{ai_client.settings.seed} id").getrandbits(128), version=4).hex
    lines, queries = _name_headers(ai_client, id_), _give_id(ai_client, queries, id_)
    in_turn = ask_in_turn(lambda query: ai_client.ask(query, headers=lines), queries)
    rounds: list[Round] = [list(enumerate(in_turn))]
    if not any(map(shows_hang, in_turn)):
        many = [*queries] * _TOGETHER
        together = ai_client.ask_many(many, concurrency=len(queries), headers=[lines] * len(many))
        rounds.append([(place % len(queries), exchange) for place, exchange in enumerate(together)])
    return rounds


@check(
    "requests that carry the same id each get their own answer",
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
    broken_by=(mutate("swap_answers", wait=50), mutate("other_answer", skip=2 * _INPUTS)),
)
def test_same_request_id(ai_client: Session) -> Verdict:
    queries, control = ask_alone(ai_client, _INPUTS)
    if control.problem:
        return make_inconclusive(control.problem, n=0)
    rounds = _ask_with_one_id(ai_client, queries)
    answered: list[Round] = []
    refused = 0
    for round_ in rounds:
        left = [pair for pair in round_ if not is_clear_refusal(pair[1])]
        refused += len(round_) - len(left)
        answered += [left] if left else []
    kinds = ["with the same id as the others"] * len(queries)
    later = ask_later(ai_client, queries, control, answered)
    verdict = crosstalk.judge_own_answers(control, answered, ai_client.show, kinds=kinds, later=later)
    return verdict.with_notes(f"{refused} requests with the id of the others were refused") if refused else verdict


_FIRST_RESULT, _SECOND_RESULT = "The weather of the first city: " + "rain and wind, " * 12, "Sun."
_CITIES = ("Paris", "Oslo")


def _talk_about_weather(ids: tuple[str, str], *, parallel: bool) -> list[dict[str, Any]]:
    """A conversation with two calls and their results, made at once or one after the other."""
    calls: list[Any] = []
    results: list[Any] = []
    for id_, city, result in zip(ids, _CITIES, (_FIRST_RESULT, _SECOND_RESULT), strict=True):
        function = {"name": "get_weather", "arguments": f'{{"city": "{city}"}}'}
        calls.append({"id": id_, "type": "function", "function": function})
        results.append({"role": "tool", "tool_call_id": id_, "content": result})
    question: dict[str, Any] = {"role": "user", "content": "How is the weather in Paris and in Oslo?"}
    if parallel:
        return [question, {"role": "assistant", "content": "", "tool_calls": calls}, *results]
    talk = [question]
    for call, result_message in zip(calls, results, strict=True):
        talk += [{"role": "assistant", "content": "", "tool_calls": [call]}, result_message]
    return talk


_DISTINCT, _SAME = ("call_weather_1", "call_weather_2"), ("call_weather_1", "call_weather_1")
_WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@check(
    "results of calls whose ids come twice all reach the model",
    needs=("generates", "chat_options"),
    grounds=("tools",),
    requests=6,
    tokens=6 * SHORT,
    broken_by=(mutate("wrong_token_counts", skip=2),),
)
def test_same_call_id(ai_client: Session) -> Verdict:
    def ask(ids: tuple[str, str], *, parallel: bool) -> Exchange:
        talk = _talk_about_weather(ids, parallel=parallel)
        return ai_client.ask(make_query(ai_client, SHORT, talk, tools=[_WEATHER_TOOL]))

    pairs = {}
    for words, parallel in (("in one message", True), ("in two messages", False)):
        plain = [ask(_DISTINCT, parallel=parallel), ask(_DISTINCT, parallel=parallel)]
        pairs[words] = (plain, ask(_SAME, parallel=parallel))
    return judge_repeated_call_ids(pairs, ai_client.show)


_ANSWERS = 4


@check(
    "calls of several answers have ids of their own",
    level="warn",
    needs=("generates", "chat_options"),
    grounds=("tools",),
    requests=_ANSWERS,
    tokens=_ANSWERS * 4 * SHORT,
    broken_by=(mutate("endless_tool_calls"),),
)
def test_call_ids_differ(ai_client: Session) -> Verdict:
    query = make_query(
        ai_client, 4 * SHORT, "Call get_weather for the city Paris.", tools=[_WEATHER_TOOL], tool_choice="required"
    )
    return judge_call_ids(ask_in_turn(ai_client.ask, [query] * _ANSWERS), ai_client.show)
