"""Bad inputs are refused clearly, and the service lives on."""

from __future__ import annotations

from harness.checks.bad_inputs import BAD_INPUTS, refused_and_alive, spoiled
from harness.core.errors import ErrorClass
from harness.core.verdict import Verdict
from harness.run.session import Session
from harness.suite import check


@check("a bad input is refused, and the service lives on", requests=3, tokens=32, cases=BAD_INPUTS)
def test_refused(ai_client: Session, case: str) -> Verdict:
    valid = ai_client.adapter.encode(ai_client.endpoint, ai_client.sample(), ai_client.facts)
    bad = ai_client.send(spoiled(valid, case))
    after = ai_client.ask()
    if after.error is ErrorClass.CLOSED:
        # A server may end a kept-alive connection at any time, and many do after an error, unannounced (RFC 9112 9.5).
        after = ai_client.ask()
    return refused_and_alive(case, bad, after, ai_client.show)
