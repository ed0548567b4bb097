"""Options together: each two values of all options meet in a request, and a failure is made as small as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from threading import Timer
from typing import Any

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.common import find_failed
from harness.checks.control import Control
from harness.checks.generation import combinations as parts
from harness.checks.generation.combinations import (
    FLIGHTS,
    FORGOTTEN_TIMES,
    AnothersAnswer,
    CombinationTrial,
    ForgottenCode,
    PlainAnswers,
    find_broken,
)
from harness.core.exchange import Query
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.stats.covering import (
    Combination,
    Levels,
    cover_pairs,
    describe_combination,
    list_special,
    shrink_combination,
)
from harness.suite import Session, Verdict, check, mutate

from .equal_spellings import rename_limit, split_content
from .generated_text import get_limit, make_query
from .test_tools import TOOL_SCHEMAS

_TEXT_TOKENS, _CALL_TOKENS = 12, 96
_TIMES = 3 * _TEXT_TOKENS
"""How often a prompt has its code: each is a token or more, so that a limit cuts the answer that repeats them."""
_MOST = max(FLIGHTS.values())
_ROWS, _STEPS, _AGAIN = 30, 11, 2 * (FORGOTTEN_TIMES - 1)
"""Combinations after which no more are tried, those by which a failing one is made smaller, and its repeats."""
_REQUESTS = _MOST + 4 + (_MOST + 1) * (_ROWS + _STEPS + _AGAIN)
_WEATHER = "get_weather"
_TOOL = {"type": "function", "function": {"name": _WEATHER, "parameters": TOOL_SCHEMAS[_WEATHER]}}


def list_levels(ai_client: Session) -> Levels:
    """The options that this service has, with their values; what is promised is asked for."""
    promises = ai_client.promises
    return {
        "form": (parts.WHOLE, *((parts.STREAMED, parts.WITH_USAGE) if ai_client.capabilities.streaming else ())),
        "tools": (parts.NO_TOOLS, *((parts.FORBIDDEN, parts.REQUIRED) if promises.tools else ())),
        "choices": (parts.ONE, *((parts.TWO,) if promises.choices else ())),
        "temperature": (parts.GREEDY, parts.TEMPERED),
        "content": (parts.TEXT, parts.PARTS),
        "limit": (parts.OLD_LIMIT, parts.NEW_LIMIT),
        "flight": tuple(FLIGHTS),
        "leaving": (parts.STAYING, parts.LEAVING),
    }


class _Trials:
    """Asks combinations with prompts that each ask for a code of their own, many times, so that a limit cuts it."""

    def __init__(self, ai_client: Session) -> None:
        self._client = ai_client
        prompts = Rows(ai_client).draw_fresh(_MOST, "combinations")
        self._codes = [str(prompt).split()[-1] for prompt in prompts]
        self._limits = {
            parts.NO_TOOLS: _TEXT_TOKENS,
            parts.FORBIDDEN: _TEXT_TOKENS,
            parts.REQUIRED: _CALL_TOKENS,
        }
        self.has_hung, self.sent, self.start = False, 0, 0
        self._usual = {name: values[0] for name, values in list_levels(ai_client).items()}
        self.plain = self._ask_plain()

    def _ask_plain(self) -> PlainAnswers:
        queries = list(map(partial(self._make_query, self._usual), range(_MOST)))
        asked = ask_in_turn(self._client.ask, [*queries, *queries[:2]])
        again = [*asked[_MOST:], *asked[2:_MOST]]
        streamed = with_tools = None
        if self._client.capabilities.streaming and find_failed(asked) is None:
            streamed = self._client.ask(replace(queries[0], stream=True))
        if self._client.promises.tools and find_failed(asked) is None:
            with_tools = self._client.ask(self._make_query({**self._usual, "tools": parts.FORBIDDEN}, 0))
        limits = {name: get_limit(self._client, tokens) for name, tokens in self._limits.items()}
        promised = self._client.promises.deterministic
        control = Control(asked[:_MOST], again, self._codes)
        return PlainAnswers(control, streamed, with_tools, limits, {_WEATHER: TOOL_SCHEMAS[_WEATHER]}, promised)

    def _make_query(self, asked: Combination, number: int) -> Query:
        code = self._codes[number]
        prompt = f"Repeat after me: {' '.join([code] * _TIMES)}"
        more: dict[str, Any] = {}
        if asked["tools"] != parts.NO_TOOLS:
            more = {"tools": [_TOOL], "tool_choice": "none"}
        if asked["tools"] == parts.REQUIRED:
            more["tool_choice"] = "required"
            prompt = f"Call {_WEATHER} for the city {code}."
        if asked["choices"] == parts.TWO:
            more["n"] = 2
        if asked["form"] == parts.STREAMED:
            more["stream_options"] = {"include_usage": False}
        if asked["temperature"] == parts.TEMPERED:
            more["temperature"] = 0.7
        is_streamed = asked["form"] != parts.WHOLE
        query = make_query(self._client, self._limits[asked["tools"]], prompt, stream=is_streamed, **more)
        if asked["content"] == parts.PARTS:
            query = split_content(query)
        return rename_limit(query) if asked["limit"] == parts.NEW_LIMIT else query

    def ask(self, asked: Combination) -> CombinationTrial:
        """As many requests side by side as the combination says, beside a client that leaves where it says so."""
        self.sent += 1
        numbers = [*range(self.start, _MOST), *range(self.start)][: FLIGHTS[asked["flight"]]]
        timer = None
        if asked["leaving"] == parts.LEAVING:
            seconds = self.plain.control.first[0].timing.service_time or 0.0
            timer = Timer(seconds / 2, self._client.begin(self._make_query(asked, _MOST - 1)).future.cancel)
            timer.start()
        queries = map(partial(self._make_query, asked), numbers)
        exchanges = self._client.ask_many(list(queries), concurrency=_MOST)
        if timer is not None:
            timer.join()
        self.has_hung = self.has_hung or any(map(shows_hang, exchanges))
        return CombinationTrial(asked, list(zip(numbers, exchanges, strict=True)))

    def fails(self, asked: Combination) -> bool:
        """Whether this combination fails, asked now."""
        return not self.has_hung and find_broken(self.plain, self.ask(asked)) is not None

    def repeat(self, asked: Combination) -> list[CombinationTrial]:
        """The combination asked again; where it lacks a code, until it has it, or a plain request lacks its own."""
        again = [self.ask(asked), self.ask(asked)]
        plain = self._usual | {"flight": asked["flight"]}
        if not self._forgets(again[0]):
            return again
        while len(again) < FORGOTTEN_TIMES and self._forgets(again[-1]) and not self._forgets(self.ask(plain)):
            again.append(self.ask(asked))
        return again

    def _forgets(self, trial: CombinationTrial) -> bool:
        broken = find_broken(self.plain, trial)
        return broken is not None and isinstance(broken[1], ForgottenCode)


@check(
    "combinations of options are answered as each option promises",
    needs=("generates", "chat_options"),
    requests=_REQUESTS,
    tokens=_REQUESTS * _CALL_TOKENS,
    answers=2 * _REQUESTS,
    broken_by=tuple(mutate("truncate_stream", events=2, body=name) for name in ("max_completion_tokens", "n", "tools")),
)
def test_combinations(ai_client: Session) -> Verdict:
    levels, trials = list_levels(ai_client), _Trials(ai_client)
    tried: list[CombinationTrial] = []
    smallest: list[CombinationTrial] = []
    notes: list[str] = []
    waiting: list[Combination] = []
    if not trials.plain.control.problem:
        waiting = cover_pairs(levels, abs(ai_client.settings.seed))
    while waiting and trials.sent < _ROWS:
        tried.append(trials.ask(waiting.pop(0)))
        if not (broken := find_broken(trials.plain, tried[-1])):
            continue
        # With fewer in flight the one that failed is among them: another prompt may end before any limit.
        trials.start = next(number for number, exchange in tried[-1].answers if exchange is broken[0])
        combination = shrink_combination(levels, tried[-1].combination, trials.fails)
        special = dict(list_special(levels, combination))
        if len(special) > 1 or trials.has_hung or isinstance(broken[1], AnothersAnswer):
            smallest = [tried[-1]] if trials.has_hung else trials.repeat(combination)
            break
        # One option alone: its own checks judge it, and here it is left out.
        notes.append(f"not combined: {describe_combination(levels, combination)}, which fails alone: {broken[1]}")
        tried.pop()
        if not special:
            break
        levels = {name: _drop(values, special.get(name)) for name, values in levels.items()}
        waiting = cover_pairs(levels, abs(ai_client.settings.seed))
    return parts.judge_combinations(trials.plain, levels, tried, smallest, ai_client.show).with_notes(*notes)


def _drop(values: Sequence[str], dropped: str | None) -> tuple[str, ...]:
    return tuple(value for value in values if value != dropped)
