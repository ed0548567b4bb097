"""What a conversation says reaches the model, in whatever message it stands."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial

from harness.checks.generation import conversation
from harness.checks.generation.conversation import MOST_TRIALS, MessageTrial, ReasoningTrial
from harness.checks.generation.shown_tools import judge_shown_tools
from harness.core.exchange import Exchange
from harness.protocols.shared.chat_parts import REASONING_MEMBERS
from harness.suite import Session, Verdict, check, mutate, once

from .generated_text import SHORT, make_query
from .shown_tools import SHOWN_COST, ask_shown_tools
from .talks import (
    CONTROLS,
    MESSAGES,
    OVERLOOKED,
    TOOL_MESSAGES,
    TalkTurn,
    WriteTalk,
    write_note,
    write_opening,
    write_plain,
    write_reasoning,
    write_reasoning_with_call,
)

_TOKENS = 32
_SIDE_BY_SIDE = 3
_NAMES = REASONING_MEMBERS[:2]
_COST = len(MESSAGES) * _SIDE_BY_SIDE * MOST_TRIALS
_TOOLS_COST = len(TOOL_MESSAGES) * _SIDE_BY_SIDE * MOST_TRIALS
_REASONING_COST = (2 + len(_NAMES)) * MOST_TRIALS
_THOUGHT = (
    "The visitor says little, so a few calm and friendly words will do, and no question is to be asked in return."
)
talk_check = partial(check, needs=("messages",))
"""The messages of tools are those of OpenAI's chat: other protocols have a form of their own for them."""


def _has_tools(ai_client: Session) -> bool:
    return ai_client.promises.tools and ai_client.capabilities.chat_options


def _ask(ai_client: Session, *talks: list[TalkTurn], tokens: int = _TOKENS) -> list[Exchange]:
    return ai_client.ask_many([make_query(ai_client, tokens, talk) for talk in talks], concurrency=_SIDE_BY_SIDE)


def _ask_trial(
    ai_client: Session, write: WriteTalk, write_control: WriteTalk, generator: random.Random
) -> MessageTrial:
    code = str(generator.randrange(10**7, 10**8))
    texts = ((write, write_note(code)), (write, ""), (write_control, write_note(code)))
    talks = [writer(write_opening(generator), text) for writer, text in texts]
    stated, silent, control = _ask(ai_client, *talks)
    words = len(write_note(code).split())
    return MessageTrial(code, stated, silent, control, talks[0][-1]["role"] == "user", words)


def _ask_trials(ai_client: Session, kinds: Mapping[str, WriteTalk]) -> dict[str, list[MessageTrial]]:
    """Trials of each kind of message: one, and more while it seems lost."""
    trials: dict[str, list[MessageTrial]] = {}
    for name, write in kinds.items():
        generator = random.Random(f"{ai_client.settings.seed} {name}")
        tried = trials.setdefault(name, [])
        while len(tried) < MOST_TRIALS and not (tried and tried[-1].is_clear):
            tried.append(_ask_trial(ai_client, write, CONTROLS.get(name, write_plain), generator))
    return trials


@once
def _ask_messages(ai_client: Session) -> dict[str, list[MessageTrial]]:
    return _ask_trials(ai_client, MESSAGES)


@once
def _ask_tool_messages(ai_client: Session) -> dict[str, list[MessageTrial]]:
    return _ask_trials(ai_client, TOOL_MESSAGES)


@talk_check(
    "each message of a conversation reaches the model",
    requests=_COST,
    tokens=_COST * _TOKENS,
    broken_by=(mutate("other_answer", body="messages.0.role: system"),),
)
def test_messages(ai_client: Session) -> Verdict:
    return conversation.judge_messages(_ask_messages(ai_client), ai_client.show, OVERLOOKED)


@talk_check(
    "the calls and results of tools in a conversation reach the model",
    needs=("messages", "chat_options"),
    grounds=("tools",),
    requests=_TOOLS_COST + SHOWN_COST,
    tokens=_TOOLS_COST * _TOKENS + SHOWN_COST * SHORT,
    broken_by=(mutate("other_answer", body="messages.4.role: tool"),),
)
def test_tool_messages(ai_client: Session) -> Verdict:
    trials = _ask_tool_messages(ai_client)
    places, note = judge_shown_tools(*ask_shown_tools(ai_client), ai_client.show)
    return conversation.judge_messages(trials, ai_client.show, OVERLOOKED, places).with_notes(note)


@talk_check(
    "a kind of message that is not known is refused with a 4xx",
    level="warn",
    requests=_COST + _TOOLS_COST,
    tokens=(_COST + _TOOLS_COST) * _TOKENS,
    broken_by=(mutate("answer_status", status=500, body="messages.0.role: system"),),
)
def test_unknown_messages(ai_client: Session) -> Verdict:
    trials = dict(_ask_messages(ai_client))
    if _has_tools(ai_client):
        trials |= _ask_tool_messages(ai_client)
    return conversation.judge_unknown_messages(trials, ai_client.show)


@talk_check(
    "earlier reasoning is read under each name that is accepted, or under none",
    level="warn",
    requests=_REASONING_COST,
    tokens=_REASONING_COST * SHORT,
    broken_by=tuple(
        mutate("wrong_token_counts", name="prompt", percent=percent, body=f"messages.3.{_NAMES[0]}")
        for percent in (1000, 1)
    ),
)
def test_reasoning(ai_client: Session) -> Verdict:
    write = write_reasoning_with_call if _has_tools(ai_client) else write_reasoning
    generator = random.Random(f"{ai_client.settings.seed} reasoning")
    trials: list[ReasoningTrial] = []
    while len(trials) < MOST_TRIALS and not (trials and trials[-1].unread_name is None):
        talks = [write(write_opening(generator), name, _THOUGHT) for name in _NAMES]
        others = write(write_opening(generator), "", ""), write_plain(write_opening(generator), _THOUGHT)
        silent, control, *stated = _ask(ai_client, *others, *talks, tokens=SHORT)
        trials.append(ReasoningTrial(silent, control, dict(zip(_NAMES, stated, strict=True)), _THOUGHT))
    return conversation.judge_earlier_reasoning(trials, ai_client.show)


@talk_check("no hidden prompt stands before a conversation", level="info", requests=3, tokens=3 * SHORT)
def test_hidden_prompt(ai_client: Session) -> Verdict:
    generator = random.Random(f"{ai_client.settings.seed} hidden")
    talks = []
    for system in (None, "", _THOUGHT):
        before = [] if system is None else [{"role": "system", "content": system}]
        talks.append([*before, *write_opening(generator), {"role": "user", "content": "Say hello."}])
    absent, empty, control = _ask(ai_client, *talks, tokens=SHORT)
    return conversation.judge_hidden_prompt(absent, empty, control, ai_client.show)
