"""A streamed answer: whole, in order, ended once and properly."""

from __future__ import annotations

from harness.checks.common import Show, judge, not_judged, told
from harness.core.exchange import EventKind, Exchange
from harness.core.verdict import Case, Verdict, contract, inconclusive


def complete(exchange: Exchange, show: Show) -> Verdict:
    """Content came, nothing came after the end, the end came exactly once per choice, and the body closed cleanly."""
    if found := not_judged(exchange):
        return found
    aspects = ("success", "content", "one finish reason", "order", "no error inside")
    if not exchange.ok:
        return judge(
            exchange, [("success", f"the stream is no valid answer: {told(exchange)}")], ("success",), "", show
        )
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
    return judge(exchange, problems, aspects, f"{deltas} deltas in order, one finish reason, a clean end", show)


def _after_finish(exchange: Exchange) -> str | None:
    finished: set[int] = set()
    for event in exchange.events:
        if event.kind is EventKind.DELTA and event.text and event.index in finished:
            return event.text
        if event.kind is EventKind.FINISH:
            finished.add(event.index)
    return None


def terminated(exchange: Exchange, show: Show) -> Verdict:
    """The protocol's terminator (`data: [DONE]`) is the last event."""
    if found := not_judged(exchange):
        return found
    if not exchange.events:
        return inconclusive(f"there is no stream to judge: {told(exchange)}", n=0)
    last = exchange.events[-1].kind
    problem = (
        None if last is EventKind.DONE else show(f"the stream ends with a {last} event, not its terminator", exchange)
    )
    return contract([Case("terminator", problem)], "the terminator is the last event")


def role_first(exchange: Exchange, show: Show) -> Verdict:
    """The assistant's role is announced before, or with, the first content."""
    if found := not_judged(exchange):
        return found
    kinds = [event.kind for event in exchange.events]
    if EventKind.DELTA not in kinds:
        return inconclusive(f"there is no content to judge: {told(exchange)}", n=0)
    before = kinds[: kinds.index(EventKind.DELTA)]
    problem = None if EventKind.ROLE in before else show("the first content came without the role before it", exchange)
    return contract([Case("role", problem)], "the role comes first")


def same_text(streamed: Exchange, whole: Exchange, show: Show) -> Verdict:
    """At temperature 0, where the service promises determinism, the streamed text equals the other one."""
    if found := not_judged(streamed, whole):
        return found
    for exchange in (streamed, whole):
        if not exchange.ok or exchange.answer is None:
            return inconclusive(f"one of the two answers is not valid: {told(exchange)}", n=0)
    assert streamed.answer is not None
    assert whole.answer is not None
    a, b = streamed.answer.text or "", whole.answer.text or ""
    if a == b:
        return contract([Case("text")], f"streamed and whole text are the same {len(a)} characters")
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    text = f"streamed and whole text part at character {at}: {a[at : at + 20]!r} against {b[at : at + 20]!r}"
    return contract([Case("text", show(text, streamed))], "")
