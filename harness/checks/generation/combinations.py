"""Combinations of options: each answer keeps what every option by itself promises, and is its own request's.

What one option alone breaks is for the checks of that option.

Tested in tests/suites/integration/test_combinations.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from harness.checks.common import Show, explain_decline, is_clear_refusal, judge
from harness.checks.control import Control
from harness.checks.generation.json_schema import find_text_violation
from harness.checks.generation.text_cases import count_common, count_text_tokens, get_usage, is_cut, quote_answer
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive
from harness.stats.covering import Combination, Levels, describe_combination, list_special

WHOLE, STREAMED, WITH_USAGE = "whole", "streamed", "streamed with usage"
NO_TOOLS, FORBIDDEN, REQUIRED = "no tools", "tools with tool_choice none", "a required call"
ONE, TWO = "n of 1", "n of 2"
STAYING, LEAVING = "nobody leaves", "a neighbour that leaves"
GREEDY, TEMPERED = "temperature 0", "temperature 0.7"
TEXT, PARTS = "the content as text", "the content as parts"
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
FLIGHTS = {"1 in flight": 1, "2 in flight": 2, "8 in flight": 8}
_SLACK = 3
"""Prompt tokens by which a spelling may differ: some templates set parts on lines of their own."""
_MOST_WORDS = 2
"""Words in a token at most: of ordinary tokenizers one, of those whose tokens cross blanks now and then two."""
_LEAST_COUNTED = 0.8
"""The share of the limit that an answer counts at least which the limit cut."""


class AnothersAnswer(str):
    """A problem that no model brings about by itself: the answer is another request's."""

    __slots__ = ()


class ForgottenCode(str):
    """A problem that a model brings about now and then by itself: the answer does not say what it was asked to."""

    __slots__ = ()


FORGOTTEN_TIMES = 6
"""How often a combination that lacks a code must do so again, four times beside a plain request that has its own.

Where both lack one with probability p, all that comes about with probability p^7 (1 - p)^4, at most 0.0008.
"""


@dataclass(frozen=True, slots=True)
class PlainAnswers:
    """What the plain request shows: `control` has its answers for each input.

    `streamed` and `with_tools` are the first input streamed, and beside tools that may not be called; None where that
    was not asked. `limits` are those of the tokens of a choice, by the value of the option `tools`, and `schemas` those
    of the tools' arguments. `deterministic`: the same request has the same text, as is promised.
    """

    control: Control
    streamed: Exchange | None
    with_tools: Exchange | None
    limits: Mapping[str, int]
    schemas: Mapping[str, Mapping[str, object]]
    deterministic: bool = False

    def count_prompt(self, number: int, *, is_streamed: bool, has_tools: bool) -> int | None:
        """The prompt tokens that this input must count; None if the service does not show it."""
        own, first = _count_prompt(self.control.first[number]), _count_prompt(self.control.first[0])
        if own is None or first is None:
            return None
        if is_streamed and abs((_count_prompt(self.streamed) or 0) - first) > _SLACK:
            return None  # streams count otherwise, or not at all
        if not has_tools:
            return own
        tools = _count_prompt(self.with_tools)
        return None if tools is None else own + tools - first


@dataclass(frozen=True, slots=True)
class CombinationTrial:
    """A combination that was sent, and the answers to its inputs, by their numbers."""

    combination: Combination
    answers: Sequence[tuple[int, Exchange]]


def find_broken(plain: PlainAnswers, trial: CombinationTrial) -> tuple[Exchange, str] | None:
    """The first answer of a trial that breaks what an option promises, and how; None: none does, as far as is shown.

    One that only lacks its code comes after all others.
    """
    forgotten = None
    for number, exchange in trial.answers:
        if explain_decline(exchange) or is_clear_refusal(exchange):
            continue
        if not exchange.ok or exchange.answer is None:
            return exchange, f"no valid answer: {exchange.outcome}"
        for problem in _list_problems(plain, trial.combination, number, exchange.answer):
            if not isinstance(problem, ForgottenCode):
                return exchange, problem
            forgotten = forgotten or (exchange, problem)
    return forgotten


