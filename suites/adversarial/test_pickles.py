"""Pickles in the place of a body or an input: who loads one does what its sender wants."""

from __future__ import annotations

import secrets
from contextlib import ExitStack

from harness.checks.bad_input.pickles import MOST_PICKLES, judge_pickles, list_pickle_requests
from harness.core.canary import mint_canary
from harness.core.mutation import FETCHED_ADDRESS
from harness.core.settings import GROUNDS
from harness.io.canary_server import CanaryServer
from harness.suite import Session, Verdict, check, mutate

_PATIENCE = 1.0


@check(
    "no pickle is loaded",
    grounds=("http",),
    requests=1 + 3 * MOST_PICKLES,
    broken_by=(mutate(FETCHED_ADDRESS), mutate("accept_refused", answered="4*", most=1)),
    clauses=("CWE-502 deserialization of untrusted data", "OWASP A08:2021 software and data integrity failures"),
)
def test_pickles(ai_client: Session) -> Verdict:
    is_here = "this_machine" in ai_client.settings.grounds()
    with ExitStack() as stack:
        canary = stack.enter_context(CanaryServer()) if is_here else None
        port = canary.port if canary else None
        sent = []
        for pickled in list_pickle_requests(ai_client.request(), port, lambda: mint_canary(secrets.choice)):
            exchange = ai_client.read(ai_client.send(pickled.request))
            garbage = None
            if exchange.ok and pickled.control is not None:
                garbage = ai_client.read(ai_client.send(pickled.control))
            sent.append((pickled, exchange, garbage))
        hits = canary.wait_for_hits({one.token for one, _, _ in sent if one.token}, _PATIENCE) if canary else {}
        verdict = judge_pickles(sent, hits, ai_client.ask(), ai_client.show)
    if is_here:
        return verdict
    return verdict.with_notes(f"only pickles of the input were sent: {GROUNDS['this_machine']}")
