"""HTTP itself: legal forms of one request, connections that are kept, and bytes that are no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from harness.checks.http import legal_forms, malformed
from harness.checks.http.legal_forms import FORMS, Known
from harness.checks.http.malformed import PATIENCE, WRONG
from harness.core.exchange import Exchange, Query
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, once

direct_check = partial(check, grounds=("direct",))
_INPUTS, TURNS, PIPED = 4, 6, 3
PLAIN = 2 * _INPUTS
_TEXT = "na\u00efve \u6771\u4eac "
"""Put before prompts: letters that are two and three bytes long in UTF-8."""


@once
def known(ai_client: Session) -> tuple[list[Query], Known]:
    """A few inputs and what they are answered plainly."""
    rows = Rows(ai_client)
    queries = [rows.query([_TEXT + row if rows.coded else row]) for row in rows.distinct(_INPUTS)]
    first, again = ([_afresh(ai_client, query) for query in queries] for _ in range(2))
    texts = [query.inputs for query in queries if isinstance(query.inputs, str)]
    worded = rows.text and not ai_client.promises.deterministic
    return queries, Known(first, again, [text.split()[-1] for text in texts], worded)


def _afresh(ai_client: Session, query: Query) -> Exchange:
    """Asked over a new connection: a kept one may mix up its requests, or outlive a service that takes no new ones."""
    return ai_client.raw([ai_client.request(query)])[0]


@once
def _formed(ai_client: Session) -> tuple[Known, dict[str, Exchange], Exchange]:
    queries, plain = known(ai_client)
    found = {}
    for name, form in FORMS.items():
        [found[name]] = ai_client.raw([ai_client.request(queries[0], form.headers)], form.write)
    return plain, found, _afresh(ai_client, queries[0])


FORMED = PLAIN + len(FORMS) + 1


@direct_check("one request in every legal form of HTTP is answered alike", requests=FORMED, tokens=16 * FORMED)
def test_forms_answered_alike(ai_client: Session) -> Verdict:
    return legal_forms.answered_alike(*_formed(ai_client), ai_client.show)


@direct_check("every legal form of HTTP is accepted", level="warn", requests=0)
def test_forms_accepted(ai_client: Session) -> Verdict:
    plain, forms, _ = _formed(ai_client)
    return legal_forms.accepted(plain, forms, ai_client.show)


Numbered = list[tuple[int, Exchange]]


@once
def _connected(ai_client: Session) -> tuple[Known, Numbered, Numbered]:
    """Requests one after another over one connection, and some at once over another; neighbours differ."""
    queries, plain = known(ai_client)
    kept, why = plain.apart()
    if why:
        return plain, [], []
    turns = [kept[number % len(kept)] for number in range(TURNS)]
    at_once = [kept[min(number, len(kept) - 1)] for number in range(PIPED)]  # not the same from behind
    return plain, _over_one(ai_client, queries, turns), _over_one(ai_client, queries, at_once, together=True)


def _over_one(
    ai_client: Session, queries: Sequence[Query], order: Sequence[int], *, together: bool = False
) -> Numbered:
    found = ai_client.raw([ai_client.request(queries[own]) for own in order], together=together)
    return list(zip(order, found, strict=True))


CONNECTED = PLAIN + 2 * TURNS + PIPED


@direct_check(
    "requests over one connection each get their own answer, in order", requests=CONNECTED, tokens=16 * CONNECTED
)
def test_one_connection(ai_client: Session) -> Verdict:
    return legal_forms.own_in_turn(*_connected(ai_client), ai_client.show)


@direct_check("requests sent at once over one connection are all answered", level="warn", requests=0)
def test_pipelined(ai_client: Session) -> Verdict:
    if why := known(ai_client)[1].apart()[1]:
        return make_inconclusive(why, n=0)
    return legal_forms.pipelined(_connected(ai_client)[2], ai_client.show)


Probed = tuple[Known, list[tuple[str, Exchange, Exchange]], Exchange, list[Exchange]]
SMUGGLED = "both Transfer-Encoding and Content-Length"


@once
def _probed(ai_client: Session) -> Probed:
    """Wrong bytes on one connection, and while it is open a plain request on another."""
    queries, plain = known(ai_client)
    request = ai_client.request(queries[0])
    found = []
    for name, wrong in WRONG.items():
        with ai_client.holding(request, wrong.write, patience=PATIENCE if wrong.waits else None) as [exchange]:
            found.append((name, exchange, _afresh(ai_client, queries[0])))
    kept, _ = plain.apart()
    other = ai_client.request(queries[kept[1] if kept else 1]).body
    with ai_client.holding(request, malformed.smuggled(other), answers=2) as both:
        found.append((SMUGGLED, both[0], _afresh(ai_client, queries[0])))
    return plain, found, _afresh(ai_client, queries[0]), both


PROBED = PLAIN + 2 * (len(WRONG) + 1) + 1


@direct_check("bytes that are no proper HTTP harm nobody else", requests=PROBED, tokens=16 * PROBED)
def test_wrong_bytes_harm_nobody(ai_client: Session) -> Verdict:
    plain, probes, after, _ = _probed(ai_client)
    return malformed.harmless(plain, probes, after, ai_client.show)


@direct_check("bytes that are no proper HTTP are refused", level="warn", requests=0)
def test_wrong_bytes_refused(ai_client: Session) -> Verdict:
    plain, probes, _, _ = _probed(ai_client)
    answers = {name: exchange for name, exchange, _ in probes if name != SMUGGLED}
    return malformed.refused(plain, answers, ai_client.show)


@direct_check("a request hidden in another one's body is not carried out", level="warn", requests=0)
def test_smuggling(ai_client: Session) -> Verdict:
    plain, _, _, both = _probed(ai_client)
    return malformed.not_carried_out(plain, both, ai_client.show)
