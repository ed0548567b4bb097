"""Decode the answer of an exchange by the protocol's adapter."""

from __future__ import annotations

from dataclasses import replace

from harness.core.adapter import Adapter, Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, ProtocolError
from harness.core.exchange import EventKind, Exchange
from harness.core.visible_text import cut_text


def decode_exchange(adapter: Adapter, endpoint: Endpoint, exchange: Exchange, facts: Facts | None = None) -> Exchange:
    """The exchange with its answer decoded; the facts say which outputs are not a part of each row.

    Its error is INVALID for an answer that is not one of the protocol, INCOMPLETE for one that is cut off.
    """
    if exchange.error is not None or exchange.response is None:
        return exchange
    try:
        if exchange.request.stream and exchange.events:
            answer = adapter.assemble(exchange.events)
        elif exchange.request.stream:
            return mark_invalid(exchange, f"a stream was asked for and {_describe_body(exchange)} came")
        else:
            answer = adapter.decode(endpoint, exchange.response)
    except ProtocolError as error:
        return mark_invalid(exchange, str(error))
    if facts is not None and facts.request_outputs is not None:
        answer = replace(answer, request_outputs=facts.request_outputs)
    if not answer.complete:
        detail = f"{_explain_end(exchange)}: the answer was declared a success and did not come to its proper end"
        return replace(exchange, answer=answer, error=ErrorClass.INCOMPLETE, detail=detail)
    return replace(exchange, answer=answer)


def _explain_end(exchange: Exchange) -> str:
    """What is missing at the end of an answer that is not complete."""
    if not exchange.request.stream or not exchange.events:
        return "it has no finish reason"
    kinds = [event.kind for event in exchange.events]
    if EventKind.ERROR in kinds:
        value = exchange.events[kinds.index(EventKind.ERROR)].value
        return f"its stream has an error inside ({cut_text(str(value), 120)})"
    ending = "was cut off"
    if EventKind.DONE in kinds:
        ending = "ended with its terminator"
    if EventKind.FINISH not in kinds:
        return f"its stream {ending} and has no finish reason"
    return f"its stream {ending}, and not one finish reason came for each choice"


def mark_invalid(exchange: Exchange, detail: str) -> Exchange:
    """The exchange with the error INVALID."""
    return replace(exchange, error=ErrorClass.INVALID, detail=detail)


def _describe_body(exchange: Exchange) -> str:
    response = exchange.response
    assert response is not None
    if not response.body:
        return "an empty body"
    return f"a body of type {response.content_type or 'unknown'}"
