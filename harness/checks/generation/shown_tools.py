"""Whether the tools of a request are shown to the model wherever its conversation stands, by the prompt tokens.

Tested in tests/suites/integration/test_conversation.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.checks.common import Show, find_failed
from harness.checks.generation.text_cases import count_added_tokens, is_unknown_form, judge_exchange
from harness.core.exchange import Exchange
from harness.core.verdict import Case

LEAST_SHOWN = 10
"""Prompt tokens that longer descriptions add to a plain question, so that the counts show the tools."""


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """The answers to one conversation beside tools with long descriptions, and beside the same with short ones."""

    longer: Exchange
    shorter: Exchange

    @property
    def shown_tokens(self) -> int | None:
        """The prompt tokens that the longer descriptions add; None: they are not stated."""
        return count_added_tokens(self.longer, self.shorter)

    def is_lost(self, plain: int) -> bool:
        """Whether they add less than half of what they add to a plain question."""
        return self.shown_tokens is not None and 2 * self.shown_tokens < plain


def judge_shown_tools(
    plain: ShownTrial, trials: Mapping[str, Sequence[ShownTrial]], show: Show
) -> tuple[list[Case], str]:
    """Each place in a conversation as a case, and a note on what is not judged.

    `plain` is the control, a question alone; `trials` has those of each place by its name. A place is lost if no trial
    shows the tools there. A service whose counts do not show tools to a plain question is not judged.
    """
    expected = plain.shown_tokens
    if expected is None or expected < LEAST_SHOWN:
        failed = find_failed((plain.longer, plain.shorter))
        why = failed.outcome if failed else "longer descriptions of tools count no more prompt tokens"
        return [], f"whether the tools are shown in each conversation is not judged: {why}"
    cases, unseen = [], []
    for name, tried in trials.items():
        last = tried[-1]
        failed = find_failed((last.longer, last.shorter))
        if all(trial.is_lost(expected) for trial in tried):
            why = f"longer descriptions add {last.shown_tokens} prompt tokens, and {expected} in a plain question"
            cases.append(Case(name, show(f"the tools are not shown to the model {name}: {why}", last.longer)))
        elif failed and not is_unknown_form(failed):
            cases.append(judge_exchange(f"tools {name}", failed, lambda answer: None, show))
        elif last.shown_tokens is None:
            unseen.append(name)
        else:
            cases.append(Case(name))
    if not unseen:
        return cases, f"the tools are shown to the model in {len(cases)} kinds of conversation, by its prompt tokens"
    return cases, f"whether the tools are shown is not stated or refused: {', '.join(unseen)}"
