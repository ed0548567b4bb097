"""Conversations of several turns: each request holds the turns before it, with recorded answers of the assistant.

What the service answers is never sent back, so two services are asked the same tokens. The first message begins with a
nonce of the session's own: only this session's turns, and a shared prefix before the nonce, can come from a cache.

Tested in tests/load/workload/test_session_workloads.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.core.generation_options import find_limit_option, merge_options
from harness.core.workload import AGENT, Material
from harness.load.draws import NONCE_TOKENS, draw_length, make_text
from harness.load.forms import TEXT_MARK, QueryForm, Workload, count_forms

_FEWEST_SCRIPTS = 4
"""Different conversations at least: sessions with the same script differ by their nonce."""


def _make(material: Material) -> Workload:
    return SessionWorkload(material, count_session_forms(material), is_unique=True)


def count_session_forms(material: Material) -> int:
    """How many requests the scripts of these sessions have together."""
    profile, turns = material.settings.profile, material.settings.most_turns
    tokens = turns / 2 * (profile.input_tokens.middle + profile.output_tokens.middle)
    if profile.own:
        tokens += profile.own.middle
    if profile.shared:
        tokens += profile.shared.tokens
    return max(_FEWEST_SCRIPTS, count_forms(tokens) // turns) * turns


class SessionWorkload(Workload):
    """Conversations between a user and an assistant."""

    def make_form(self, i: int) -> QueryForm:
        """Turn `i % most_turns` of a script, with all turns before it."""
        material = self.material
        script, turn = divmod(i % self.forms, material.settings.most_turns)
        messages = [*self._begin(script)]
        for number in range(turn + 1):
            messages += self._make_turn(script, number)
        messages.pop()  # the answer to the last turn is what is asked for
        query = replace(material.sample, inputs=messages)
        if material.settings.output_tokens is not None or material.workload == AGENT:
            limit = {find_limit_option(query.options): self._draw_answer_length(script, turn)}
            query = replace(query, options=merge_options(query.options, limit))
        return QueryForm(query)

    def get_nonce_number(self, k: int) -> int:
        """The session of request `k`: all its turns begin with the same nonce."""
        return k // self.material.settings.most_turns

    def _begin(self, script: int) -> list[dict[str, Any]]:
        """The system message: the shared prefix, and what only this session has."""
        profile, draw, parts = self.material.settings.profile, self.draw(script, "begin"), []
        if profile.shared and draw.random() < profile.shared.share:
            parts.append(make_text(self.draw(draw.randrange(profile.shared.count), "prefix"), profile.shared.tokens))
        if profile.own is not None:
            parts.append(f"{TEXT_MARK} {make_text(draw, draw_length(profile.own, draw))}")
        return [{"role": "system", "content": " ".join(parts)}] if parts else []

    def _make_turn(self, script: int, turn: int) -> list[dict[str, Any]]:
        """What is said in one turn, and the recorded answer."""
        profile, draw = self.material.settings.profile, self.draw(f"{script} {turn}", "turn")
        length = draw_length(profile.input_tokens, draw)
        if turn == 0 and profile.own is None:
            content = f"{TEXT_MARK} {make_text(draw, length - NONCE_TOKENS)}"
        else:
            content = make_text(draw, length)
        answer = {"role": "assistant", "content": make_text(draw, self._draw_answer_length(script, turn))}
        return [self.address_turn(content, script, turn), self.record_answer(answer, script, turn)]

    def address_turn(self, content: str, script: int, turn: int) -> dict[str, Any]:
        """What is said in a turn, as a message of whoever says it."""
        del script, turn
        return {"role": "user", "content": content}

    def record_answer(self, answer: dict[str, Any], script: int, turn: int) -> dict[str, Any]:
        """The recorded answer to a turn, as a message."""
        del script, turn
        return answer

    def _draw_answer_length(self, script: int, turn: int) -> int:
        return max(
            1, draw_length(self.material.settings.profile.output_tokens, self.draw(f"{script} {turn}", "answer"))
        )

    def describe(self) -> str:
        """The sessions in one line."""
        settings, profile = self.material.settings, self.material.settings.profile
        line = (
            f"{settings.workload} of {profile.turns.describe('turns')}, each turn of about "
            f"{profile.input_tokens.describe('tokens')} with recorded answers of about "
            f"{profile.output_tokens.describe('tokens')}, each session with a nonce of its own"
        )
        if profile.shared:
            line += f"; {profile.shared.share:.0%} begin with one of {profile.shared.count} prefixes of about "
            line += f"{profile.shared.tokens} tokens"
        return line


WORKLOAD = _make
