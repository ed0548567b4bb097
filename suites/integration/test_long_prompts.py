"""Long prompts: beside others like them, and what is known of one."""

from __future__ import annotations

import random
from dataclasses import replace

from harness.checks.bad_input.limits import SizeSearch
from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.generation import long_prompts
from harness.checks.generation.long_prompts import FACT_PLACES, FACT_TRIALS, FactSearch, FactTrial
from harness.core.exchange import Exchange
from harness.core.mutation import crash_after
from harness.core.verdict import Status
from harness.suite import Session, Verdict, check, make_inconclusive, once

from .generated_text import make_query
from .test_limits import FILLER, PROMPT_COST, lengthen_text, search_prompt

_AT_ONCE = (3, 8)
_SAFE = 0.95
"""The share of the largest prompt's size that is sent: other numbers at its beginning are other tokens."""
_SHORT, _FACTOR, _CLOSE = 800, 4, 1.25
_MOST_SIZES = 8
_TOKENS = 32
_COLOURS = dict(zip(FACT_PLACES, ("red", "green", "blue"), strict=True))
_HALVINGS = 3
_FACT_REQUESTS = PROMPT_COST + len(FACT_PLACES) * _MOST_SIZES + 2 * (FACT_TRIALS - 1) + len(FACT_PLACES)
_TOGETHER_REQUESTS = _FACT_REQUESTS + 1 + _HALVINGS + sum(_AT_ONCE) + 1


def _choose_size(ai_client: Session, search: SizeSearch, times: int) -> int:
    """The size of the largest prompt of which so many, one after the other, are answered in half a deadline; or 0."""
    answered = search.list_answered()
    sizes = [trial.size for trial in answered if _is_soon_enough(ai_client, trial.exchange, times)]
    return int(_SAFE * max(sizes, default=0))


def _is_soon_enough(ai_client: Session, exchange: Exchange, times: int) -> bool:
    return (exchange.timing.service_time or 0.0) * times <= ai_client.endpoint.deadlines.first_byte / 2


@check(
    "the largest prompt that is answered alone is answered three and eight at a time",
    needs=("text",),
    requests=_TOGETHER_REQUESTS,
    tokens=_TOKENS * _TOGETHER_REQUESTS,
    broken_by=tuple(map(crash_after, (8, 14, 20, 26))),
)
def test_together(ai_client: Session) -> Verdict:
    search, sample = search_prompt(ai_client), ai_client.sample()
    size = _choose_size(ai_client, search, max(_AT_ONCE))
    if search.control.problem or not size:
        return make_inconclusive(search.control.problem or "no long prompt is answered soon enough", n=0)
    numbers = random.Random(f"{ai_client.settings.seed} together")

    def ask(size: int, most: int) -> list[Exchange]:
        begins = [f"{numbers.randrange(10**5, 10**6)} " for _ in range(most)]
        inputs = [lengthen_text(sample.inputs, size, begin) for begin in begins]
        return ai_client.ask_many([replace(sample, inputs=value) for value in inputs], concurrency=most)

    alone = ask(size, 1)[0]
    for _ in range(_HALVINGS):  # the machine may have become slower since the search
        if not alone.ok or _is_soon_enough(ai_client, alone, max(_AT_ONCE)):
            break
        size //= 2
        alone = ask(size, 1)[0]
    if alone.ok and not _is_soon_enough(ai_client, alone, max(_AT_ONCE)):
        return make_inconclusive("no long prompt is answered soon enough", n=0)
    rounds: dict[int, list[Exchange]] = {}
    for most in _AT_ONCE if alone.ok else ():
        rounds[most] = ask(size, most)
        if any(map(shows_hang, rounds[most])):
            break
    verdict = long_prompts.judge_prompts_together(size, alone, rounds, ai_client.ask(), ai_client.show)
    if verdict.status is Status.FAIL or not ai_client.capabilities.messages:
        return verdict
    facts = _search_facts(ai_client)
    cut = long_prompts.find_cut_text(facts, ai_client.show) if facts.trials else None
    return cut or verdict


class _FactAsking:
    """Prompts of a filler with a number at three places, of which one is asked for."""

    def __init__(self, ai_client: Session) -> None:
        self._client = ai_client
        self._random = random.Random(f"{ai_client.settings.seed} facts")

    def ask(self, size: int, place: str) -> FactTrial:
        numbers = {name: str(self._random.randrange(10**7, 10**8)) for name in FACT_PLACES}
        facts = [f"The {_COLOURS[name]} number is {numbers[name]}. " for name in FACT_PLACES]
        question = f"What is the {_COLOURS[place]} number? Answer with the number only."
        room = max(0, size - sum(map(len, facts)) - len(question)) // 2
        filler = (FILLER * (room // len(FILLER) + 1))[:room]
        prompt = f"{facts[0]}{filler} {facts[1]}{filler} {facts[2]}{question}"
        return FactTrial(size, place, numbers[place], self._client.ask(make_query(self._client, _TOKENS, prompt)))

    def search(self, cap: int) -> FactSearch:
        """Larger sizes up to the cap while all is known, then sizes between, and the first lost number again."""
        trials: list[FactTrial] = []
        size, known, over = _SHORT, 0, 0
        for _ in range(_MOST_SIZES):
            here = [self.ask(size, place) for place in FACT_PLACES]
            trials += here
            if all(trial.is_known for trial in here):
                known = size
            else:
                over = size
            if not known or known == cap or (over and over <= _CLOSE * known):
                break
            size = (known + over) // 2 if over else min(size * _FACTOR, cap)
        again: list[tuple[FactTrial, FactTrial]] = []
        lost = FactSearch(trials).find_lost()
        if lost is None or not known:
            return FactSearch(trials)
        for _ in range(FACT_TRIALS - 1):
            again.append((self.ask(lost.size, lost.place), self.ask(_SHORT, lost.place)))
        longer = [self.ask(min(_FACTOR * lost.size, cap), place) for place in FACT_PLACES]
        return FactSearch(trials, again, longer)


@once
def _search_facts(ai_client: Session) -> FactSearch:
    """The search for what is known of long prompts; without trials where none is answered soon enough."""
    search = search_prompt(ai_client)
    cap = _choose_size(ai_client, search, _MOST_SIZES)
    return FactSearch(()) if search.control.problem or cap < _SHORT else _FactAsking(ai_client).search(cap)


@check(
    "what stands at the start, in the middle and at the end of a long prompt is known",
    level="warn",
    needs=("messages",),
    requests=_FACT_REQUESTS,
    tokens=_TOKENS * _FACT_REQUESTS,
)
def test_facts(ai_client: Session) -> Verdict:
    search = _search_facts(ai_client)
    if not search.trials:
        problem = search_prompt(ai_client).control.problem
        return make_inconclusive(problem or "no long prompt is answered soon enough", n=0)
    return long_prompts.judge_facts(search, ai_client.show)
