"""A streamed answer: whole, in order, ended once and properly."""

from __future__ import annotations

from harness.checks.common import Show, aspects, case, judge, told
from harness.checks.comparison import parting
from harness.core.exchange import EventKind, Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_ASPECTS = ("success", "content", "one finish reason", "order", "no error inside")


@judge
def complete(exchange: Exchange, show: Show) -> Verdict:
    """Content came, nothing came after the end, the end came exactly once per choice, and the body closed cleanly."""
    if not exchange.ok:
        problem = ("success", f"the stream is no valid answer: {told(exchange)}")
        return aspects(exchange, [problem], ("success",), "", show)
    kinds = [event.kind for event in exchange.events]
    finishes = [event.index for event in exchange.events if event.kind is EventKind.FINISH]
    problems: list[tuple[str, str]] = []
    if EventKind.DELTA not in kinds:
        problems.append(("content", "the stream brought no content"))
    if len(finishes) != len(set(finishes)):
        problems.append(("one finish reason", f"{len(finishes)} finish reasons for {len(set(finishes))} choice(s)"))
    if late := _after_finish(exchange):
        problems.append(("order", f"content {late!r} came after the finish reason"))
    if EventKind.ERROR in kinds:
        problems.append(("no error inside", "an error object stands inside a stream of status 200"))
    deltas = kinds.count(EventKind.DELTA)
    return aspects(exchange, problems, _ASPECTS, f"{deltas} deltas in order, one finish reason, a clean end", show)


def _after_finish(exchange: Exchange) -> str | None:
    finished: set[int] = set()
    for event in exchange.events:
        if event.kind is EventKind.DELTA and event.text and event.index in finished:
            return event.text
        if event.kind is EventKind.FINISH:
            finished.add(event.index)
    return None


@judge
def terminated(exchange: Exchange, show: Show) -> Verdict:
    """The protocol's terminator (`data: [DONE]`) is the last event."""
    if not exchange.events:
        return make_inconclusive(f"there is no stream to judge: {told(exchange)}", n=0)
    last = exchange.events[-1].kind
    problem = "" if last is EventKind.DONE else f"the stream ends with a {last} event, not its terminator"
    return judge_contract([case("terminator", exchange, problem, show)], "the terminator is the last event")


@judge
def role_first(exchange: Exchange, show: Show) -> Verdict:
    """The assistant's role is announced before, or with, the first content."""
    kinds = [event.kind for event in exchange.events]
    if EventKind.DELTA not in kinds:
        return make_inconclusive(f"there is no content to judge: {told(exchange)}", n=0)
    before = kinds[: kinds.index(EventKind.DELTA)]
    problem = "" if EventKind.ROLE in before else "the first content came without the role before it"
    return judge_contract([case("role", exchange, problem, show)], "the role comes first")


@judge
def same_text(streamed: Exchange, whole: Exchange, show: Show) -> Verdict:
    """At temperature 0, where the service promises determinism, the streamed text equals the other one."""
    for exchange in (streamed, whole):
        if not exchange.ok or exchange.answer is None:
            return make_inconclusive(f"one of the two answers is not valid: {told(exchange)}", n=0)
    assert streamed.answer is not None
    assert whole.answer is not None
    a, b = streamed.answer.text or "", whole.answer.text or ""
    at = parting(a, b)
    problem = f"streamed and whole text part at character {at}: {a[at : at + 20]!r} against {b[at : at + 20]!r}"
    cases = [case("text", streamed, "" if a == b else problem, show)]
    return judge_contract(cases, f"streamed and whole text are the same {len(a)} characters")
