"""Options end with their request: what one asks for does not stay for those after it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.isolation.left_options import (
    LEFT_CONTROLS,
    LEFT_REPEATS,
    LeftOption,
    PlainAnswer,
    find_left_sign,
    judge_left_options,
)
from harness.core.exchange import Exchange
from harness.suite import Session, Verdict, check, mutate

from .generated_text import make_query
from .test_structured import make_schema_format
from .test_tools import TOOL_SCHEMAS

_CODES, _TOKENS = 3, 64
_MOST_OPTIONS = 6
_REQUESTS = LEFT_CONTROLS + 2 * (1 + LEFT_REPEATS) * _MOST_OPTIONS
_SYSTEM = "You are a guide of a museum who is asked about its paintings, its opening hours and its prices all day long."

_WEATHER = "get_weather"
_TOOL = {
    "type": "function",
    "function": {"name": _WEATHER, "description": " ".join([_SYSTEM] * 8), "parameters": TOOL_SCHEMAS[_WEATHER]},
}
"""It counts more tokens than a tool of another check that has stayed since."""


class _Asking:
    """Prompts to repeat codes that nothing else holds, with and without an option."""

    def __init__(self, ai_client: Session) -> None:
        self._client = ai_client
        self._random = random.Random(f"{ai_client.settings.seed} left options")

    def _write_prompt(self) -> tuple[str, list[str]]:
        codes = list(map(str, self._random.sample(range(10**7, 10**8), _CODES)))
        return f"Repeat after me: {' '.join(codes)}", codes

    def ask_plain(self) -> PlainAnswer:
        prompt, codes = self._write_prompt()
        return PlainAnswer(" ".join(codes), self._client.ask(make_query(self._client, _TOKENS, prompt)))

    def ask_controls(self) -> list[PlainAnswer]:
        """One plain request twice, and others while all hold their codes: where one does not, codes say nothing."""
        first = self.ask_plain()
        again = self._client.ask(make_query(self._client, _TOKENS, f"Repeat after me: {first.codes}"))
        controls = [first, PlainAnswer(first.codes, again), self.ask_plain()]
        while len(controls) < LEFT_CONTROLS and all(control.is_repeated for control in controls):
            controls.append(self.ask_plain())
        return controls

    def list_options(self) -> Mapping[str, Mapping[str, Any]]:
        """What the service takes, or is promised to take, by its name."""
        able, promises = self._client.capabilities, self._client.promises
        options: dict[str, Mapping[str, Any]] = {"a stop sequence": {"stop": [" "]}}
        if able.chat_options and promises.tools:
            options["a tool"] = {"tools": [_TOOL], "tool_choice": "required"}
        if able.chat_options and promises.structured_output:
            options["a schema"] = {"response_format": make_schema_format("flat")}
        if able.chat_options and promises.choices:
            options["two choices"] = {"n": 2}
        return options

    def ask_with(self, option: Mapping[str, Any]) -> Exchange:
        return self._client.ask(make_query(self._client, _TOKENS, self._write_prompt()[0], **option))

    def ask_with_system(self) -> Exchange:
        talk = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": self._write_prompt()[0]}]
        return self._client.ask(make_query(self._client, _TOKENS, talk))


@check(
    "what a request asks for does not stay for the requests after it",
    needs=("generates",),
    requests=_REQUESTS,
    tokens=_TOKENS * _REQUESTS,
    broken_by=(mutate("stale_answer"), mutate("wrong_token_counts", name="prompt", percent=1000, skip=LEFT_CONTROLS)),
)
def test_options_end(ai_client: Session) -> Verdict:
    asking = _Asking(ai_client)
    before = asking.ask_controls()
    asks: dict[str, Callable[[], Exchange]] = {}
    for name, option in asking.list_options().items():
        asks[name] = partial(asking.ask_with, option)
    if ai_client.capabilities.messages:
        asks["a system message"] = asking.ask_with_system
    options: dict[str, LeftOption] = {}
    if not all(control.exchange.ok for control in before):
        asks.clear()
    for name, ask in asks.items():
        pairs = [(ask(), asking.ask_plain())]
        while len(pairs) <= LEFT_REPEATS and find_left_sign(before, pairs[-1][1]):
            if any(map(shows_hang, (pairs[-1][0], pairs[-1][1].exchange))):
                break
            pairs.append((ask(), asking.ask_plain()))
        options[name] = LeftOption(pairs)
    return judge_left_options(before, options, ai_client.show)
