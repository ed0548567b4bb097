"""Credentials are enforced: a request without one, or with a wrong one, is refused; with the right one it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.checks.common import TOO_MANY_REQUESTS, Show, explain_decline, judge, judge_case, judge_success
from harness.core.endpoint import Credentials
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


LEGAL_SPELLINGS: Mapping[str, Callable[[str, str, str], str]] = {
    "the scheme in small letters": lambda name, scheme, key: f"{name}: {scheme.lower()} {key}",
    "the scheme in capitals": lambda name, scheme, key: f"{name}: {scheme.upper()} {key}",
    "two spaces after the scheme": lambda name, scheme, key: f"{name}: {scheme}  {key}",
    "the header's name in capitals": lambda name, scheme, key: f"{name.upper()}: {scheme} {key}".replace("  ", " "),
    "spaces at the end of the line": lambda name, scheme, key: f"{name}: {scheme} {key}  ".replace(":  ", ": "),
}
"""The line of a credential by its name, scheme and key, as RFC 9110 allows it (5.1, 5.5, 11.1 and 11.4)."""


def spell_credential(
    right: Credentials, spell: Callable[[str, str, str], str], head: bytes, body: bytes
) -> list[bytes]:
    """The request with the line of its credential spelt otherwise."""
    [(name, value)] = right.build_headers()
    scheme, _, key = value.rpartition(" ") if right.scheme != "header" else ("", "", value)
    lines = head.split(b"\r\n")
    for place, line in enumerate(lines):
        if line.partition(b":")[0].lower() == name.lower().encode():
            lines[place] = spell(name, scheme, key).encode("latin-1")
    return [b"\r\n".join(lines) + body]


@judge
def judge_legal_spellings(answers: Mapping[str, Exchange], control: Exchange, show: Show) -> Verdict:
    """The right credential is accepted in each spelling, as it is in the plain one in `control`."""
    if not control.ok:
        return make_inconclusive(f"the right credential is not accepted in its plain spelling: {control.outcome}", n=0)
    cases = []
    for name, exchange in answers.items():
        failure = f"the right credential is refused with {name}"
        cases.append(judge_success(name, exchange, failure, show, explain_decline(exchange)))
    return judge_contract(cases, f"the right credential is accepted in {len(cases)} other spellings")
