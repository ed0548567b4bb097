"""Parameters of generation do what they say."""

from __future__ import annotations

from harness.checks.generation import choices, parameters
from harness.checks.generation.text_cases import stop_string, text_of
from harness.core.exchange import EventKind
from harness.suite import Session, Verdict, check, make_inconclusive

from .generating import LONG, OPEN_PROMPT, OWN, SHORT, both, counts, generation, limits

_N, _TOP = 3, 2
TOO_SHORT = "the answer is too short to be cut: it shows nothing of a limit"


@check("max_tokens bounds the answer", level="warn", needs=("generates",), requests=4, tokens=LONG + 2 * SHORT + OWN)
def test_max_tokens(ai_client: Session) -> Verdict:
    asked = limits(ai_client)
    own = ai_client.ask(generation(ai_client, OWN, ai_client.sample().inputs))
    if asked.limit is None and asked.long.ok:
        return make_inconclusive(TOO_SHORT, n=0)
    promised, limit = ai_client.promises.deterministic, asked.limit or SHORT
    return parameters.limited(asked.long, asked.short, limit, own, OWN, ai_client.show, promised=promised)


@check("an answer that was cut is not declared complete", needs=("generates",), requests=3, tokens=LONG + 2 * SHORT)
def test_ending(ai_client: Session) -> Verdict:
    asked = limits(ai_client)
    if asked.limit is None and asked.long.ok:
        return make_inconclusive(TOO_SHORT, n=0)
    promised = ai_client.promises.deterministic
    return parameters.honest_ending(asked.long, asked.short, asked.limit or SHORT, ai_client.show, promised=promised)


@check(
    "a stop sequence ends the text and is not in it",
    level="warn",
    needs=("generates",),
    requests=5,
    tokens=3 * LONG + 2 * SHORT,
)
def test_stop(ai_client: Session) -> Verdict:
    long = limits(ai_client).long
    deltas = [event.text for event in long.events if event.kind is EventKind.DELTA and event.index == 0]
    stop = stop_string(deltas or [text_of(long)])
    if stop is None and long.ok:
        return make_inconclusive(f"no stop sequence can be chosen from the text {text_of(long)[:60]!r}", n=0)
    found = both(ai_client, LONG, stop=[stop]) if stop else []
    return parameters.stopped(long, stop or "", found, ai_client.show, promised=ai_client.promises.deterministic)


@check(
    "at temperature 0 the same request has the same text",
    needs=("generates",),
    grounds=("deterministic",),
    requests=4,
    tokens=2 * LONG + 3 * SHORT,
)
def test_repeatable(ai_client: Session) -> Verdict:
    first, again, _ = counts(ai_client)
    return parameters.same_text(
        "temperature 0", [first, again, ai_client.ask(generation(ai_client, SHORT))], ai_client.show
    )


@check(
    "the same seed has the same text",
    needs=("generates", "seeds"),
    grounds=("deterministic",),
    requests=6,
    tokens=6 * 2 * SHORT,
)
def test_seed(ai_client: Session) -> Verdict:
    seed = ai_client.settings.seed
    queries = [
        generation(ai_client, 2 * SHORT, OPEN_PROMPT, temperature=1, seed=each)
        for each in (seed, seed, seed, seed + 1, seed + 2, seed + 3)
    ]
    same = [ai_client.ask(query) for query in queries[:3]]
    others = ai_client.ask_many(queries[3:], concurrency=3)
    return parameters.same_text(f"temperature 1 and seed {seed}", same, ai_client.show, others)


@check(
    "n brings n choices, each finished",
    needs=("generates", "chat_options"),
    grounds=("choices",),
    requests=2,
    tokens=2 * _N * SHORT,
)
def test_choices(ai_client: Session) -> Verdict:
    return choices.numbered(both(ai_client, SHORT, n=_N, temperature=1), _N, ai_client.show)


@check(
    "log-probabilities are those of the text's tokens",
    needs=("generates", "chat_options"),
    grounds=("logprobs",),
    requests=5,
    tokens=5 * SHORT,
)
def test_logprobs(ai_client: Session) -> Verdict:
    plain = counts(ai_client)[0] if ai_client.promises.deterministic else None
    found = both(ai_client, SHORT, logprobs=True, top_logprobs=_TOP)
    return choices.log_probabilities(found, _TOP, ai_client.show, plain)
