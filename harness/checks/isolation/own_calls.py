"""Calls of tools side by side: each request gets the call that it gets alone, and nobody else's.

Tested in tests/suites/integration/test_own_calls.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, starmap
from operator import itemgetter
from typing import Any

from harness.checks.common import Show, count_at_once, explain_decline, has_counterexample, judge, judge_case
from harness.checks.generation.json_schema import find_text_violation
from harness.checks.generation.text_cases import is_cut
from harness.checks.generation.tools import ToolSchemas, find_bad_call, find_call_problem
from harness.checks.isolation.crosstalk import Round
from harness.core.exchange import Answer, Exchange
from harness.core.json_text import parse_or_keep
from harness.core.verdict import Verdict, judge_contract, make_inconclusive
from harness.stats.chance import FALSE_ALARM, compute_later_chance

LEAST_CALLERS = 2
_FREE = "the model, free to choose, calls no tool"
_DOUBTFUL, _MOST_LATER = 0.2, 64
"""Where chance makes it less likely than this that so many answers are others than alone, so many more alone decide."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A request with a tool and a code of its own, in words, and its answers alone, asked twice.

    `schemas` has its own tool; it is empty for one without, which asks for the code as text, or by `form`, the
    schema that its text must obey. `is_free`: the model itself decides whether it calls.
    """

    words: str
    code: str
    schemas: ToolSchemas
    is_free: bool
    first: Exchange
    again: Exchange
    form: Mapping[str, Any] | None = None

    @property
    def problem(self) -> str:
        """What is wrong with its answers alone, so that they show nothing; empty if both are right."""
        return next(filter(None, map(self._find_problem_alone, (self.first, self.again))), "")

    def _find_problem_alone(self, exchange: Exchange) -> str:
        answer = exchange.answer
        if not exchange.ok or answer is None:
            return exchange.outcome
        if not self.schemas:
            return self.find_text_problem(answer)
        if self.is_free and not answer.tool_calls and not is_cut(answer):
            return _FREE
        return find_bad_call(answer, self.schemas) or ""

    def find_text_problem(self, answer: Answer) -> str:
        """What is wrong with an answer to a request without tools, empty if nothing is."""
        if answer.tool_calls:
            return f"it offers no tool, and {answer.tool_calls[0].name!r} is called"
        violation = self.form is not None and find_text_violation(answer.text or "", self.form)
        return f"its text does not obey its own schema: {violation}" if violation else ""

    def loses_code(self, answer: Answer) -> bool:
        """Whether a text lacks the code that both answers alone have."""
        return self.code in self.first.text and self.code in self.again.text and self.code not in (answer.text or "")

    def is_reworded(self, answer: Answer) -> bool:
        """Whether an answer is another one than the first that the request has alone."""
        return _read_form(answer) != _read_form(self.first.answer)

    def may_err(self, answer: Answer) -> bool:
        """Whether a call that cannot be executed is the model's own: it was free to write what it likes."""
        return self.is_free and any(map(partial(find_call_problem, schemas=self.schemas), answer.tool_calls))

    def differs(self, answer: Answer) -> bool:
        """Whether an answer is neither of the two that the request has alone: by its calls, its ending or its text."""
        return _read_form(answer) not in map(_read_form, (self.first.answer, self.again.answer))


def _read_form(answer: Answer | None) -> tuple[object, ...]:
    if answer is None:
        return ()
    calls = [(call.name, parse_or_keep(call.arguments)) for call in answer.tool_calls]
    return calls, answer.finish_reason, (answer.text or "").strip()


@judge
def judge_own_calls(
    callers: Sequence[Caller],
    rounds: Sequence[Round],
    show: Show,
    *,
    deterministic: bool = False,
    later: Round = (),
) -> Verdict:
    """Side by side each request has the call that it has alone: none lost, broken, or another request's.

    A round has the numbers of callers with their answers. What a model may choose (whether it calls at all if it is
    free to, with which arguments, how often) is judged if determinism is promised, or if it changes more often than
    chance explains beside `later`, the callers of `list_doubtful_calls` asked alone after all rounds.
    """
    shown, left_out, unclear = 0, list[str](), "nothing was asked"
    for caller in callers:
        shown += bool(caller.schemas) and not caller.problem
        if caller.problem:
            left_out.append(caller.words)
            unclear = f"{caller.words}: {caller.problem}"
    if shown < LEAST_CALLERS:
        return make_inconclusive(f"fewer than two requests have a right call of a tool alone: {unclear}", n=0)
    sent = list(chain.from_iterable(rounds))
    reader = _CallReader(callers, deterministic or _compute_chance(callers, sent, later) < FALSE_ALARM)
    problems = list(starmap(reader.find_problem, sent))
    wrong = [callers[number] for (number, _), problem in zip(sent, problems, strict=True) if problem]
    only = ", in streams alone" if wrong and all("streamed" in caller.words for caller in wrong) else ""
    cases = []
    for place, (number, exchange) in enumerate(sent):
        name = f"request {place} ({callers[number].words})"
        problem = problems[place] and f"tool calls side by side{only}: {name}: {problems[place]}"
        unjudged = explain_decline(exchange) or ("" if problem else reader.explain_unclear(number, exchange))
        cases.append(judge_case(name, exchange, problem, show, unjudged))
    most = count_at_once(map(itemgetter(1), sent))
    if most < LEAST_CALLERS and not has_counterexample(cases):
        return make_inconclusive("no two requests were under way at the same time", n=0)
    holds = f"{len(sent)} requests with tools, schemas or neither, up to {most} at once, each got what they get alone"
    if left_out:
        holds += f"; left out, because they are not right alone: {'; '.join(left_out)}"
    return judge_contract(cases, holds, distinct=len(dict(sent)))


