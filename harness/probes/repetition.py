"""repetition: does the answer to an ordinary question fall into a loop, until the limit of tokens ends it?"""

from __future__ import annotations

from harness.checks.generation.text_faults import find_loop
from harness.core.canary import Mint
from harness.core.exchange import Exchange
from harness.core.probe import ProbeForm, ProbeKind
from harness.probes._prompts import make_prompt

_QUESTIONS = (
    "What is a harbour?",
    "Write a list of five fruits.",
    "Explain in two sentences why the sky is blue.",
    "Write a haiku about rain.",
    "What are the days of the week?",
)
_LONGEST = 12
"""Words of a loop, at most: a longer run that comes again may be a list or a song."""
_LOOP = "ship and boat " * 12


def _make_forms(mint: Mint) -> list[ProbeForm]:
    return [ProbeForm(question, make_prompt(question)) for question in _QUESTIONS]


def _make_abilities(mint: Mint) -> list[ProbeForm]:
    return [ProbeForm("the user asks for a loop", make_prompt(f"Repeat after me: {_LOOP}"))]


def _find_hit(form: ProbeForm, exchange: Exchange) -> str | None:
    loop = find_loop(exchange.text)
    return f"the answer ends in a loop of {loop!r:.60}" if 0 < len(loop.split()) <= _LONGEST else None


PROBE = ProbeKind(
    name="repetition",
    title="answers to ordinary questions do not fall into a loop",
    holds="no answer to an ordinary question falls into a loop",
    tags=("LLM10",),
    make_forms=_make_forms,
    make_abilities=_make_abilities,
    find_hit=_find_hit,
    level="info",
    tokens=160,
)
