"""Findings: replayed from an earlier run before any search, made smaller, kept, and shown.

Tested in tests/robustness/test_findings.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.attacks.pointwise import reset_features
from harness.core.attack import Attack, Finding, Row, Search, find_kind
from harness.core.stored_finding import StoredFinding
from harness.core.verdict import Counterexample
from harness.robustness.attack_driver import CleanAnswers, replay_all
from harness.robustness.attacked_input import AttackedInput, Success
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
    norm = find_kind(attack).norm
    by_original = defaultdict(list)
    for finding in known:
        if finding.norm == norm:
            by_original[finding.original].append(form.encode(finding.row))
    asked = []
    for target in targets:
        rows = by_original[compute_row_digest(target.task.row)] if target.state == "alive" else []
        for row in rows:
            if _fits(target, row) and target.budget.take(target.number, 1):
                target.queries += 1
                asked.append((target, row))
    answers = ledger.ask([Question(target.number, row) for target, row in asked], "known") if asked else []
    successes = []
    for (target, row), (reply, _) in zip(asked, answers, strict=True):
        if reply is not None and target.criterion.met(reply):
            successes.append(Success(target, row, reply))
    replay_all(ledger, successes)
    return sum(target.state == "confirmed" for target in targets)


def _fits(target: AttackedInput, row: Row) -> bool:
    is_same_form = isinstance(row, str) or len(row) == len(target.task.row)
    return is_same_form and target.task.distance.allows(target.task.row, row)


def shrink_findings(ledger: QueryLedger, targets: Sequence[AttackedInput]) -> None:
    """Take back every change that a finding does not need; the smaller row counts if its replays confirm it."""
    searches, rows = {}, {}
    for target in targets:
        if target.finding is not None and not isinstance(target.task.row, str):
            random, start = np.random.default_rng(target.task.seed), np.asarray(target.finding.row, dtype=np.float64)
            searches[target.number] = target, reset_features(target.task, start, random)
            rows[target.number] = _ask_next(searches[target.number][1], None)
    smaller: dict[int, Success] = {}
    for _ in range(SHRINKING):
        asked = [(number, row) for number, row in rows.items() if row is not None]
        if not asked:
            break
        answers = ledger.ask([Question(number, row) for number, row in asked], "shrink")
        for (number, row), (reply, _) in zip(asked, answers, strict=True):
            target, search = searches[number]
            is_wrong = reply is not None and target.criterion.met(reply)
            if is_wrong and reply is not None and target.task.distance.allows(target.task.row, row):
                smaller[number] = Success(target, row, reply)
            rows[number] = _ask_next(search, -1.0 if is_wrong else 1.0)
    before = {number: (success.target.finding, success.target.flaky) for number, success in smaller.items()}
    for success, is_confirmed in zip(smaller.values(), replay_all(ledger, list(smaller.values())), strict=True):
        if not is_confirmed:
            success.target.finding, success.target.flaky = before[success.target.number]


def _ask_next(search: Search, margin: float | None) -> Row | None:
    """The next row of a search that yields them one by one; None at its end."""
    try:
        (row,) = next(search) if margin is None else search.send([margin])
    except StopIteration:
        return None
    return row


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
