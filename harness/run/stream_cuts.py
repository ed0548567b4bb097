"""Is an answer the same streamed and whole, at every limit of tokens that cuts it? Text and tool calls.

Tested in tests/run/test_fidelity.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.evaluation import EvaluationItem, EvaluationSettings
from harness.core.exchange import Exchange, Query
from harness.core.verdict import Case, Verdict, judge_contract
from harness.run.answer_marks import explain_bad_call
from harness.run.evaluation import make_item_query
from harness.run.session import Session

CUTS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 0)
"""Limits of tokens; 0: that of the evaluation."""
MOST_ITEMS = 3
REQUESTS = MOST_ITEMS * len(CUTS) * 5
"""Each answer whole twice and streamed once; one that differs is asked both ways again."""


_CHANCES = ("logprobs", "top_logprobs")
"""They are not compared here, and llama.cpp's server refuses them with tools in a stream."""


def choose_cut_items(items: Sequence[EvaluationItem]) -> list[EvaluationItem]:
    """The prompts that are asked: those that call tools first, since calls are put together from pieces."""
    return sorted(items, key=lambda item: (not item.calls, "tools" not in item.options))[:MOST_ITEMS]


def judge_stream_cuts(session: Session, evaluation: EvaluationSettings) -> Verdict:
    """A contract over prompts and limits: FAIL for a stream that twice was not the whole answer."""
    cases = []
    for item in choose_cut_items(evaluation.items):
        for cut in CUTS:
            query, _ = make_item_query(evaluation, session.endpoint.options, item)
            options = {name: value for name, value in query.options.items() if name not in _CHANCES}
            query = replace(query, options={**options, "temperature": 0})
            if cut:
                query = session.limit_answer(query, cut, exact=True)
            cases.append(_judge_cut(session, item, query, f"{item.id} at {cut or 'its whole length'}"))
    return judge_contract(cases, "streamed and whole answers are the same at every limit of tokens")


def _judge_cut(session: Session, item: EvaluationItem, query: Query, name: str) -> Case:
    first, second = session.ask(query), session.ask(query)
    streamed = session.ask(replace(query, stream=True))
    if not first.ok or not second.ok:
        return Case(name, unjudged=f"the whole answer failed: {(second if first.ok else first).outcome}")
    is_stable = _read(first) == _read(second)
    problem = _compare(first, streamed, item, is_stable=is_stable)
    if problem:
        problem = _compare(session.ask(query), session.ask(replace(query, stream=True)), item, is_stable=is_stable)
    return Case(name, session.show(f"{name}: {problem}", streamed) if problem else None)


def _read(exchange: Exchange) -> tuple[str, tuple[tuple[str, str], ...]]:
    calls = exchange.answer.tool_calls if exchange.answer else ()
    return exchange.text, tuple([(call.name, call.arguments.strip()) for call in calls])


def _compare(whole: Exchange, streamed: Exchange, item: EvaluationItem, *, is_stable: bool) -> str:
    """How the stream differs; where whole answers differ among themselves, only whether its calls can be executed."""
    if not streamed.ok:
        return f"whole it is answered, streamed it is not: {streamed.outcome}"
    (text, calls), (stream_text, stream_calls) = _read(whole), _read(streamed)
    if is_stable and calls != stream_calls:
        return f"whole it calls {_show(calls)}, streamed {_show(stream_calls)}"
    if is_stable and text.strip() != stream_text.strip():
        return f"whole it is {text[-80:]!r}, streamed {stream_text[-80:]!r}"
    tools = item.options.get("tools", [])
    for good, bad in zip(
        whole.answer.tool_calls if whole.answer else (), streamed.answer.tool_calls if streamed.answer else (),
        strict=False,
    ):  # fmt: skip
        if not explain_bad_call(good, tools) and (why := explain_bad_call(bad, tools)):
            return f"whole its call is right, streamed it is not: {why}"
    return ""


def _show(calls: Sequence[tuple[str, str]]) -> str:
    return ", ".join([f"{name}({arguments[:60]})" for name, arguments in calls]) or "nothing"
