"""A streamed answer is complete, in order, and ended once and properly."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, judge, judge_aspects, judge_case
from harness.checks.generation.text_cases import count_common
from harness.checks.generation.thinking import explain_no_text, find_misplaced_text, has_text, judge_text_present
from harness.core.exchange import EventKind, Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_ASPECTS = ("success", "content", "one finish reason", "order", "no error inside")


@judge
def judge_stream(streams: Sequence[Exchange], show: Show, whole: Sequence[Exchange] = ()) -> Verdict:
    """Content came, nothing came after the end, each choice ended exactly once, and the body closed cleanly.

    `streams` has the stream, and repeats of it if it had no text; `whole` are answers to the same request that were not
    streamed: text and thinking must be in the same places.
    """
    exchange = streams[0]
    if not exchange.ok:
        problem = {"success": f"the stream is not a valid answer: {exchange.outcome}"}
        return judge_aspects(exchange, problem, ("success",), "", show)
    kinds = [event.kind for event in exchange.events]
    finishes = [event.index for event in exchange.events if event.kind is EventKind.FINISH]
    problems: dict[str, str | None] = {}
    if EventKind.DELTA not in kinds and has_text(exchange):
        problems["content"] = "the stream brought no content"
    if misplaced := find_misplaced_text(streams, whole):
        problems["content"] = misplaced
    if len(finishes) != len(set(finishes)):
        problems["one finish reason"] = f"{len(finishes)} finish reasons for {len(set(finishes))} choice(s)"
    if late := _find_content_after_finish(exchange):
        problems["order"] = f"content {late!r} came after the finish reason"
    if EventKind.ERROR in kinds:
        problems["no error inside"] = "a stream with status 200 contains an error object"
    cases = [judge_case(aspect, exchange, problems.get(aspect), show) for aspect in _ASPECTS]
    if "content" not in problems:
        cases.append(judge_text_present("text", streams, show))
    deltas, endings = kinds.count(EventKind.DELTA), len(finishes)
    content = f"{deltas} deltas in order" if deltas > 1 else f"{deltas} delta"
    ending = "one finish reason" if endings == 1 else f"{endings} finish reasons"
    return judge_contract(cases, f"{content}, {ending}, a clean end", distinct=1)


def _find_content_after_finish(exchange: Exchange) -> str | None:
    finished: set[int] = set()
    for event in exchange.events:
        if event.kind is EventKind.DELTA and event.text and event.index in finished:
            return event.text
        if event.kind is EventKind.FINISH:
            finished.add(event.index)
    return None


@judge
def judge_terminator(exchange: Exchange, show: Show) -> Verdict:
    """The protocol's terminator (`data: [DONE]`) is the last event."""
    if not exchange.events:
        return make_inconclusive(f"there is no stream to judge: {exchange.outcome}", n=0)
    last = exchange.events[-1].kind
    problem = "" if last is EventKind.DONE else f"the stream ends with a {last} event, not its terminator"
    return judge_contract([judge_case("terminator", exchange, problem, show)], "the terminator is the last event")


@judge
def judge_role(exchange: Exchange, show: Show) -> Verdict:
    """The assistant's role is announced before, or with, the first content."""
    kinds = [event.kind for event in exchange.events]
    if EventKind.DELTA not in kinds:
        return make_inconclusive(explain_no_text(exchange) or f"there is no content: {exchange.outcome}", n=0)
    before = kinds[: kinds.index(EventKind.DELTA)]
    problem = "" if EventKind.ROLE in before else "the first content came without the role before it"
    return judge_contract([judge_case("role", exchange, problem, show)], "the role comes first")


@judge
def judge_streamed_text(streamed: Exchange, whole: Exchange, show: Show) -> Verdict:
    """At temperature 0, if the service promises determinism, the streamed text equals the whole one."""
    for exchange in (streamed, whole):
        if not exchange.ok or exchange.answer is None:
            return make_inconclusive(f"one of the two answers is not valid: {exchange.outcome}", n=0)
        if why := explain_no_text(exchange):
            return make_inconclusive(why, n=0)
    one, other = streamed.text, whole.text
    if not one and not other:
        return make_inconclusive("both texts are empty: there is nothing to compare", n=0)
    problem = ""
    if one != other:
        at = count_common(one, other)
        pieces = f"{one[at : at + 20]!r} and {other[at : at + 20]!r}"
        problem = f"the streamed and the whole text differ from character {at} on: {pieces}"
    cases = [judge_case("text", streamed, problem, show)]
    return judge_contract(cases, f"the streamed and the whole text are the same {len(one)} characters")
