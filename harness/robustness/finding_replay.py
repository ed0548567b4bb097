"""One finding of an earlier run, sent again without a search.

Tested in tests/robustness/test_findings.py.
"""

from __future__ import annotations

from harness.checks.common import find_harness_error
from harness.core.attack import AttackKind
from harness.core.attack_settings import LIMITS
from harness.core.dataset import Dataset
from harness.core.stored_finding import StoredFinding
from harness.core.threat import NORM_NAMES, Norm
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.robustness.attack_inputs import make_threat
from harness.robustness.attacked_input import REPLAYS
from harness.robustness.query_ledger import compute_row_digest
from harness.robustness.row_forms import RowForm, find_form
from harness.run.oracle import Oracle
from harness.run.session import Session


def replay_stored_finding(session: Session, finding: StoredFinding) -> Verdict:
    """FAIL where each replay is answered wrongly, PASS where none is; INCONCLUSIVE where they differ or fail.

    A finding whose input is no row of the data any more shows nothing: nobody knows its label. One that the threat
    model does not allow any more is not sent.
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
    if why := _find_outside(session, finding, data.dataset, form):
        return make_inconclusive(
            f"out of constraint: the {finding.attack} finding for input {finding.input} {why}", n=0
        )
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


def _find_outside(session: Session, finding: StoredFinding, data: Dataset, form: RowForm) -> str:
    """Why the configured threat model does not allow a finding, or an empty text."""
    settings = session.settings.attack
    if settings is None or finding.norm not in set(Norm):
        return ""
    norm, original, row = Norm(finding.norm), form.encode(data.inputs[finding.input]), form.encode(finding.row)
    if settings.get_limit(norm) is None:
        return f"changes the row by {NORM_NAMES[norm]}, for which no limit is configured"
    threat = make_threat(data, form, settings, AttackKind(norm, takes="text" if isinstance(row, str) else "numbers"))
    if threat.allows(original, row):
        return ""
    return f"lies {finding.distance:g} away ({LIMITS[norm]}: {threat.eps:g} is allowed), or its columns do not allow it"
