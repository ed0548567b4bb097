"""A pause without requests, as at night: the first ones after it are answered as those before it."""

from __future__ import annotations

import time

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.http import idle
from harness.checks.http.idle import MOST_PAUSES, TIMES_LATER, PausedAnswers
from harness.core.exchange import Exchange, Query
from harness.run.asking_in_turn import ask_in_turn
from harness.suite import Session, Verdict, check, mutate

from .control_inputs import ask_alone

_INPUTS = 3
_REQUEST_TIMEOUT = 408
"""With it a server ends a connection that was idle; the client asks again over another (RFC 9110 section 15.5.9)."""
_REQUESTS = _INPUTS * (2 + 2 * MOST_PAUSES + TIMES_LATER)


def _ask_after_pause(ai_client: Session, query: Query) -> Exchange:
    exchange = ai_client.ask(query)
    if exchange.status == _REQUEST_TIMEOUT:
        exchange = ai_client.ask(query)
    return exchange


@check(
    "the first requests after a pause are answered as before",
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
    broken_by=(mutate("other_answer", skip=2 * _INPUTS), mutate("answer_status", status=500, skip=2 * _INPUTS)),
)
def test_first_after_pause(ai_client: Session) -> Verdict:
    queries, control = ask_alone(ai_client, _INPUTS)
    pauses: list[PausedAnswers] = []
    while not control.problem and len(pauses) < MOST_PAUSES:
        time.sleep(ai_client.promises.idle)
        after = ask_in_turn(lambda query: _ask_after_pause(ai_client, query), queries)
        pauses.append(PausedAnswers(ai_client.promises.idle, after))
        if any(map(shows_hang, after)) or not idle.is_undecided(control, pauses):
            break
    later: list[Exchange] = []
    if control.may_reword and len(pauses) == MOST_PAUSES and not any(map(shows_hang, pauses[-1].after)):
        later = ask_in_turn(ai_client.ask, queries * TIMES_LATER)
    return idle.judge_first_after_pause(control, pauses, ai_client.show, later)
