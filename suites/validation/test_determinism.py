"""An input has one answer: cold and warm, alone and beside others, from whichever replica."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.checks.answers.determinism import AskedInput, judge_determinism
from harness.checks.answers.versions import judge_versions
from harness.core.exchange import Exchange, Query
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.run.version_questions import VERSION_REQUESTS, ask_versions
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

_LENGTHS, _EACH, _ROWS, _EACH_IN_ROWS = (220, 500), 4, 8, 3
"""Words of the prompts, so many of each length, and rows where there are no prompts; of these, so many of each length
where a row is a text, or has one.

A word is at least one token. Engines take other paths for long prompts: chunks, other kernels, cached blocks.
"""
_IN_FLIGHT, _ROUNDS, _TOKENS = (2, 4), 2, 48
"""What is wrong for one answer in four of one length is in none of the 16 beside others with probability .01."""
_REQUESTS = _EACH * len(_LENGTHS) * (3 + _ROUNDS * len(_IN_FLIGHT))


def _draw_inputs(session: Session) -> list[tuple[str, Query]]:
    rows = Rows(session)
    if not rows.text:
        long = [
            (f"text of {words} words", rows.query([row]))
            for words in _LENGTHS
            for text in rows.draw_long_texts(_EACH_IN_ROWS, words)
            if (row := rows.replace_text(text)) is not None
        ]
        return [("row", rows.query([row])) for row in rows.draw_distinct(_ROWS - len(long))] + long
    drawn = []
    for words in _LENGTHS:
        for text in rows.draw_long_texts(_EACH, words):
            query = rows.query([text])
            drawn.append((f"prompt of {words} words", query if rows.embeds else session.limit_answer(query, _TOKENS)))
    return drawn


def _ask_beside(session: Session, queries: Sequence[Query], most: int) -> list[list[Exchange]]:
    """The answers to each query with `most` in flight, asked several times in an order of its own."""
    order = list(range(len(queries))) * _ROUNDS
    random.Random(f"{session.settings.seed} {most} in flight").shuffle(order)
    answers: list[list[Exchange]] = [[] for _ in queries]
    asked = session.ask_many([queries[number] for number in order], concurrency=most)
    for number, exchange in zip(order, asked, strict=True):
        answers[number].append(exchange)
    return answers


@check(
    "an input has one answer: cold and warm, alone and beside others",
    promise="deterministic",
    requests=_REQUESTS,
    tokens=_TOKENS * _REQUESTS,
    broken_by=(mutate("other_answer", skip=2 * _ROWS),),
)
def test_one_answer(ai_client: Session) -> Verdict:
    kinds, queries = zip(*_draw_inputs(ai_client), strict=True)
    cold = ask_in_turn(ai_client.ask, queries)
    warm = ask_in_turn(ai_client.ask, queries)
    beside = {most: _ask_beside(ai_client, queries, most) for most in _IN_FLIGHT}
    last = ask_in_turn(ai_client.ask, queries)
    inputs = []
    for number, kind in enumerate(kinds):
        others = {most: answers[number] for most, answers in beside.items()}
        inputs.append(AskedInput(kind, cold[number], warm[number], last[number], others))
    return judge_determinism(inputs, ai_client.show, is_promised=ai_client.promises.deterministic)


@check(
    "every answer comes from one version of the model",
    promise="deterministic",
    requests=VERSION_REQUESTS,
    tokens=16 * VERSION_REQUESTS,
    broken_by=(mutate("other_answer", skip=VERSION_REQUESTS // 3),),
)
def test_one_model(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    if rows.text and not rows.embeds and not ai_client.promises.deterministic:
        return make_inconclusive("texts may vary: determinism is not promised ([promises] deterministic)", n=0)
    return judge_versions(ask_versions(ai_client), ai_client.show)
