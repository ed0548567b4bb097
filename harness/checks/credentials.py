"""Credentials are enforced: refused without, refused with a wrong one, accepted with the right one."""

from __future__ import annotations

from harness.checks.common import Show, not_judged, told
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, contract, inconclusive

REFUSALS = (401, 403)


def enforced(case: str, attempt: Exchange, control: Exchange, show: Show) -> Verdict:
    """An inference whose credential is `case` (missing, wrong) is refused, while the control with the right one works.

    401 and 403 are refusals; another 4xx is one too, less clear; a 5xx is no refusal but a failure.
    """
    if found := not_judged(attempt, control):
        return found
    if not control.ok:
        return inconclusive(
            f"the control with the right credential fails, so a refusal proves nothing: {told(control)}", n=0
        )
    if attempt.status is None:
        return inconclusive(f"the request with a {case} credential got no answer: {told(attempt)}", n=0)
    if attempt.status < 400:
        text = f"a request with a {case} credential is answered {attempt.status}: credentials are not enforced"
        return contract([Case(case, show(text, attempt))], "")
    if attempt.status >= 500:
        return inconclusive(
            f"a request with a {case} credential gets {attempt.status}: a failure is not a refusal", n=0
        )
    verdict = contract([Case(case)], f"a request with a {case} credential is refused with {attempt.status}")
    if attempt.status not in REFUSALS:
        return verdict.with_notes(f"refused with {attempt.status} in place of 401 or 403")
    return verdict