@dataclass(frozen=True, slots=True)
class _CallReader:
    callers: Sequence[Caller]
    judges_choices: bool
    """Whether an answer unlike those alone is a problem, and not a model's choice."""

    def find_problem(self, number: int, exchange: Exchange) -> str:
        """What is wrong with an answer beside others; empty if nothing is, or if chance may be the cause."""
        answer, caller = exchange.answer, self.callers[number]
        if not exchange.ok or answer is None:
            return f"it fails beside others: {exchange.outcome}"
        if foreign := self._find_foreign(number, answer):
            return f"cross-talk: {foreign}"
        if is_cut(answer):
            return ""
        if not caller.schemas:
            lost = f"its text lacks the code that it has alone: {_describe(answer)}"
            return caller.find_text_problem(answer) or lost * (self.judges_choices and caller.loses_code(answer))
        if not answer.tool_calls:
            return self._describe_lost(answer) if self._is_lost(number, answer) else ""
        return self._find_call_problem(caller, answer)

    def _find_call_problem(self, caller: Caller, answer: Answer) -> str:
        if caller.may_err(answer) and not self.judges_choices:
            return ""
        if problem := find_bad_call(answer, caller.schemas):
            return f"{problem}; alone its call was right both times"
        if caller.differs(answer) and self.judges_choices:
            return f"its answer differs from that alone: {_describe(answer)}, not {_describe(caller.first.answer)}"
        return ""

    def explain_unclear(self, number: int, exchange: Exchange) -> str:
        """Why an answer in which nothing is wrong shows nothing; empty if it does."""
        answer, caller = exchange.answer, self.callers[number]
        if answer is None or not caller.schemas:
            return ""
        if is_cut(answer):
            return "the answer was cut at max_tokens"
        return (find_bad_call(answer, caller.schemas) or "") if answer.tool_calls else _FREE

    def _find_foreign(self, number: int, answer: Answer) -> str:
        own = self.callers[number]
        names, text = set[str](), f"{answer.text or ''} {answer.reasoning}"
        for call in answer.tool_calls:
            names.add(call.name)
            text += f" {call.name} {call.arguments}"
        names -= own.schemas.keys()
        for other in self.callers:
            if other is own:
                continue
            if other.code in text:
                return f"its answer has the code {other.code} of another request ({other.words})"
            if foreign := names & other.schemas.keys():
                return f"{foreign.pop()!r} is called, the tool of another request ({other.words})"
        return ""

    def _is_lost(self, number: int, answer: Answer) -> bool:
        is_announced = answer.finish_reason == "tool_calls"
        return is_announced or not self.callers[number].is_free or self.judges_choices

    def _describe_lost(self, answer: Answer) -> str:
        return f"its call is lost: {_describe(answer)}; alone it came both times"


def list_doubtful_calls(callers: Sequence[Caller], rounds: Sequence[Round]) -> list[int]:
    """The numbers of callers to be asked alone once more, because many answers beside others are others than alone."""
    sent = list(chain.from_iterable(rounds))
    if not sent or _compute_chance(callers, sent, ()) >= _DOUBTFUL:
        return []
    return list(filter(lambda number: callers[number].schemas, map(itemgetter(0), sent)))[:_MOST_LATER]


def _compute_chance(callers: Sequence[Caller], sent: Round, later: Round) -> float:
    """The probability that chance made so many answers to requests with a tool others than the first ones alone."""
    alone = list(later)
    for number, caller in enumerate(callers if not later else ()):
        if not caller.problem:
            alone.append((number, caller.again))
    return compute_later_chance(*_count_reworded(callers, alone), *_count_reworded(callers, sent))


def _count_reworded(callers: Sequence[Caller], answers: Round) -> tuple[int, int]:
    """How many answers to requests with a tool are others than the first ones alone, and how many there are."""
    judged = []
    for number, exchange in answers:
        if callers[number].schemas and exchange.answer is not None:
            judged.append(callers[number].is_reworded(exchange.answer))
    return sum(judged), len(judged)


def _describe(answer: Answer | None) -> str:
    """Calls, finish reason and text of an answer in words."""
    if answer is None:
        return "no answer"
    calls = ", ".join(f"{call.name}({call.arguments})" for call in answer.tool_calls)
    text = f", the text {answer.text!r:.60}" if answer.text else ""
    return f"{calls[:120] or 'no call'}, the finish reason {answer.finish_reason!r}{text}"
