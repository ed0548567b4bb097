"""HTTP itself: legal forms of one request, kept connections, and bytes that are not valid HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from harness.checks.bad_input.requests import make_bad_request
from harness.checks.control import Control
from harness.checks.http import kept_connection, legal_forms, malformed
from harness.checks.http.kept_connection import AFTER_BAD, NumberedExchange
from harness.checks.http.legal_forms import LEGAL_FORMS, select_forms
from harness.checks.http.malformed import MALFORMED_REQUESTS, PATIENCE, select_malformed
from harness.core.exchange import Exchange, Query
from harness.core.mutation import ACCEPT_BAD_INPUT
from harness.core.replay import build_raw_command
from harness.io.raw import encode_request
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, mutate, once

direct_check = partial(check, grounds=("direct",))
_INPUTS, TURNS, PIPED = 4, 6, 3
INPUTS_COST = 2 * _INPUTS
_TEXT = "na\u00efve \u6771\u4eac "
"""Put before prompts: letters of two and three bytes in UTF-8."""


@once
def ask_control_inputs(ai_client: Session) -> tuple[list[Query], Control]:
    """A few inputs and their answers to plain requests."""
    rows = Rows(ai_client)
    queries = [rows.query([_TEXT + row if rows.has_codes else row]) for row in rows.draw_distinct(_INPUTS)]
    asked = ask_in_turn(lambda query: _ask_afresh(ai_client, query), queries * 2)
    first, again = asked[: len(queries)], asked[len(queries) :]
    marks = [query.inputs.split()[-1] for query in queries if isinstance(query.inputs, str)]
    return queries, Control(first, again, marks, rows.text and not ai_client.promises.deterministic)


def _ask_afresh(ai_client: Session, query: Query) -> Exchange:
    """Over a new connection: a kept one may mix up its requests, or outlive a service that accepts no new ones."""
    return ai_client.raw([ai_client.request(query)])[0]


@once
def _ask_forms(ai_client: Session) -> tuple[Control, dict[str, Exchange], Exchange]:
    queries, control = ask_control_inputs(ai_client)
    forms = {}
    for name, form in select_forms(ai_client.request(queries[0]).body).items():
        [forms[name]] = ai_client.raw([ai_client.request(queries[0], form.headers)], form.write)
    return control, forms, _ask_afresh(ai_client, queries[0])


_FORM_COST = INPUTS_COST + len(LEGAL_FORMS) + 1


@direct_check(
    "one request in every legal form of HTTP is answered alike",
    requests=_FORM_COST,
    tokens=16 * _FORM_COST,
    broken_by=(mutate("other_answer", skip=INPUTS_COST),),
)
def test_forms_answered_alike(ai_client: Session) -> Verdict:
    return legal_forms.judge_form_answers(*_ask_forms(ai_client), ai_client.show)


@direct_check(
    "every legal form of HTTP is accepted",
    level="warn",
    requests=0,
    broken_by=(mutate("answer_status", status=400, skip=INPUTS_COST),),
)
def test_forms_accepted(ai_client: Session) -> Verdict:
    control, forms, _ = _ask_forms(ai_client)
    return legal_forms.judge_form_acceptance(control, forms, ai_client.show)


@once
def _ask_over_one_connection(ai_client: Session) -> tuple[Control, list[NumberedExchange], list[NumberedExchange]]:
    """Requests in turn over one connection, a bad one among them, and some at once over another; neighbours differ."""
    queries, control = ask_control_inputs(ai_client)
    distinct, _ = control.select_distinct()
    if not distinct:
        return control, [], []
    turns = [distinct[place % len(distinct)] for place in range(TURNS)]
    at_once = [distinct[min(place, len(distinct) - 1)] for place in range(PIPED)]  # differs from its reversal
    requests = [ai_client.request(queries[number]) for number in turns]
    requests.insert(AFTER_BAD, make_bad_request(requests[0], "truncated_json").request)
    exchanges = ai_client.raw(requests)
    del exchanges[AFTER_BAD]
    in_turn = list(zip(turns, exchanges, strict=True))
    return control, in_turn, _send_at_once(ai_client, queries, at_once)


def _send_at_once(ai_client: Session, queries: Sequence[Query], order: Sequence[int]) -> list[NumberedExchange]:
    exchanges = ai_client.raw([ai_client.request(queries[number]) for number in order], together=True)
    return list(zip(order, exchanges, strict=True))


_CONNECTION_COST = INPUTS_COST + 2 * (TURNS + 1) + PIPED


@direct_check(
    "requests over one connection each get their own answer, in order",
    requests=_CONNECTION_COST,
    tokens=16 * _CONNECTION_COST,
    broken_by=(mutate("stale_answer", skip=INPUTS_COST),),
)
def test_one_connection(ai_client: Session) -> Verdict:
    return kept_connection.judge_kept_connection(*_ask_over_one_connection(ai_client), ai_client.show)


@direct_check(
    "requests sent at once over one connection are all answered",
    level="warn",
    needs=("kept_connections",),
    requests=0,
    broken_by=(mutate("answer_status", status=500, skip=INPUTS_COST + TURNS),),
)
def test_pipelined(ai_client: Session) -> Verdict:
    control, _, pipelined = _ask_over_one_connection(ai_client)
    if why := control.select_distinct()[1]:
        return make_inconclusive(why, n=0)
    return kept_connection.judge_pipelining(pipelined, ai_client.show)


_MalformedProbes = tuple[Control, list[tuple[str, Exchange, Exchange]], Exchange, list[Exchange], str | None]
SMUGGLED = "both Transfer-Encoding and Content-Length"


@once
def _send_malformed(ai_client: Session) -> _MalformedProbes:
    """Invalid bytes on one connection, and while it is open a plain request on another."""
    queries, control = ask_control_inputs(ai_client)
    request = ai_client.request(queries[0])
    probes = []
    for name, wrong in select_malformed(request.body).items():
        with ai_client.hold_open(request, wrong.write, patience=PATIENCE if wrong.may_wait else None) as [exchange]:
            probes.append((name, exchange, _ask_afresh(ai_client, queries[0])))
    distinct, _ = control.select_distinct()
    other = ai_client.request(queries[distinct[1] if distinct else 1]).body
    write = malformed.smuggle_request(other)
    with ai_client.hold_open(request, write, answers=2) as both:
        probes.append((SMUGGLED, both[0], _ask_afresh(ai_client, queries[0])))
    pieces = write(*encode_request(ai_client.endpoint, request))
    command = build_raw_command(b"".join(piece for piece in pieces if isinstance(piece, bytes)), ai_client.endpoint)
    return control, probes, _ask_afresh(ai_client, queries[0]), both, command


_MALFORMED_COST = INPUTS_COST + 2 * (len(MALFORMED_REQUESTS) + 1) + 1


@direct_check(
    "bytes that are no proper HTTP harm nobody else",
    requests=_MALFORMED_COST,
    tokens=16 * _MALFORMED_COST,
    broken_by=(mutate("other_answer", skip=INPUTS_COST),),
)
def test_wrong_bytes_harm_nobody(ai_client: Session) -> Verdict:
    control, probes, after, _, _ = _send_malformed(ai_client)
    return malformed.judge_malformed_harm(control, probes, after, ai_client.show)


@direct_check("bytes that are no proper HTTP are refused", level="warn", requests=0, broken_by=(ACCEPT_BAD_INPUT,))
def test_wrong_bytes_refused(ai_client: Session) -> Verdict:
    control, probes, _, _, _ = _send_malformed(ai_client)
    answers = {name: exchange for name, exchange, _ in probes if name != SMUGGLED}
    return malformed.judge_malformed_refusals(control, answers, ai_client.show)


@direct_check(
    "a request hidden in another one's body is not carried out",
    level="warn",
    requests=0,
    broken_by=(mutate("accept_refused", answered="4*", times=2),),
)
def test_smuggling(ai_client: Session) -> Verdict:
    control, _, _, both, command = _send_malformed(ai_client)
    return malformed.judge_smuggling(control, both, ai_client.show, command)
