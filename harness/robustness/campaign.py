"""One attack on all inputs: known findings first, then the search, then what takes over where scores mislead.

Tested in tests/robustness/test_attack_driver.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

from harness.checks.answers.label_forms import read_generously
from harness.checks.common import find_harness_error
from harness.core.answer_class import describe_refusal, is_refusal
from harness.core.attack import Attack, AttackKind, Row, find_kind
from harness.core.attack_settings import LIMITS
from harness.core.errors import ErrorClass, HarnessError, UsageError
from harness.core.registry import load_plugin
from harness.core.stored_finding import StoredFinding
from harness.core.threat import Threat
from harness.robustness.attack_driver import CleanAnswers, Watch, ask_clean_rows, attack_all
from harness.robustness.attack_result import AttackedInputs, InputOutcome
from harness.robustness.attacked_input import AttackedInput, RowBudget
from harness.robustness.findings import (
    choose_shown,
    replay_known_findings,
    show_findings,
    shrink_findings,
    store_findings,
)
from harness.robustness.query_ledger import QueryLedger, Question, compute_row_digest
from harness.robustness.row_forms import RowForm
from harness.run.session import Session
from harness.stats.intervals import clopper_pearson_upper

SURROGATE_ROWS = 500
"""Rows of the data that are asked to make a model of the endpoint."""
ASKED_TWICE = 3
"""Inputs that are asked as they are once more, to see whether scores belong to their rows."""
_UNSTEADY = 1e-3
"""Differences of two scores of one row beyond what batches and processors make, as a share of the largest score."""

KeepFinding = Callable[[StoredFinding], None]
"""Keeps a finding in the run's file."""


class Campaign:
    """One attack on all inputs, and what takes over from it where the scores hide what a row changes."""

    def __init__(
        self,
        session: Session,
        attack: Attack,
        ledger: QueryLedger,
        targets: list[AttackedInput],
        form: RowForm,
    ) -> None:
        self._session, self._attack, self._ledger = session, attack, ledger
        self._targets, self._form = targets, form
        self._notes: list[str] = []
        self._tried = attack.title
        self._masked = ""

    def run(self, watch: Watch, keep: KeepFinding) -> AttackedInputs:
        """Ask the clean rows, replay known findings, search, make the findings smaller."""
        session, targets, form = self._session, self._targets, self._form
        clean = ask_clean_rows(self._ledger, targets)
        if unattackable := self._explain_no_answers():
            return unattackable
        self._choose_attack(clean)
        findings = session.settings.known_findings
        known = replay_known_findings(self._ledger, self._attack, targets, clean, findings, form)
        if findings:
            self._notes.append(f"{known} inputs are still broken by findings of earlier runs, without a search")
        self._prepare(self._attack)
        is_steady = self._are_scores_steady(clean)
        attack_all(self._ledger, self._attack, targets, clean, watch)
        if find_kind(self._attack).reads == "scores":
            if self._ledger.oracle.has_coarse_scores:
                self._mask("the scores are rounded", clean, watch)
            elif not is_steady:
                self._mask("the scores of one row differ from answer to answer", clean, watch)
        shrink_findings(self._ledger, choose_shown(targets))
        for finding in store_findings(self._attack, targets, form, session.settings.seed):
            keep(finding)
        return self._summarise()

    def _explain_no_answers(self) -> AttackedInputs | None:
        session, lost = self._session, [target.lost for target in self._targets if target.lost is not None]
        if unreached := find_harness_error(*lost):
            raise HarnessError(unreached.reason)
        if len(lost) < len(self._targets):
            return None
        path = session.endpoint.template.probabilities
        if path is not None and all(exchange.error is ErrorClass.INVALID for exchange in lost):
            raise UsageError(
                f"[endpoint.template] probabilities = {path!r}: no answer holds them ({lost[0].detail}). Give the path "
                "at which the service answers with probabilities, or leave the key out where it answers with labels"
            )
        if all(exchange.ok for exchange in lost):
            example = session.show("an answer with neither a label nor scores for each row", lost[0])
            return AttackedInputs(unattackable=example.summary, examples=(example,))
        if all(map(is_refusal, lost)):
            refusal = f"every row was refused, none was answered ({describe_refusal(lost[0])})"
            return AttackedInputs(unattackable=refusal, examples=(session.show(refusal, lost[0]),))
        return None

    def _choose_attack(self, clean: CleanAnswers) -> None:
        """Another attack in place of one that reads scores where the service answers labels alone."""
        kind = find_kind(self._attack)
        if kind.reads == "labels" or not clean or any(reply.scores for reply in clean.values()):
            return
        if not kind.instead:
            self._masked = "only labels are answered"
            return
        other: Attack = load_plugin("attacks", kind.instead).ATTACK
        self._notes.append(
            f"{self._attack.name} is not applicable: it reads scores, and only labels are answered; {other.name} took "
            "its place"
        )
        self._attack, self._tried = other, other.title

    def _are_scores_steady(self, clean: CleanAnswers) -> bool:
        """Whether a few inputs get the scores again that they had, for an attack that reads scores."""
        alive = [target for target in self._targets if target.state == "alive"][:ASKED_TWICE]
        if find_kind(self._attack).reads == "labels" or not alive:
            return True
        questions = [Question(target.number, target.task.row) for target in alive]
        for question, (again, _) in zip(questions, self._ledger.ask(questions, "twice"), strict=True):
            before = clean[question.number].scores
            if before is None or again is None or again.scores is None or len(again.scores) != len(before):
                continue
            if math.dist(before, again.scores) > _UNSTEADY * max(map(abs, before)):
                return False
        return True

    def _mask(self, why: str, clean: CleanAnswers, watch: Watch) -> None:
        """Let the attack that reads labels try what held against one whose scores are of no use."""
        kind = find_kind(self._attack)
        unbroken = [target for target in self._targets if target.state == "robust"]
        if not kind.instead:
            self._masked = why
            return
        other: Attack = load_plugin("attacks", kind.instead).ATTACK
        settings = self._session.settings.attack
        assert settings is not None
        budget = RowBudget(settings.budget, settings.rows)
        for target in unbroken:
            target.state, target.budget, target.moved = "alive", budget, False
        attack_all(self._ledger, other, unbroken, clean, watch)
        more = sum(target.state == "confirmed" for target in unbroken)
        self._tried += f" and {other.title}"
        self._notes.append(
            f"score-masking possible: {why}, which hides what a row changes; {other.name} tried the {len(unbroken)} "
            f"that held, and broke {more} of them"
        )

    def _prepare(self, attack: Attack) -> None:
        """Let an attack make a model of the endpoint from its answers to rows of the data."""
        if not find_kind(attack).prepares:
            return
        data = self._session.settings.data
        assert data is not None
        assert data.dataset is not None
        rows: list[Row] = [self._form.encode(row) for row in islice(data.dataset.inputs, SURROGATE_ROWS)]
        questions = [Question(number, row) for number, row in enumerate(rows)]
        replies = [reply for reply, _ in self._ledger.ask(questions, "surrogate")]
        module = load_plugin("attacks", attack.name)
        model, agreement = module.prepare(rows, replies, self._session.settings.seed)
        self._notes.append(f"the surrogate agrees with the endpoint on {agreement:.1%} of rows that it has not seen")
        for target in self._targets:
            target.task = replace(target.task, model=model)

    def _summarise(self) -> AttackedInputs:
        targets, oracle = self._targets, self._ledger.oracle
        lost = [target.lost for target in targets if target.lost is not None]
        labels = [str(target.criterion.label) for target in targets]
        reading = read_generously(labels, [target.first_label for target in targets])
        kind = find_kind(self._attack)
        settings = self._session.settings.attack
        return AttackedInputs(
            attack=self._tried,
            limit=_describe_limit(targets[0].task.distance, kind),
            digest=_compute_digest(targets),
            outcomes=tuple(map(_summarise_input, targets)),
            unmoved=_count_unmoved(kind, targets),
            lost=lost[0].outcome if lost else "",
            declined=len(lost),
            masked=self._masked,
            rows=dict(oracle.rows),
            examples=show_findings(self._session, self._attack, targets, self._form),
            mismatch=reading.reason if reading else "",
            readable=len(reading.right) if reading else 0,
            named=_count_by_name(kind, targets),
            notes=(*self._notes, *_describe_samples(kind, targets)),
            budget=settings.budget if settings else 0,
        )