def _list_problems(plain: PlainAnswers, asked: Combination, number: int, answer: Answer) -> Iterator[str]:
    wanted = 1 + (asked.get("choices") == TWO)
    if len(answer.choices) != wanted:
        yield f"n is {wanted}, and the number of choices {len(answer.choices)}"
    if None in map(attrgetter("finish_reason"), answer.choices):
        yield "a choice has no finish reason"
    yield from _list_tool_problems(plain, asked, answer)
    yield from _list_count_problems(plain, asked, number, answer, wanted)
    if asked["tools"] != REQUIRED:
        for choice in answer.choices:
            yield from _list_text_problems(plain, asked, number, choice.text)


def _list_tool_problems(plain: PlainAnswers, asked: Combination, answer: Answer) -> Iterator[str]:
    for choice in answer.choices:
        if asked["tools"] != REQUIRED and choice.tool_calls:
            yield f"{choice.tool_calls[0].name!r} is called, and nothing allows it"
        if asked["tools"] != REQUIRED or is_cut(answer):
            continue
        if not choice.tool_calls:
            yield f"no tool is called, although a call is required: {quote_answer(choice.text)}"
        for call in choice.tool_calls:
            if call.name not in plain.schemas:
                yield f"{call.name!r} is called, and no such tool was given"
            elif violation := find_text_violation(call.arguments, plain.schemas[call.name]):
                yield f"the arguments of {call.name!r}: {violation}"


def _list_count_problems(
    plain: PlainAnswers, asked: Combination, number: int, answer: Answer, wanted: int
) -> Iterator[str]:
    is_streamed, counts = asked["form"] != WHOLE, get_usage(answer)
    expected = plain.count_prompt(number, is_streamed=is_streamed, has_tools=asked["tools"] == FORBIDDEN)
    limit = wanted * plain.limits[asked["tools"]]
    if (written := count_text_tokens(answer)) is not None and written > limit:
        yield f"{written} completion tokens, and at most {limit} were asked for"
    if asked["tools"] != REQUIRED:
        yield from _list_limit_problems(plain, answer, wanted, plain.limits[asked["tools"]])
    if not expected or (asked["form"] == STREAMED and counts.prompt_tokens is None):
        return
    if counts.prompt_tokens is None:
        yield f"no token counts are stated, and {expected} prompt tokens are in the plain form"
        return
    if asked["tools"] != REQUIRED and abs(counts.prompt_tokens - expected) > _SLACK:
        yield f"{counts.prompt_tokens} prompt tokens, and {expected} in the plain form"
    if not counts.completion_tokens and (answer.text or answer.tool_calls):
        yield f"{counts.completion_tokens} completion tokens are stated for an answer that is not empty"


def _list_limit_problems(plain: PlainAnswers, answer: Answer, wanted: int, limit: int) -> Iterator[str]:
    """Choices with more words than tokens were asked for, and counts below those of choices that the limit cut."""
    for number, choice in enumerate(answer.choices):
        if (words := len(choice.text.split())) > _MOST_WORDS * limit:
            yield f"choice {number} has {words} words, and at most {limit} tokens were asked for"
    written, least = get_usage(answer).completion_tokens, _LEAST_COUNTED * limit
    usual = plain.control.first[0].answer
    is_shown = usual is not None and is_cut(usual) and (get_usage(usual).completion_tokens or 0) >= least
    all_cut = all(choice.finish_reason == "length" for choice in answer.choices)
    if written is not None and is_shown and all_cut and written < wanted * least:
        yield f"{written} completion tokens are stated for {wanted} choices that each reach the limit of {limit}"


