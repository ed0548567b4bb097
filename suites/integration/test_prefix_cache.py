"""The prefix cache that the operator promises: each turn of a conversation finds the turns before it cached."""

from __future__ import annotations

import random
import secrets
from typing import Any

from harness.checks.generation import prefix_cache
from harness.checks.generation.prefix_cache import Conversation, TurnTriple
from harness.core.errors import UsageError
from harness.core.exchange import Exchange
from harness.suite import Session, Verdict, check, mutate

from .generated_text import SHORT, make_query

_TURNS, _CONVERSATIONS = 5, 3
_FIRST_WORDS, _MORE_WORDS = 1100, 200
"""Words of the first turn and of each later one: about 2,000 tokens. Some caches begin with prompts of 1,024 tokens."""
_TEXT = "the fox cat dog bird is in the garden behind the barn under the tree near the river"
_WORDS = _TEXT.split()
_ANSWER = "Yes."
_SYSTEM = "You are a patient guide to a garden, and answer in one word."
_REQUESTS = 1 + _TURNS + _CONVERSATIONS * (1 + 3 * (_TURNS - 1))


def _draw_nonce() -> str:
    """A beginning that no prompt had, not in an earlier run with the same seed either."""
    return secrets.token_hex(8)


class _Dialogue:
    """A conversation whose answers are recorded: every turn is the beginning of the next one.

    It begins with a message of the system, if there is one.
    """

    def __init__(self, ai_client: Session, generator: random.Random, system: str = "") -> None:
        self._client, self._nonce, self._system = ai_client, _draw_nonce(), system
        lengths = [_FIRST_WORDS, *[_MORE_WORDS] * (_TURNS - 1)]
        self._questions = [f"{' '.join(generator.choices(_WORDS, k=n))}. Is that so?" for n in lengths]

    def write(self, turn: int) -> str:
        """All that was said up to a turn, as one text."""
        talk = f" {_ANSWER} ".join([f"{self._nonce} {self._questions[0]}", *self._questions[1 : turn + 1]])
        return f"{self._system} {talk}".lstrip()

    def ask(self, turn: int, *, stream: bool = False) -> Exchange:
        """Ask a turn, with all turns before it: as messages, or as one text where the protocol takes no messages."""
        return self._ask([f"{self._nonce} {self._questions[0]}", *self._questions[1 : turn + 1]], stream=stream)

    def ask_fresh(self, turn: int, *, stream: bool = False) -> Exchange:
        """The same turn, after a beginning that nobody has sent."""
        return self._ask([f"{_draw_nonce()} {self._questions[0]}", *self._questions[1 : turn + 1]], stream=stream)

    def ask_short(self, turn: int, *, stream: bool = False) -> Exchange:
        """A short prompt that nobody has sent: the end of a turn."""
        return self._ask([f"{_draw_nonce()} {self._questions[turn][-40:]}"], stream=stream)

    def _ask(self, questions: list[str], *, stream: bool) -> Exchange:
        messages: list[dict[str, Any]] = [{"role": "system", "content": self._system}] if self._system else []
        for question in questions:
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": _ANSWER}]
        query = make_query(self._client, SHORT, messages[:-1], stream=stream)
        try:
            self._client.request(query)
        except UsageError:
            query = make_query(self._client, SHORT, f" {_ANSWER} ".join(questions), stream=stream)
        return self._client.ask(query)


def _hold(ai_client: Session, generator: random.Random) -> Conversation:
    dialogue = _Dialogue(ai_client, generator, _SYSTEM)
    exchanges = [dialogue.ask(0)]
    if not exchanges[0].ok:  # some services take no message of the system
        dialogue = _Dialogue(ai_client, generator)
        exchanges = [dialogue.ask(0)]
    exchanges += [dialogue.ask(turn) for turn in range(1, _TURNS)]
    return Conversation([dialogue.write(turn) for turn in range(_TURNS)], exchanges)


def _time_turns(ai_client: Session, generator: random.Random) -> list[TurnTriple]:
    """The later turns of a conversation, each beside a new prefix and a short prompt, in random order."""
    dialogue, stream = _Dialogue(ai_client, generator), ai_client.capabilities.streaming
    dialogue.ask(0, stream=stream)
    triples = []
    for turn in range(1, _TURNS):
        ways = {"warm": dialogue.ask, "fresh": dialogue.ask_fresh, "short": dialogue.ask_short}
        exchanges = {name: ways[name](turn, stream=stream) for name in generator.sample(list(ways), len(ways))}
        triples.append(TurnTriple(**exchanges))
    return triples


@check(
    "each turn of a conversation finds its prefix cached",
    needs=("generates",),
    grounds=("prefix_cache",),
    requests=_REQUESTS,
    tokens=SHORT * _REQUESTS,
    broken_by=(mutate("wrong_token_counts", percent=1, name="cache"),),
)
def test_kept(ai_client: Session) -> Verdict:
    generator = random.Random(f"{ai_client.settings.seed} prefix cache")
    conversations = [_hold(ai_client, generator)]
    if not conversations[0].states_cached:
        triples = [triple for _ in range(_CONVERSATIONS) for triple in _time_turns(ai_client, generator)]
        return prefix_cache.judge_cached_times(triples, ai_client.show)
    if any(conversations[0].list_misses()):  # others may have crowded it out of the cache
        conversations += [_hold(ai_client, generator) for _ in range(_CONVERSATIONS - 1)]
    return prefix_cache.judge_cached_tokens(conversations, ai_client.show)
