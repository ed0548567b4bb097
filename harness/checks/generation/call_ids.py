"""Ids of calls of tools: results are kept apart though their ids come twice, and a service gives each call its own.

Tested in tests/suites/integration/test_ids.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks.common import Show, is_clear_refusal, judge
from harness.checks.generation.text_cases import Unjudged, get_usage, judge_exchange
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_SLACK = 3
"""Prompt tokens by which ids of one length may differ."""


@judge
def judge_repeated_call_ids(pairs: Mapping[str, tuple[Sequence[Exchange], Exchange]], show: Show) -> Verdict:
    """A conversation in which two calls have one id counts the prompt tokens that it has with two ids.

    `pairs` has the answers with two ids, asked twice, and the one with one id. It may be refused: the ids are wrong.
    """
    cases: list[Case] = []
    for words, (plain, repeated) in pairs.items():
        name = f"two calls {words} with one id"
        counts = {get_usage(exchange.answer).prompt_tokens for exchange in plain}
        expected = counts.pop() if len(counts) == 1 else None
        if not all(exchange.ok for exchange in plain):
            cases.append(Case(name, unjudged=f"with two ids they are not answered either: {plain[0].outcome}"))
        elif is_clear_refusal(repeated):
            cases.append(Case(name))
        else:

            def find_loss(answer: Answer, expected: int | None = expected) -> str | None:
                tokens = get_usage(answer).prompt_tokens
                if expected is None or tokens is None:
                    return Unjudged("the service states no tokens of the prompt, or not the same ones each time")
                if abs(tokens - expected) > _SLACK:
                    return f"{tokens} prompt tokens, and {expected} with an id for each: a result was lost or put twice"
                return None

            cases.append(judge_exchange(name, repeated, find_loss, show))
    return judge_contract(cases, "both results of two calls with one id count as tokens of the prompt")


@judge
def judge_call_ids(answers: Sequence[Exchange], show: Show) -> Verdict:
    """No id of a call comes again in another answer: in one conversation nobody could tell the calls apart."""
    owners: dict[str, int] = {}
    cases: list[Case] = []
    for number, exchange in enumerate(answers):

        def find_repeat(answer: Answer, number: int = number) -> str | None:
            if not answer.tool_calls:
                return Unjudged("no tool is called")
            for call in answer.tool_calls:
                owner = owners.setdefault(str(call.id), number)
                if owner != number:
                    return f"the id {call.id!r} of a call was given before, by answer {owner}"
            return None

        cases.append(judge_exchange(f"answer {number}", exchange, find_repeat, show))
    if not owners:
        return make_inconclusive(f"no tool is called: {answers[0].outcome}", n=0)
    return judge_contract(cases, f"{len(owners)} calls of {len(answers)} answers have ids of their own")
