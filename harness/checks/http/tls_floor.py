"""The lowest version of TLS that a service speaks.

Tested in tests/suites/adversarial/test_tls_floor.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.verdict import Case, Counterexample, Verdict, judge_contract, make_inconclusive


def judge_tls_floor(outcomes: Mapping[str, str], control: str) -> Verdict:
    """FAIL where a handshake in one of these versions is done; `control` is how one in today's versions ended."""
    if control != "done":
        return make_inconclusive(f"a handshake in a version of today shows nothing: {control}", n=0)
    cases = []
    for version, outcome in outcomes.items():
        problem = f"the service speaks {version}, which has been forbidden since 2021 (RFC 8996)"
        unjudged = "" if outcome in ("done", "refused") else outcome
        cases.append(Case(version, Counterexample(problem) if outcome == "done" else None, unjudged))
    return judge_contract(cases, f"{' and '.join(outcomes)} are refused")
