"""An agent's conversation: after the results of its calls the model answers, or calls what it has not called yet.

Tested in tests/suites/integration/test_wrong_generation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.checks.common import Show, judge
from harness.checks.generation.text_cases import Unjudged, is_cut, is_unknown_form, judge_exchange, name_refused
from harness.checks.generation.thinking import judge_text_present
from harness.checks.generation.tools import ToolSchemas, find_bad_call, find_call_problem
from harness.core.exchange import Answer, Exchange, ToolCall
from harness.core.json_text import parse_or_keep
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive
from harness.stats.chance import count_telling_pairs


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One step after the first calls: its name, its answers in turn, and the calls made before it.

    It is asked again while an answer makes no progress. `may_refuse`: the request is spelt in a way that a service need
    not know.
    """

    name: str
    exchanges: Sequence[Exchange]
    calls: Sequence[ToolCall]
    may_refuse: bool = False


NEXT_CALLS = count_telling_pairs()
"""Second calls that must all be repeats, and none of them in a new conversation: a model may err now and then."""


@dataclass(frozen=True, slots=True)
class NextCall:
    """The answers to a second request that requires a call, after these calls; each with that in a new conversation.

    It is asked again while an answer repeats a call that is not made in a new conversation, `NEXT_CALLS` times at most.
    The last one has None where it calls something new.
    """

    calls: Sequence[ToolCall]
    pairs: Sequence[tuple[Exchange, Exchange | None]]


def find_standstill(answer: Answer, calls: Sequence[ToolCall], schemas: ToolSchemas) -> str | None:
    """Why the calls of an answer make no progress after those made before; None without calls, or if they do."""
    for call in answer.tool_calls:
        if problem := find_call_problem(call, schemas):
            return problem
    if answer.tool_calls and repeats_calls(answer, calls):
        return f"{answer.tool_calls[0].name!r} is called again with the same arguments"
    return None


def repeats_calls(answer: Answer, calls: Sequence[ToolCall]) -> bool:
    """Whether every call of an answer, and there is one, was made before with the same arguments."""
    earlier = list(map(_read_call, calls))
    return bool(answer.tool_calls) and all(_read_call(call) in earlier for call in answer.tool_calls)


def calls_anew(exchange: Exchange, calls: Sequence[ToolCall]) -> bool:
    """Whether an exchange brought calls that are not all among those made before."""
    answer = exchange.answer
    return answer is not None and bool(answer.tool_calls) and not repeats_calls(answer, calls)


def has_readable_arguments(call: ToolCall) -> bool:
    """Whether the arguments of a call are a JSON object."""
    return isinstance(_read_call(call)[1], dict)


def _read_call(call: ToolCall) -> tuple[str, object]:
    return call.name, parse_or_keep(call.arguments)


@judge
def judge_conversation(
    first: Exchange, steps: Sequence[AgentStep], following: NextCall | None, schemas: ToolSchemas, show: Show
) -> Verdict:
    """Each step after the calls of `first` is answered with a text or with new calls; none without a call."""
    if not steps:
        return make_inconclusive(f"there is no call whose result could be given: {first.outcome}", n=0)
    cases = [_judge_step(step, schemas, show) for step in steps]
    if following is not None:
        cases.append(_judge_following(following, schemas, show))
    refused = {step.name: step.exchanges[0] for step in filter(_is_refused, steps)}
    holds = "the conversation goes on after a call: with its results, a turn of the user, and a second required call"
    return judge_contract(cases, name_refused(holds, refused))


def _is_refused(step: AgentStep) -> bool:
    return step.may_refuse and is_unknown_form(step.exchanges[0])


def _judge_step(step: AgentStep, schemas: ToolSchemas, show: Show) -> Case:
    last = step.exchanges[-1]
    if _is_refused(step):
        return Case(step.name)
    if not last.ok:
        return _judge_middle(step.name, last, show)
    standstills, others = [], []
    for exchange in step.exchanges:
        problem = exchange.answer and find_standstill(exchange.answer, step.calls, schemas)
        standstills.append(problem)
        if not problem:
            others.append(exchange)
    if not standstills[-1]:
        return judge_text_present(step.name, others, show)
    if not all(standstills):
        return Case(step.name, unjudged=f"{standstills[-1]}, and another answer was empty")
    problem = f"no progress: {standstills[-1]}, in each of {len(standstills)} answers"
    return judge_exchange(step.name, last, lambda answer: _unless_cut(answer, problem), show)


def _judge_following(following: NextCall, schemas: ToolSchemas, show: Show) -> Case:
    name = "a second required call"
    exchange, alone = following.pairs[-1]

    def find_problem(answer: Answer) -> str | None:
        if problem := find_bad_call(answer, schemas):
            return problem
        if not repeats_calls(answer, following.calls):
            return None
        again = f"{answer.tool_calls[0].name!r} is called again with the same arguments"
        if alone is None or not calls_anew(alone, following.calls):
            return Unjudged(f"{again}, as in a new conversation")
        if len(following.pairs) < NEXT_CALLS:
            return Unjudged(f"{again}, in {len(following.pairs)} answers")
        return f"no progress: {again}, in each of {len(following.pairs)} answers, and never in a new conversation"

    if not exchange.ok:
        return _judge_middle(name, exchange, show)
    return judge_exchange(name, exchange, find_problem, show)


def _judge_middle(name: str, exchange: Exchange, show: Show) -> Case:
    """A request that failed, as a case: what came before it in the conversation was answered."""
    case = judge_exchange(name, exchange, lambda answer: None, show)
    if case.counterexample is None:
        return case
    return Case(name, show(f"the conversation breaks off at {name}: {exchange.outcome}", exchange))


def _unless_cut(answer: Answer, problem: str) -> str:
    if is_cut(answer):
        return Unjudged("the answer was cut at max_tokens")
    return problem
