"""Findings: replayed from an earlier run before any search, made smaller, kept, and shown.

Tested in tests/robustness/test_findings.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.attacks.pointwise import reset_features
from harness.core.attack import Attack, Finding, find_kind
from harness.core.stored_finding import StoredFinding
from harness.core.verdict import Counterexample
from harness.robustness.attack_driver import CleanAnswers, replay
from harness.robustness.attacked_input import AttackedInput
from harness.robustness.query_ledger import QueryLedger, Question, compute_row_digest
from harness.robustness.row_forms import RowForm
from harness.robustness.text_edits import show_edits
from harness.run.oracle import list_numbers
from harness.run.session import Session

MOST_SHOWN = 5
"""Confirmed findings that are shown, and made smaller before."""
SHRINKING = 60
"""Rows that making one finding smaller may take, replays apart."""


def replay_known_findings(
    ledger: QueryLedger,
    attack: Attack,
    targets: Sequence[AttackedInput],
    clean: CleanAnswers,
    known: Sequence[StoredFinding],
    form: RowForm,
) -> int:
    """Send what earlier runs have found for these inputs, before any search; returns how many still succeed."""
    norm, still = find_kind(attack).norm, 0
    by_original = {finding.original: finding for finding in known if finding.norm == norm}
    for target in targets:
        finding = by_original.get(compute_row_digest(target.task.row))
        if finding is None or target.state != "alive":
            continue
        row = form.encode(finding.row)
        if len(row) != len(target.task.row) and not isinstance(row, str):
            continue
        if not target.task.distance.allows(target.task.row, row) or not target.budget.take(target.number, 1):
            continue
        ((reply, _),) = ledger.ask([Question(target.number, row)], "known")
        target.queries += 1
        if reply is not None and target.criterion.met(reply):
            replay(ledger, target, row, reply)
            still += target.state == "confirmed"
    return still


def shrink_findings(ledger: QueryLedger, targets: Sequence[AttackedInput]) -> None:
    """Take back every change that a finding does not need; the smaller row counts if its replays confirm it."""
    for target in targets:
        if target.finding is None or isinstance(target.task.row, str):
            continue
        smaller = _shrink(ledger, target, target.finding)
        if smaller is None:
            continue
        before = target.finding, target.flaky
        if not replay(ledger, target, smaller[0], smaller[1]).confirmed:
            target.finding, target.flaky = before


def _shrink(ledger: QueryLedger, target: AttackedInput, finding: Finding) -> tuple[Any, Any] | None:
    """The smallest row that was still misclassified, with its answer, and inside the limit; None without one."""
    random = np.random.default_rng(target.task.seed)
    search = reset_features(target.task, np.asarray(finding.row, dtype=np.float64), random)
    smallest = None
    batch = next(search, None)
    for _ in range(SHRINKING):
        if batch is None:
            break
        (row,) = batch
        ((reply, _),) = ledger.ask([Question(target.number, row)], "shrink")
        wrong = reply is not None and target.criterion.met(reply)
        if wrong and target.task.distance.allows(target.task.row, row):
            smallest = row, reply
        try:
            batch = search.send([-1.0 if wrong else 1.0])
        except StopIteration:
            break
    return smallest


def store_findings(attack: Attack, targets: Sequence[AttackedInput], form: RowForm, seed: int) -> list[StoredFinding]:
    """All findings as lines of the run's file."""
    stored = []
    for target in targets:
        finding = target.finding or target.flaky
        if finding is None:
            continue
        stored.append(
            StoredFinding(
                attack.name,
                target.number,
                compute_row_digest(target.task.row),
                form.decode(finding.row),
                str(target.criterion.label),
                str(finding.answered),
                finding.distance,
                str(find_kind(attack).norm),
                finding.queries,
                seed,
                finding.state,
            )
        )
    return stored


def choose_shown(targets: Sequence[AttackedInput]) -> list[AttackedInput]:
    """The inputs whose confirmed findings took fewest rows."""
    return sorted((target for target in targets if target.finding), key=lambda target: target.queries)[:MOST_SHOWN]


def show_findings(
    session: Session, attack: Attack, targets: Sequence[AttackedInput], form: RowForm
) -> tuple[Counterexample, ...]:
    """The confirmed findings that took fewest rows, then a flaky finding, then a row without an answer."""
    findings = [(target, target.finding) for target in choose_shown(targets)]
    findings += [(target, target.flaky) for target in targets if target.flaky][:1]
    examples = [_show_finding(session, attack, target, finding, form) for target, finding in findings if finding]
    for target in [target for target in targets if target.lost][:1]:
        assert target.lost is not None
        summary = f"input {target.number}: no valid answer, again and again ({target.lost.outcome})"
        examples.append(session.show(summary, target.lost))
    return tuple(examples)


def _show_finding(
    session: Session, attack: Attack, target: AttackedInput, finding: Finding, form: RowForm
) -> Counterexample:
    summary = f"{finding.state}: input {target.number} (label {target.criterion.label}) was answered "
    summary += f"{finding.answered} after {finding.queries} rows, at a distance of {finding.distance:g}"
    kind, original = find_kind(attack), target.task.row
    if kind.names and finding.queries <= len(kind.names):
        summary += f" ({kind.names[finding.queries - 1]})"
    if isinstance(original, str):
        summary += f": {show_edits(original, str(finding.row))}"
    elif form.names:
        changes = [f"{n} {a!r} -> {b!r}" for n, a, b in _list_changes(original, finding.row, form)]
        summary += f": {', '.join(changes[:MOST_SHOWN])}"
    example = session.show(summary, finding.exchange)
    shown = original if isinstance(original, str) else list_numbers(original)
    more = {"input": target.number, "original": shown, "distance": finding.distance}
    return replace(example, request={**(example.request or {}), **more}, seed=session.settings.seed)


def _list_changes(original: Any, row: Any, form: RowForm) -> list[tuple[str, Any, Any]]:
    before, after = form.decode(original), form.decode(row)
    return [(name, before[name], after[name]) for name in form.names if before[name] != after[name]]
