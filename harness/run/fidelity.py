"""Two endpoints, the same prompts: does another engine, version or provider answer as well as the one before?

The measurement asks both in turns, and the second one twice: how far it agrees with itself is the floor under which no
difference can be seen. Tested in tests/run/test_fidelity.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.checks.generation.token_chances import measure_chance_distance
from harness.core import evaluation as marks
from harness.core.errors import HarnessError
from harness.core.evaluation import NO_GRADER, EvaluationItem, EvaluationSettings
from harness.core.generation_options import merge_options
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost
from harness.core.verdict import ALPHA, Baseline, Counterexample, Status, Verdict, make_inconclusive
from harness.run.answer_grading import AnswerGrader
from harness.run.evaluation import AnswerRecord, EvaluatedItems, ask_items, choose_items, compute_answer_cost
from harness.run.gate_run import GateRun
from harness.run.session import Session
from harness.stats.difference import PairCounts, judge_difference

_FLOOR_ITEMS, _PORTION = 200, 32
"""Prompts that the second endpoint is asked again, and those of one turn of an endpoint."""
COMPARED_RATES = {
    "loops": (marks.LOOP, "repeat themselves without end"),
    "empty": (marks.EMPTY, "are empty"),
    "cut": (marks.CUT, "end at the limit of tokens"),
    "shorter": (marks.SHORTER, "are shorter by a third than the other endpoint's"),
    "unfinished": (marks.UNFINISHED, "end in the middle of a sentence"),
    "thought only": (marks.REASONING_ONLY, "have thinking and no text"),
    "wrong script": (marks.WRONG_SCRIPT, "are in a script that the prompt has not"),
    "failed": (marks.FAILED, "failed"),
}
"""What is compared of every answer: its mark, and what such answers do."""
TOOL_RATES = {
    "calls": (marks.WRONG_TRIGGER, "call no tool where they should, or one where they should not"),
    "arguments": (marks.WRONG_ARGUMENTS, "call a tool in a wrong way"),
}
"""What is compared of answers to prompts with tools."""
GRADED = (marks.WRONG, "are wrong")
CHANCES = (marks.OTHER_CHANCES, "have log-probabilities unlike the other endpoint's")
_NATS = 0.1
"""How far the log-probabilities of one answer may be apart: a tenth of the chance of each token on average."""


@dataclass(frozen=True, slots=True)
class BothAnswers:
    """The answers of both endpoints to the same prompts: the content of `validation/fidelity.json`.

    `again` are those of the second one, asked once more for the first of the prompts.
    """

    ours: EvaluatedItems
    theirs: EvaluatedItems
    again: EvaluatedItems
    url: str


def ask_both(
    ours: Session,
    theirs: Session,
    items: Sequence[EvaluationItem],
    evaluation: EvaluationSettings,
    grader: AnswerGrader,
) -> BothAnswers:
    """Ask both endpoints every prompt in turns. Raises `HarnessError` where one of them is not reached."""
    records = {session: AnswerRecord(session, grader) for session in (ours, theirs)}
    again = AnswerRecord(theirs, grader)
    for start in range(0, len(items), _PORTION):
        portion = items[start : start + _PORTION]
        order = (ours, theirs) if start // _PORTION % 2 == 0 else (theirs, ours)
        for session in order:
            try:
                ask_items(session, portion, evaluation, records[session].add)
            except HarnessError as problem:
                raise HarnessError(f"{session.endpoint.url}: {problem}") from None
        if start < _FLOOR_ITEMS:
            ask_items(theirs, portion[: _FLOOR_ITEMS - start], evaluation, again.add)
    for record, other in ((records[ours], records[theirs]), (records[theirs], records[ours]), (again, records[ours])):
        _mark_shorter(record, other)
    options = merge_options(theirs.endpoint.options, evaluation.options)
    for record in (records[ours], again):
        _mark_chances(record, records[theirs], is_greedy=not options.get("temperature") and evaluation.repeats == 1)
    return BothAnswers(records[ours].finish(), records[theirs].finish(), again.finish(), theirs.endpoint.url)


def _mark_shorter(record: AnswerRecord, other: AnswerRecord) -> None:
    """Mark the answers that are shorter by a third than the other endpoint's to the same prompt."""
    for name, row in record.rows.items():
        text, longer = row["answer"], other.rows[name]["answer"]
        if isinstance(text, str) and isinstance(longer, str) and 3 * len(text) < 2 * len(longer):
            record.marks[name][0] += (marks.SHORTER,)
            summary = f"{name} is answered {text[-80:]!r}, and by the other endpoint {longer[-80:]!r}"
            record.examples.setdefault(marks.SHORTER, Counterexample(summary))


