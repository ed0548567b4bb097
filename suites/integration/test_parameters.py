"""Parameters of generation work as documented."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.common import is_clear_refusal
from harness.checks.generation import choices, parameters
from harness.checks.generation.parameters import LIMIT_REPEATS
from harness.checks.generation.text_cases import choose_stop_sequence
from harness.checks.generation.thinking import explain_no_text
from harness.core.exchange import EventKind, Exchange
from harness.run.asking_in_turn import ask_in_turn
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

from .equal_spellings import rename_limit, spell_query
from .generated_text import (
    LONG,
    OPEN_PROMPT,
    OWN,
    SHORT,
    ask_both_ways,
    ask_counts,
    ask_limited,
    ask_limits,
    get_limit,
    make_query,
)

_N, _TOP = 3, 2
_UNSEEN_PROMPT = "Say the letters from A on in words, and go on without an end.\nSpell."
"""No other check asks it: the first answer is from no cache, and the others may be."""
_TOO_SHORT = "the answer is too short to be cut, so it shows nothing about a limit"


_LIMITS_COST = 2 * LONG + 2 * SHORT * (1 + LIMIT_REPEATS)
_LIMIT_TRIALS = 4


@check(
    "max_tokens bounds the answer",
    level="warn",
    needs=("generates",),
    requests=7 + 4 * LIMIT_REPEATS,
    tokens=_LIMITS_COST + OWN + 2 * SHORT * (1 + LIMIT_REPEATS),
    broken_by=(mutate("other_answer", form="drift"),),
)
def test_max_tokens(ai_client: Session) -> Verdict:
    limited = ask_limits(ai_client)
    own = ai_client.ask(make_query(ai_client, OWN, ai_client.sample().inputs))
    if limited.is_too_short:
        return make_inconclusive(_TOO_SHORT, n=0)
    short = list(limited.short)
    if ai_client.capabilities.chat_options and short:
        renamed = rename_limit(make_query(ai_client, limited.text.limit, exact=True))
        forms = (False, True) if ai_client.capabilities.streaming else (False,)
        answers = [ask_limited(ai_client, limited.text, replace(renamed, stream=stream)) for stream in forms]
        short += [answer for answer in answers if not is_clear_refusal(answer)]
    return parameters.judge_max_tokens(limited.text, short, own, get_limit(ai_client, OWN), ai_client.show)


_SPELT = 4


@check(
    "equal requests in other spellings have the same prompt and the same answer",
    needs=("generates", "chat_options"),
    requests=3 + _SPELT,
    tokens=(3 + _SPELT) * SHORT,
    broken_by=(mutate("other_answer", form="drift", skip=3),),
)
def test_spellings(ai_client: Session) -> Verdict:
    first, again, _ = ask_counts(ai_client)
    respelled = spell_query(make_query(ai_client, SHORT), _SPELT, ai_client.settings.seed)
    answers = {words: ai_client.ask(query) for words, query in respelled.items()}
    promised = ai_client.promises.deterministic
    return parameters.judge_spellings(first, again, answers, ai_client.show, promised=promised)


@check(
    "no max_tokens passes the promised limit of the output",
    needs=("generates",),
    grounds=("output_limit",),
    requests=_LIMIT_TRIALS,
    answers=_LIMIT_TRIALS,
)
def test_output_limit(ai_client: Session) -> Verdict:
    limit = ai_client.promises.output_limit
    assert limit is not None
    answers = []
    for asked in (limit + 1, 4 * limit, 32 * limit, max(64 * limit, 1_000_000)):
        query = make_query(ai_client, asked, exact=True)
        answers.append((asked, ai_client.ask(query)))
    return parameters.judge_output_limit(limit, answers, ai_client.show)


@check(
    "an answer that was cut is not declared complete",
    needs=("generates",),
    requests=4 + 2 * LIMIT_REPEATS,
    tokens=_LIMITS_COST,
    broken_by=tuple(mutate("wrong_finish_reason", reason=reason) for reason in ("stop", "end_turn")),
)
def test_ending(ai_client: Session) -> Verdict:
    limited = ask_limits(ai_client)
    if limited.is_too_short:
        return make_inconclusive(_TOO_SHORT, n=0)
    return parameters.judge_cut_endings(limited.text, limited.short, ai_client.show)


@check(
    "a stop sequence ends the text and is not in it",
    level="warn",
    needs=("generates",),
    requests=6 + 2 * LIMIT_REPEATS,
    tokens=2 * LONG + _LIMITS_COST,
    broken_by=(mutate("other_answer", form="drift"),),
)
def test_stop(ai_client: Session) -> Verdict:
    long = ask_limits(ai_client).text.long
    deltas = [event.text for event in long.events if event.kind is EventKind.DELTA and event.index == 0]
    # Deltas may have thinking between tags, which is no part of the text.
    if "".join(deltas) != long.text:
        deltas = [long.text]
    stop = choose_stop_sequence(deltas)
    if stop is None and long.ok:
        why = explain_no_text(long) or f"the text {long.text[:60]!r}"
        return make_inconclusive(f"no stop sequence can be chosen: {why}", n=0)
    exchanges = ask_both_ways(ai_client, LONG, stop=[stop]) if stop else []
    promised = ai_client.promises.deterministic
    return parameters.judge_stop_sequence(long, stop or "", exchanges, ai_client.show, promised=promised)


@check(
    "at temperature 0 the same request has the same text",
    needs=("generates",),
    grounds=("deterministic",),
    requests=3,
    tokens=3 * SHORT,
    broken_by=(mutate("other_answer", form="drift"),),
)
def test_repeatable(ai_client: Session) -> Verdict:
    query = make_query(ai_client, SHORT, _UNSEEN_PROMPT)
    return parameters.judge_same_text("temperature 0", ask_in_turn(ai_client.ask, [query] * 3), ai_client.show)


@check(
    "the same seed has the same text",
    needs=("generates", "seeds"),
    grounds=("deterministic",),
    requests=6,
    tokens=6 * 2 * SHORT,
    broken_by=(mutate("other_answer", form="drift"),),
)
def test_seed(ai_client: Session) -> Verdict:
    seed = ai_client.settings.seed
    query = make_query(ai_client, 2 * SHORT, OPEN_PROMPT, temperature=1, seed=seed)
    other_seeds = [replace(query, options={**query.options, "seed": seed + step}) for step in (1, 2, 3)]
    same = [ai_client.ask(query), ai_client.ask(query), ai_client.ask(query)]
    others = ai_client.ask_many(other_seeds, concurrency=3)
    return parameters.judge_same_text(f"temperature 1 and seed {seed}", same, ai_client.show, others)


_CHOICES_AGAIN = 3
"""How often more choices are asked for, both ways, where one has no text.

