"""Credentials are enforced: a request without one, or with a wrong one, is refused; with the right one it is not."""

from __future__ import annotations

from harness.checks.common import TOO_MANY_REQUESTS, Show, judge, judge_case
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

_REFUSAL_STATUSES = (401, 403)


@judge
def judge_credentials(kind: str, attempt: Exchange, control: Exchange, show: Show) -> Verdict:
    """An inference with a `missing` or `wrong` credential is refused; `control` with the right one is answered.

    401 and 403 are refusals. Another 4xx is a less clear one. A 5xx is a failure and not a refusal, and a 429 says
    nothing about a credential.
    """
    request, status = f"a request with a {kind} credential", attempt.status
    if not control.ok:
        why = f"the control with the right credential fails, so a refusal proves nothing: {control.outcome}"
        return make_inconclusive(why, n=0)
    if status is None:
        return make_inconclusive(f"{request} gets no answer: {attempt.outcome}", n=0)
    if status >= 500:
        return make_inconclusive(f"{request} gets {status}: a failure is not a refusal", n=0)
    if status == TOO_MANY_REQUESTS:
        return make_inconclusive(f"{request} is declined with 429, whatever its credential", n=0)
    problem = ""
    if attempt.ok:
        problem = f"{request} is answered {status}: credentials are not enforced"
    elif status < 400:
        problem = f"{request} is not refused: {attempt.outcome}"
    verdict = judge_contract([judge_case(kind, attempt, problem, show)], f"{request} is refused with {status}")
    if status >= 400 and status not in _REFUSAL_STATUSES:
        return verdict.with_notes(f"refused with {status} instead of 401 or 403")
    return verdict