def _mark_chances(record: AnswerRecord, other: AnswerRecord, *, is_greedy: bool) -> None:
    """Mark the answers whose log-probabilities can be compared with the other endpoint's, and those that differ."""
    for name, chances in record.chances.items():
        distance = measure_chance_distance(chances, other.chances.get(name, ()), is_greedy=is_greedy)
        if distance is None:
            continue
        record.marks[name][0] += (marks.WITH_CHANCES,)
        if distance > _NATS:
            record.marks[name][0] += (marks.OTHER_CHANCES,)
            texts = [str(rows[name]["answer"])[:80] for rows in (record.rows, other.rows)]
            summary = f"{name} is answered {texts[0]!r}, by the second endpoint {texts[1]!r}: {distance:.2g} nats apart"
            record.examples.setdefault(marks.OTHER_CHANCES, Counterexample(summary))


def judge_fidelity(
    both: BothAnswers,
    evaluation: EvaluationSettings,
    rate: tuple[str, str],
    comparisons: int,
    *,
    graded: bool = False,
    with_tools: bool = False,
) -> Verdict:
    """Whether at most the margin more of our answers bear a mark than of the second endpoint's (Tango, pairs).

    A request that failed here bears every mark; prompts that the second endpoint failed on compare nothing. PASS needs
    a margin that it keeps against itself. `comparisons` share the error of a FAIL.
    """
    mark, items = rate[0], {item.id: item for item in evaluation.items}

    def is_asked(name: str, answer: tuple[str, ...]) -> bool:
        item = items[name]
        if mark == marks.OTHER_CHANCES and not {marks.WITH_CHANCES, marks.FAILED} & set(answer):
            return False
        return not (graded and item.grader == NO_GRADER) and not (with_tools and "tools" not in item.options)

    theirs = _collect(both.theirs)
    ours, again = (
        {name: answer for name, answer in _collect(answers).items() if is_asked(name, answer)}
        for answers in (both.ours, both.again)
    )
    if ours and all(marks.FAILED in theirs[name] for name in ours):
        return make_inconclusive("the second endpoint answers none of these prompts: it compares nothing", n=0)
    if mark != marks.FAILED:
        ours = {name: answer for name, answer in ours.items() if marks.FAILED not in theirs[name]}
    repeated = [name for name in again if name in ours]
    if not repeated:
        lacking = (
            ": both endpoints must state log-probabilities (some do with top_logprobs = 1)"
            if mark == marks.OTHER_CHANCES
            else ""
        )
        return make_inconclusive(f"there is no prompt for which this can be said{lacking}", n=0)

    def has_mark(answer: tuple[str, ...]) -> bool:
        return mark in answer or marks.FAILED in answer

    pairs = _Pairs(
        PairCounts(
            len(ours),
            sum(has_mark(answer) and not has_mark(theirs[name]) for name, answer in ours.items()),
            sum(not has_mark(answer) and has_mark(theirs[name]) for name, answer in ours.items()),
        ),
        sum(map(has_mark, ours.values())),
        sum(has_mark(again[name]) is not has_mark(theirs[name]) for name in repeated),
        len(repeated),
        sum(marks.FAILED in answer for answer in ours.values()) if mark != marks.FAILED else 0,
    )
    example = both.ours.examples.get(mark, both.ours.examples.get(marks.FAILED))
    return _decide(pairs, evaluation.margin, rate[1], comparisons, both.url, example)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pairs; our answers with the mark, those of `repeated` that differ from themselves, and our failures."""

    counts: PairCounts
    ours: int
    differing: int
    repeated: int
    failed: int

    @property
    def theirs(self) -> int:
        return self.ours - self.counts.worse + self.counts.better


def _decide(
    pairs: _Pairs, margin: float, what: str, comparisons: int, url: str, example: Counterexample | None
) -> Verdict:
    n, floor = pairs.counts.n, pairs.differing / pairs.repeated
    decided = judge_difference(pairs.counts, margin, ALPHA, ALPHA / comparisons)
    status, needed = Status.INCONCLUSIVE, decided.n_needed
    conclusion = f"a difference of {margin * 100:.3g} % is neither shown nor refuted"
    if decided.decision == "fail" and decided.lower > floor:
        status, conclusion = Status.FAIL, f"at most {margin * 100:.3g} % more is refuted"
    elif margin < floor:
        needed = None
        conclusion = (
            f"the second endpoint differs from itself in {floor * 100:.2g} % of {pairs.repeated} answers, so that a "
            f"margin of {margin * 100:.3g} % cannot be judged. Give a larger [evaluation] margin"
        )
    elif decided.decision == "pass":
        status, conclusion = Status.PASS, f"{margin * 100:.3g} % more is refuted"
    notes = [
        f"{pairs.counts.worse} prompts have it here alone, {pairs.counts.better} there alone",
        f"the second endpoint against itself: {pairs.differing} of {pairs.repeated} differ",
    ]
    if pairs.failed:
        notes.append(f"{pairs.failed} requests failed here, and count so")
    return Verdict(
        status,
        f"{pairs.ours} of {n} answers {what}, {pairs.theirs} of the second endpoint's: {conclusion}",
        metric=f"difference of the shares that {what}",
        unit="",
        direction="<=",
        estimate=decided.estimate,
        ci=(decided.lower, decided.upper),
        confidence=1 - ALPHA,
        method="Tango's score test of pairs, exact tails",
        n=n,
        n_needed=needed if status is Status.INCONCLUSIVE else None,
        limit=margin,
        baseline=Baseline(url, pairs.theirs / n, decided.estimate, (decided.lower, decided.upper), margin),
        counterexamples=(example,) if example is not None and status is not Status.PASS else (),
        notes=tuple(notes),
    )


def _collect(evaluated: EvaluatedItems) -> dict[str, tuple[str, ...]]:
    return {item.id: item.answers[0] for item in evaluated.items}


def _compute_cost(scope: Scope) -> Cost:
    evaluation = scope.settings.evaluation
    if evaluation is None or evaluation.recorded_by:
        return Cost()
    items = choose_items(scope.settings)
    arms = 2 + min(len(items), _FLOOR_ITEMS) / max(1, len(items))
    cost = compute_answer_cost(scope, items)
    return Cost(int(cost.requests * arms) + 1, int(cost.tokens * arms) + 1)


def _make(scope: Scope, session: Session, run: GateRun) -> BothAnswers:
    evaluation, other = scope.settings.evaluation, run.get_baseline_session(scope.suite)
    assert evaluation is not None
    assert other is not None
    other.is_reached = True
    items = choose_items(scope.settings)
    run.progress.expect(2 * len(items) + min(len(items), _FLOOR_ITEMS))
    helper = run.get_helper_session(evaluation.embeddings) if evaluation.embeddings else None
    return ask_both(session, other, items, evaluation, AnswerGrader(evaluation, helper))


BOTH_ANSWERS = Measurement(BothAnswers, _compute_cost, lambda scope: f"{scope.suite}/fidelity", _make)
"""The answers of the endpoint and of the second one to the prompts of an evaluation."""