def _summarise_input(target: AttackedInput) -> InputOutcome:
    distance = target.finding.distance if target.finding else None
    closest = target.closest if math.isfinite(target.closest) else None
    return InputOutcome(target.number, target.state, target.queries, distance, closest, target.flaky is not None)


def _count_unmoved(kind: AttackKind, targets: Sequence[AttackedInput]) -> int:
    """Inputs that held though no row changed their margin.

    An attack that always sends the same changes follows no margin: there inputs with several labels show enough.
    """
    labels = {target.first_label for target in targets if target.first_label is not None}
    if (kind.samples or kind.names) and len(labels) > 1:
        return 0
    return sum(target.state == "robust" and not target.moved for target in targets)


def _describe_limit(distance: Threat, kind: AttackKind) -> str:
    return f"{LIMITS[kind.norm]} {distance.eps:g}"


def _compute_digest(targets: Sequence[AttackedInput]) -> str:
    """Sixteen digits that stand for the inputs, in their order."""
    return compute_row_digest(" ".join(compute_row_digest(target.task.row) for target in targets))


def _count_by_name(kind: AttackKind, targets: Sequence[AttackedInput]) -> tuple[tuple[str, int, int], ...]:
    """Of each named change: the inputs that it broke, and those that it was tried on."""
    named = []
    for place, name in enumerate(kind.names):
        answers = [target.broken_by_name[place] for target in targets if len(target.broken_by_name) > place]
        named.append((name, answers.count(True), len(answers) - answers.count(None)))
    return tuple(named)


def _describe_samples(kind: AttackKind, targets: Sequence[AttackedInput]) -> list[str]:
    if not kind.samples:
        return []
    answers = [target.broken_by_name for target in targets if target.broken_by_name]
    draws = [(one.count(True), len(one) - one.count(None)) for one in answers if one.count(None) < len(one)]
    if not draws:
        return []
    least = min(1 - clopper_pearson_upper(k, n, 0.05) for k, n in draws)
    steady = sum(not k for k, _ in draws)
    return [
        f"{steady} of {len(draws)} inputs kept their label in every one of {draws[0][1]} random draws; the worst input "
        f"keeps it in at least {least:.1%} of draws (95 %, for that input alone)"
    ]
