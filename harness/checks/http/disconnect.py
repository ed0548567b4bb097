"""Clients that disconnect during an answer use up no capacity and leave nothing: all is answered as before."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import (
    OVERLOAD_STATUSES,
    Show,
    count_at_once,
    find_failed,
    has_counterexample,
    is_clear_refusal,
    judge,
    judge_case,
    judge_success,
)
from harness.checks.control import Control
from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_LOST = "the slots of clients that left in mid-answer are not freed"


_LEAST_PIECE = 12
"""Characters of another's answer that are no chance."""
_PHRASE = 40
"""Characters at the beginning of an answer that may be a phrase with which the model begins any answer."""
_LEAST_LEFT, _LEFT_SHARE = 4, 0.75
"""Clients that must have left one beginning, and their share, before it is what they had asked for.

A model that may word its answers as it likes declines any request now and then, always in the same words.
"""


def choose_telling(first: Sequence[Exchange], again: Sequence[Exchange], usual: int) -> Sequence[Exchange]:
    """Of the answers to the requests afterwards, asked twice, those that say what became of them.

    The later ones, unless more than `usual` of them have none, waited for as long as the first time or shorter.
    """
    unanswered = sum(exchange.error in (*TIMEOUT_ERRORS, ErrorClass.UNAWAITED) for exchange in again)
    return first if unanswered > usual else again


@judge
def judge_service_after_disconnects(
    control: Control,
    before: Sequence[Exchange],
    left: Sequence[Exchange],
    after: Sequence[Exchange],
    show: Show,
    length: int = 0,
) -> Verdict:
    """As many concurrent requests are answered after clients disconnected as before, in time and by their own answers.

    `before` and `after` are the same requests side by side, the inputs of `control` in turn, which has two answers of
    `before` to each. A request declined with 429 or 503 counts against the service only if none was declined before:
    then the missing capacity was lost with the clients. A client that had its whole answer before it could disconnect,
    or was never answered, does not count as disconnected.
    """
    declined = 0
    for exchange in before:
        if exchange.status in OVERLOAD_STATUSES:
            declined += 1
        elif not exchange.ok:
            why = f"before any client disconnected, concurrent requests were not all answered: {exchange.outcome}"
            return make_inconclusive(why, n=0)
    under_way = list(filter(is_under_way, left))
    gone = len(under_way)
    if not gone:
        return make_inconclusive(_explain_nobody_left(left), n=0)
    cases = []
    for number, exchange in enumerate(after):
        name = f"request {number} of {len(after)} after {gone} clients disconnected"
        unjudged = exchange.outcome if exchange.status in OVERLOAD_STATUSES and declined else ""
        case = judge_success(name, exchange, f"{_LOST}: {name} is not answered", show, unjudged)
        if exchange.ok and not declined and (problem := _find_foreign_part(control, number, left, exchange)):
            case = judge_case(name, exchange, f"what clients leave behind reaches others: {name}: {problem}", show)
        cases.append(case)
    cases += _judge_leaving(left, show)
    left_streams = [exchange for exchange in under_way if exchange.request.stream]
    obstacle = _explain_no_stream_left(left, left_streams, length)
    if obstacle and not has_counterexample(cases):
        return make_inconclusive(obstacle, n=0)
    requests = f"{len(after)} requests, up to {count_at_once(after)} at once,"
    holds = f"after {gone} clients disconnected without their whole answer{_describe_events(left_streams, length)}"
    return judge_contract(cases, f"{holds}, {requests} succeed")


def is_under_way(exchange: Exchange) -> bool:
    """Whether the client left before it had the whole answer."""
    return exchange.error is None and exchange.timing.done is None


def _judge_leaving(left: Sequence[Exchange], show: Show) -> list[Case]:
    """The first client that was not answered after others had left, as a case; one that was refused shows nothing."""
    gone = 0
    for exchange in left:
        if exchange.error is None:
            gone += exchange.timing.done is None
        elif gone and not is_clear_refusal(exchange) and exchange.status not in OVERLOAD_STATUSES:
            problem = f"{_LOST}: after {gone} clients left, the next one is not answered: {exchange.outcome}"
            return [judge_case("disconnecting", exchange, problem, show)]
    return []


def _find_foreign_part(control: Control, number: int, left: Sequence[Exchange], exchange: Exchange) -> str:
    """What is not the own answer in one that came after clients had left; empty if nothing is."""
    number %= len(control.first)
    own, text = control.contents[number], exchange.content
    if isinstance(own, str) and isinstance(text, str) and own != text and control.is_repeatable():
        has_own = bool(own) and own in text
        first = text[: text.index(own)] if has_own else text
        piece = first.strip()[-2 * _LEAST_PIECE :]
        for gone in left:
            is_before = has_own and len(piece) >= _LEAST_PIECE and piece in gone.text[_PHRASE:]
            if is_before or (_begins_like(text, gone) and (not control.may_reword or _begin_alike(text, left))):
                return f"it begins with {first!r:.60}, which clients that left had asked for"
    return control.find_wrong_answer(number, exchange)


def _begins_like(text: str, gone: Exchange) -> bool:
    return len(gone.text) > _PHRASE and text.startswith(gone.text[: _PHRASE + 1])


def _begin_alike(text: str, left: Sequence[Exchange]) -> bool:
    """Whether most of the answers that clients left begin like this text."""
    long = alike = 0
    for gone in left:
        long += len(gone.text) > _PHRASE
        alike += _begins_like(text, gone)
    return alike >= max(_LEAST_LEFT, _LEFT_SHARE * long)


def _explain_nobody_left(left: Sequence[Exchange]) -> str:
    """Why no client left in the middle of its answer."""
    if failed := find_failed(left):
        return f"none of {len(left)} clients could disconnect: what they ask for is not answered: {failed.outcome}"
    return f"none of {len(left)} clients could disconnect before its answer was complete"


def _explain_no_stream_left(left: Sequence[Exchange], left_streams: Sequence[Exchange], length: int) -> str:
    """Why the clients show nothing: all long streams were over before they left.

    Of a service whose answers are all short (`length` is 0) no stream can be left in its middle.
    """
    streams = [exchange for exchange in left if exchange.request.stream]
    if length and streams and not left_streams:
        return f"none of {len(streams)} streams was still under way when its client disconnected"
    return ""


def _describe_events(streams: Sequence[Exchange], length: int) -> str:
    """How far the streams had come when their clients disconnected, in brackets; empty without streams."""
    events = sorted(len(exchange.timing.tokens) for exchange in streams)
    if not events:
        return ""
    whole = f" of {length} or more" if length else ""
    return f" ({len(events)} streams of which {events[0]} to {events[-1]} events{whole} had come)"
