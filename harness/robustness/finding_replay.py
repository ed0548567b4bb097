"""One finding of an earlier run, sent again without a search.

Tested in tests/robustness/test_findings.py.
"""

from __future__ import annotations

from harness.checks.common import find_harness_error
from harness.core.stored_finding import StoredFinding
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.robustness.attacked_input import REPLAYS
from harness.robustness.query_ledger import compute_row_digest
from harness.robustness.row_forms import RowForm, find_form
from harness.run.oracle import Oracle
from harness.run.session import Session


def replay_stored_finding(session: Session, finding: StoredFinding) -> Verdict:
    """FAIL where each replay is answered wrongly, PASS where none is; INCONCLUSIVE where they differ or fail.

    A finding whose input is no row of the data any more shows nothing: nobody knows its label.
    """
    data = session.settings.data
    assert data is not None
    assert data.dataset is not None
    form = find_form(data.dataset)
    if not isinstance(form, RowForm):
        return make_inconclusive(form, n=0)
    if finding.input >= len(data.dataset.inputs) or finding.original != compute_row_digest(
        form.encode(data.dataset.inputs[finding.input])
    ):
        return make_inconclusive(f"out of date: input {finding.input} of {data.dataset.name} is another row now", n=0)
    oracle = Oracle(session, form.decode, REPLAYS)
    answers = oracle.replay([form.encode(finding.row)] * REPLAYS)
    if unreached := find_harness_error(*(exchange for _, exchange in answers)):
        return unreached
    wrong = [str(reply.label).strip() != finding.label for reply, _ in answers if reply is not None]
    what = f"the {finding.attack} finding for input {finding.input} (label {finding.label})"
    if len(wrong) < REPLAYS:
        lost = next(exchange for reply, exchange in answers if reply is None)
        return make_inconclusive(f"{what} got no valid answer ({lost.outcome})", n=len(wrong))
    example = session.show(f"{what}, at a distance of {finding.distance:g} ({finding.norm})", answers[-1][1])
    if all(wrong):
        answered = answers[-1][0].label if answers[-1][0] else ""
        reason = f"{what} still succeeds: it is answered {answered} in {REPLAYS} of {REPLAYS} replays"
        return Verdict(Status.FAIL, reason, n=REPLAYS, counterexamples=(example,))
    if any(wrong):
        reason = f"{what} is flaky: it is answered wrongly in {sum(wrong)} of {REPLAYS} replays"
        return make_inconclusive(reason, n=REPLAYS, counterexamples=(example,))
    return Verdict(Status.PASS, f"{what} is mended: answered right in {REPLAYS} of {REPLAYS} replays", n=REPLAYS)