def _list_text_problems(plain: PlainAnswers, asked: Combination, number: int, text: str) -> Iterator[str]:
    control = plain.control
    own = control.contents[number] or ""
    codes = control.list_marks(text)
    for code in codes:
        if code != number:
            yield AnothersAnswer(f"it has the code that input {code} asked for: {text!r:.60}")
    if plain.deterministic and asked["temperature"] == GREEDY and asked["tools"] == NO_TOOLS and text != own:
        at = count_common(text, own)
        yield f"at character {at} the text goes on with {text[at:]!r:.40}, and with {own[at:]!r:.40} in the plain form"
    first, again = control.list_marks(own), control.list_marks(control.again[number].content)
    is_plain = asked["temperature"] == GREEDY and asked["tools"] == NO_TOOLS
    if is_plain and number in first and number in again and not codes:
        words = f"it lacks the code {control.marks[number]}, which the plain answers have: {quote_answer(text)}"
        yield ForgottenCode(words)


@judge
def judge_combinations(
    plain: PlainAnswers,
    levels: Levels,
    trials: Sequence[CombinationTrial],
    smallest: Sequence[CombinationTrial],
    show: Show,
) -> Verdict:
    """Every combination is answered as its options promise, or refused with a clear 4xx.

    `smallest` has the smallest combination that failed as the last of `trials` did, asked again: it must fail each
    time, and `FORGOTTEN_TIMES` times where it only lacks a code. An answer of another request needs no repeat, and
    where the service hangs there is none.
    """
    if plain.control.problem:
        return make_inconclusive(plain.control.problem, n=0)
    if not trials:
        return make_inconclusive("no two options of this service could be combined", n=0)
    cases, refused = [], 0
    for trial in trials[: len(trials) - bool(smallest)]:
        name = describe_combination(levels, trial.combination)
        refused += any(is_clear_refusal(exchange) for _, exchange in trial.answers)
        cases.append(Case(name, unjudged=_explain_declined(trial)))
    if smallest:
        cases.append(_judge_smallest(plain, levels, trials[-1], smallest, show))
    elif refused == len(trials):
        return make_inconclusive(f"every combination is refused: {trials[0].answers[0][1].outcome}", n=0)
    elif not any(map(_has_content, trials)):
        return make_inconclusive("no combination brought a text or a call", n=0)
    flight = max(len(trial.answers) for trial in trials)
    holds = f"{len(trials) - refused} combinations of {len(levels)} options, up to {flight} in flight, are answered"
    holds += " as each option promises"
    return judge_contract(cases, f"{holds}; {refused} are refused" if refused else holds)


def _has_content(trial: CombinationTrial) -> bool:
    for _, exchange in trial.answers:
        if exchange.answer and (exchange.answer.text or exchange.answer.tool_calls):
            return True
    return False


def _count_prompt(exchange: Exchange | None) -> int | None:
    return None if exchange is None else get_usage(exchange.answer).prompt_tokens


def _explain_declined(trial: CombinationTrial) -> str:
    return next(filter(None, map(explain_decline, map(itemgetter(1), trial.answers))), "")


def _judge_smallest(
    plain: PlainAnswers, levels: Levels, first: CombinationTrial, smallest: Sequence[CombinationTrial], show: Show
) -> Case:
    broken = [find_broken(plain, trial) for trial in smallest]
    shown, combination = broken[0], smallest[0].combination
    words = describe_combination(levels, combination)
    forgets = any(isinstance(one[1], ForgottenCode) for one in broken if one)
    if all(broken) and shown is not None and not (forgets and len(smallest) < FORGOTTEN_TIMES):
        if len(smallest) > 1 and len(list(list_special(levels, combination))) > 1:
            words = f"{words} together, and not without one of them"
        return Case(words, show(f"with {words}: {shown[1]}", shown[0]))
    once = find_broken(plain, first)
    assert once is not None
    words = describe_combination(levels, first.combination)
    if isinstance(once[1], AnothersAnswer):
        return Case(words, show(f"with {words}: {once[1]}", once[0]))
    beside = ", or in a plain request, too" if isinstance(once[1], ForgottenCode) else ""
    return Case(words, unjudged=f"{once[1]}, but not each time that it was asked again{beside}")
