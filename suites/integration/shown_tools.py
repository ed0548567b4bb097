"""Conversations beside tools: with long descriptions, and the same with short ones.

Tested in tests/suites/integration/test_conversation.py.
"""

from __future__ import annotations

import random
from typing import Any

from harness.checks.generation.shown_tools import LEAST_SHOWN, ShownTrial
from harness.suite import Session

from .generated_text import SHORT, make_query
from .talks import AFTER_RESULT, CALLED_TOOL, TOOL_PLACES, WriteTalk, write_opening, write_question

_TRIALS = 2
"""How often a place where the tools seem lost is asked."""
_LONG = (
    "Looks up a word in the great dictionary of the town library, which has been kept there for three hundred years, "
    "and gives back each meaning that it had in any of them, the oldest one first and the newest one at the end."
)
_SPELLINGS: dict[str, dict[str, Any]] = {
    "in a stream": {"stream": True},
    "beside the tool_choice auto": {"tool_choice": "auto"},
}
SHOWN_COST = 2 * (1 + _TRIALS * (len(TOOL_PLACES) + 2 * len(_SPELLINGS)))
"""Requests at most."""


def _make_tool(generator: random.Random, description: str) -> dict[str, Any]:
    """A tool that begins with a number, so that no template of tools is counted as cached."""
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    described = f"{generator.randrange(10**5, 10**6)}. {description}"
    function = {"name": CALLED_TOOL, "description": described, "parameters": parameters}
    return {"type": "function", "function": function}


def _ask_trial(ai_client: Session, generator: random.Random, write: WriteTalk, **more: Any) -> ShownTrial:
    queries = []
    for description in (_LONG, "Looks up a word."):
        tools = [_make_tool(generator, description)]
        queries.append(make_query(ai_client, SHORT, write(write_opening(generator), ""), tools=tools, **more))
    return ShownTrial(*ai_client.ask_many(queries, concurrency=2))


def ask_shown_tools(ai_client: Session) -> tuple[ShownTrial, dict[str, list[ShownTrial]]]:
    """A plain question beside tools, and each other place, again while its tools seem lost.

    Nothing more is asked where the counts do not show the tools of the plain question.
    """
    generator = random.Random(f"{ai_client.settings.seed} tools")
    plain = _ask_trial(ai_client, generator, write_question)
    trials: dict[str, list[ShownTrial]] = {}
    if (plain.shown_tokens or 0) < LEAST_SHOWN:
        return plain, trials
    places: dict[str, tuple[WriteTalk, dict[str, Any]]] = {name: (write, {}) for name, write in TOOL_PLACES.items()}
    for spelling, more in _SPELLINGS.items():
        places[spelling] = (write_question, more)
        places[f"{AFTER_RESULT}, {spelling}"] = (TOOL_PLACES[AFTER_RESULT], more)
    for name, (write, more) in places.items():
        tried = trials.setdefault(name, [])
        while len(tried) < _TRIALS and (not tried or tried[-1].is_lost(plain.shown_tokens or 0)):
            tried.append(_ask_trial(ai_client, generator, write, **more))
    return plain, trials
