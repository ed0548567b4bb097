"""Bad inputs are refused clearly, and the service lives on."""

from __future__ import annotations

from harness.checks.bad_inputs import BAD_INPUTS, refused_and_alive, spoiled
from harness.core.verdict import Verdict
from harness.run.session import Session
from harness.suite import check


@check("a bad input is refused, and the service lives on", requests=2, tokens=16, cases=BAD_INPUTS)
def test_refused(ai_client: Session, case: str) -> Verdict:
    valid = ai_client.adapter.encode(ai_client.endpoint, ai_client.sample(), ai_client.facts)
    bad = ai_client.send(spoiled(valid, case))
    return refused_and_alive(case, bad, ai_client.ask(), ai_client.show)
