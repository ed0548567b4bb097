"""Credentials are enforced: refused without, refused with a wrong one, accepted with the right one."""

from __future__ import annotations

from harness.checks.common import Show, case, judge, told
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

REFUSALS = (401, 403)


@judge
def enforced(kind: str, attempt: Exchange, control: Exchange, show: Show) -> Verdict:
    """An inference with a credential of this `kind` (missing, wrong) is refused; the control with the right one works.

    401 and 403 are refusals; another 4xx is one too, less clear; a 5xx is no refusal but a failure.
    """
    attempted = f"a request with a {kind} credential"
    if not control.ok:
        why = f"the control with the right credential fails, so a refusal proves nothing: {told(control)}"
        return make_inconclusive(why, n=0)
    if attempt.status is None:
        return make_inconclusive(f"the request with a {kind} credential got no answer: {told(attempt)}", n=0)
    if attempt.status >= 500:
        return make_inconclusive(f"{attempted} gets {attempt.status}: a failure is not a refusal", n=0)
    problem = f"{attempted} is answered {attempt.status}: credentials are not enforced" if attempt.status < 400 else ""
    verdict = judge_contract([case(kind, attempt, problem, show)], f"{attempted} is refused with {attempt.status}")
    if attempt.status >= 400 and attempt.status not in REFUSALS:
        return verdict.with_notes(f"refused with {attempt.status} in place of 401 or 403")
    return verdict
