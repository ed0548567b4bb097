"""Answers without text: spent on thinking, empty now and then, or with the text in the place of the thinking."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from harness.checks.common import Show, judge_case
from harness.checks.generation.text_cases import get_usage, is_beginning, is_cut
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Case

EMPTY_TRIES = 6
"""How often a request is asked before its empty answer counts as what the service answers to it.

A model that has nothing to say in one of five answers is silent so often once in 15,000 times; a run has some ten
requests that are asked so.
"""
_SHORTEST = 4
"""Characters that two texts must have in common before one counts as the beginning of the other."""
REMEDY = "give more max_tokens in [endpoint] options, or less thinking (reasoning_effort, chat_template_kwargs, think)"


def has_text(exchange: Exchange) -> bool:
    """Whether a successful answer has a text that is not blank, a call of a tool, or outputs that are not empty."""
    answer = exchange.answer
    if not exchange.ok or answer is None:
        return False
    if answer.text is None:
        return answer.content is not None or bool(answer.tool_calls)
    return bool(answer.text.strip() or answer.tool_calls)


def explain_no_text(exchange: Exchange) -> str:
    """Why a successful answer without text shows nothing: the limit of tokens ended it. Empty for every other one."""
    if not exchange.ok or exchange.answer is None or exchange.answer.text is None:
        return ""
    return explain_spent_limit(exchange.answer)


def explain_spent_limit(answer: Answer) -> str:
    """How the limit of tokens was spent if it left none for a text or a call; empty if there is one."""
    if (answer.text or "").strip() or answer.tool_calls or not is_cut(answer):
        return ""
    return f"the answer has no text: {_describe_thinking(answer)}; {REMEDY}"


def describe_no_content(exchange: Exchange) -> str:
    """Why there is nothing to compare with: how the exchange failed, or that its answer is empty."""
    if not exchange.ok:
        return exchange.outcome
    return explain_no_text(exchange) or "the answer is empty"


def _describe_thinking(answer: Answer) -> str:
    usage = get_usage(answer)
    tokens, thoughts = usage.completion_tokens, usage.reasoning_tokens
    if answer.reasoning and thoughts is None:
        thoughts = tokens  # there is no text that the rest of them could be
    if tokens and thoughts:
        return f"{thoughts} of {tokens} tokens were thinking"
    if answer.reasoning:
        return f"all {len(answer.reasoning)} characters within the limit of tokens were thinking"
    return f"the limit of tokens ended it after {tokens or 'some'} tokens, which may have been thinking"


def judge_text_present(name: str, exchanges: Sequence[Exchange], show: Show) -> Case:
    """Whether a request is answered with a text, as a case; `exchanges` are the answers to it, asked again and again.

    An empty answer that a limit did not cut is a counterexample only if every answer is empty: a model may have nothing
    to say now and then.
    """
    unclear = next(filter(None, map(explain_no_text, exchanges)), "")
    empty = [exchange for exchange in exchanges if exchange.ok and not has_text(exchange)]
    if unclear or not empty:
        return Case(name, unjudged=unclear)
    answer = empty[0].answer
    assert answer is not None
    if len(empty) < len(exchanges):
        why = "a fault that comes and goes, or a habit of the model"
        return Case(name, unjudged=f"{len(empty)} of {len(exchanges)} answers to this request have no text: {why}")
    thoughts = f", {len(answer.reasoning)} characters of thinking" if answer.reasoning else ""
    times = f", asked {len(exchanges)} times" if len(exchanges) > 1 else ""
    problem = f"the text is empty (finish reason {answer.finish_reason!r}{thoughts}){times}"
    if answer.text is None:
        problem = f"every output is empty{times}"
    return judge_case(name, empty[0], problem, show)


def find_misplaced_text(streamed: Sequence[Exchange], whole: Sequence[Exchange]) -> str:
    """How streams and whole answers to one request differ in where they put text and thinking; empty if they do not.

    A model may think in one answer and not in the next: it is a sign only if every pair differs the same way.
    """
    pairs = []
    for stream, unstreamed in zip(streamed, whole, strict=False):
        if stream.ok and unstreamed.ok and stream.answer and unstreamed.answer:
            pairs.append((stream.answer, unstreamed.answer))
    problems = list(starmap(_compare_places, pairs))
    if all(problems) and len({problem.partition(" has ")[0] for problem in problems}) == 1:
        return problems[0]
    if len(pairs) < EMPTY_TRIES:
        return ""
    for place, (sender, other) in enumerate(_PLACES):
        thinkers, speakers = [pair[place] for pair in pairs], [pair[1 - place] for pair in pairs]
        if all(map(_only_thinks, thinkers)) and all(map(_only_speaks, speakers)):
            return f"{sender} has only thinking and {other} only text, in each of {len(pairs)} pairs of answers"
    return ""


_PLACES = (("the stream", "the whole answer"), ("the whole answer", "the stream"))


def may_be_misplaced(stream: Exchange, whole: Exchange) -> bool:
    """Whether one of two answers seems to have its text as thinking, so that more of them are worth asking."""
    one, other = stream.answer, whole.answer
    if one is None or other is None:
        return False
    if stream.ok and whole.ok and _compare_places(one, other):
        return True
    return (_only_thinks(one) and _only_speaks(other)) or (_only_thinks(other) and _only_speaks(one))


def _only_thinks(answer: Answer) -> bool:
    return bool(answer.reasoning.strip()) and not (answer.text or "").strip()


def _only_speaks(answer: Answer) -> bool:
    return bool((answer.text or "").strip()) and not answer.reasoning.strip()


def _begin_alike(one: str, other: str) -> bool:
    return min(len(one), len(other)) >= _SHORTEST and (is_beginning(one, other) or is_beginning(other, one))


def _compare_places(stream: Answer, whole: Answer) -> str:
    if stream.reasoning and whole.reasoning and stream.thinks_inline is not whole.thinks_inline:
        inside, beside = _PLACES[0] if stream.thinks_inline else _PLACES[1]
        return f"{inside} has its thinking inside the text, and {beside} has it apart from the text"
    for (sender, other), one, another in ((_PLACES[0], stream, whole), (_PLACES[1], whole, stream)):
        text, thinking = (another.text or "").strip(), one.reasoning.strip()
        is_misplaced = bool(thinking) and not another.reasoning and (one.text or "").strip() != text
        if is_misplaced and (thinking == text or _begin_alike(thinking, text)):
            return f"{sender} has as thinking what {other} has as text: {thinking[:40]!r}"
    return ""