Of six choices of a model that is silent with probability 1/4, one stays empty so with probability 6 / 4^7.
"""
_CHOICE_REQUESTS = 2 + 2 * _CHOICES_AGAIN


@check(
    "n brings n choices, each finished",
    needs=("generates", "chat_options"),
    grounds=("choices",),
    requests=_CHOICE_REQUESTS,
    tokens=_CHOICE_REQUESTS * _N * SHORT,
    answers=_CHOICE_REQUESTS * _N,
    broken_by=(mutate("partial_batch"),),
)
def test_choices(ai_client: Session) -> Verdict:
    exchanges = ask_both_ways(ai_client, SHORT, n=_N, temperature=1)
    again: list[Exchange] = []
    for _ in range(_CHOICES_AGAIN):
        if choices.has_empty_choice(exchanges, again):
            again += ask_both_ways(ai_client, SHORT, n=_N, temperature=1)
    return choices.judge_choices(exchanges, _N, ai_client.show, again, get_limit(ai_client, SHORT))


@check(
    "log-probabilities are those of the text's tokens",
    needs=("generates", "chat_options"),
    grounds=("logprobs",),
    requests=5,
    tokens=5 * SHORT,
)
def test_logprobs(ai_client: Session) -> Verdict:
    plain = ask_counts(ai_client)[0] if ai_client.promises.deterministic else None
    exchanges = ask_both_ways(ai_client, SHORT, temperature=0, logprobs=True, top_logprobs=_TOP)
    return choices.judge_log_probabilities(exchanges, _TOP, ai_client.show, plain)
