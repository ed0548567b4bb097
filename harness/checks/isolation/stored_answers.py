"""Answers that a service stores for one caller, asked for by another.

Tested in tests/suites/adversarial/test_service_security.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness.checks.common import Show, judge, judge_case
from harness.core.exchange import Exchange, Request, Response
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One way to a stored answer, and how the other caller fared on it; each of `marks` stands in that answer alone."""

    name: str
    other: Exchange
    marks: tuple[str, ...]


def find_answer_id(response: Response | None) -> str | None:
    """The id that a JSON answer states for itself."""
    try:
        body = json.loads(response.body) if response else None
    except (ValueError, RecursionError):
        return None
    identifier = body.get("id") if isinstance(body, dict) else None
    return identifier if isinstance(identifier, str) and identifier else None


def list_rereads(valid: Request, identifier: str | None) -> dict[str, Request]:
    """The requests by which an answer, of this id if it states one, may be read again."""
    path = valid.path.partition("?")[0].rstrip("/")
    rereads = {"the list of answers": Request("GET", path), "the history": Request("GET", "/history")}
    if identifier:
        rereads["the answer under its id"] = Request("GET", f"{path}/{identifier}")
        rereads["what was asked, under the answer's id"] = Request("GET", f"{path}/{identifier}/messages")
    return rereads


@judge
def judge_stored_answers(asked: Sequence[StoredAnswer], control: Exchange, show: Show) -> Verdict:
    """FAIL where the other caller gets what was answered to the first; `control` is the other caller's own request."""
    if not control.ok:
        return make_inconclusive(f"the other caller's own request is not answered: {control.outcome}", n=0)
    cases: list[Case] = []
    for stored in asked:
        response = stored.other.response
        is_given = False
        if response is not None and response.status == 200:
            is_given = any(mark.encode() in response.body for mark in stored.marks)
        problem = f"another caller gets {stored.name}" if is_given else None
        unjudged = "" if response is not None else stored.other.outcome
        cases.append(judge_case(stored.name, stored.other, problem, show, unjudged))
    return judge_contract(cases, f"no other caller gets {', '.join(case.name for case in cases)}")
