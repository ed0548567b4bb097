"""The verdict of an objective on the answers of an evaluation: right ones, or ones without loops, cuts and wrong calls.

Tested in tests/run/test_evaluation.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.core import evaluation as marks
from harness.core import metric as metrics
from harness.core.evaluation import NO_GRADER, EvaluationItem, EvaluationSettings
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Status, Verdict, make_inconclusive
from harness.run.evaluation import EvaluatedItems
from harness.run.rate_judging import judge_independent_samples, make_rate_verdict
from harness.stats.clusters import bound_clustered_share, estimate_pass_at_k, estimate_pass_hat_k
from harness.stats.planning import compute_n_needed

Marks = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rate:
    """A share of answers: the mark of a bad one, what it did, and which answers count."""

    mark: str
    what: str
    counts: Callable[[EvaluationItem, Marks], bool] = lambda item, answer: True


def _is_offered_tools(item: EvaluationItem, answer: Marks) -> bool:
    return item.calls is not None


def _calls(item: EvaluationItem, answer: Marks) -> bool:
    return marks.CALLED in answer or (marks.WITH_TOOLS in answer and marks.FAILED in answer)


def _has_reference(item: EvaluationItem, answer: Marks) -> bool:
    return item.grader != NO_GRADER


_GRADED = _Rate(marks.WRONG, "answers were wrong", _has_reference)
RATES = {
    **{metric.name: _GRADED for metric in metrics.GRADED_METRICS},
    metrics.LOOP_RATE.name: _Rate(marks.LOOP, "answers repeat themselves without end"),
    metrics.EMPTY_RATE.name: _Rate(marks.EMPTY, "answers were empty"),
    metrics.CUT_RATE.name: _Rate(marks.CUT, "answers ended at the limit of tokens"),
    metrics.REASONING_ONLY_RATE.name: _Rate(marks.REASONING_ONLY, "answers had thinking and no text"),
    metrics.WRONG_SCRIPT_RATE.name: _Rate(marks.WRONG_SCRIPT, "answers were in a script that the prompt has not"),
    metrics.UNFINISHED_RATE.name: _Rate(marks.UNFINISHED, "answers ended in the middle of a sentence"),
    metrics.TOOL_TRIGGER_ACCURACY.name: _Rate(
        marks.WRONG_TRIGGER, "prompts called no tool where they should, or one where they should not", _is_offered_tools
    ),
    metrics.TOOL_SCHEMA_ACCURACY.name: _Rate(marks.WRONG_ARGUMENTS, "answers called a tool in a wrong way", _calls),
}
"""What each metric of an evaluation counts; a request that failed counts against the service in all of them."""


def judge_evaluation(
    evaluated: EvaluatedItems, evaluation: EvaluationSettings, objective: Objective, check: PlannedCheck
) -> Verdict:
    """The verdict of one objective on the answers to the prompts, at most its cap of them."""
    rate = RATES[objective.metric]
    items = {item.id: item for item in evaluation.items}
    groups = [
        [answer for answer in marked.answers if rate.counts(items[marked.id], answer)]
        for marked in evaluated.items[: objective.cap]
    ]
    answers = [group for group in groups if group]
    examples = tuple(evaluated.examples[mark] for mark in (rate.mark, marks.FAILED) if mark in evaluated.examples)[:1]
    if not answers:
        return make_inconclusive(f"there is no answer for which {objective.metric.replace('_', ' ')} can be said", n=0)
    if evaluated.refusal:
        reason = f"every request was refused, none was answered ({evaluated.refusal}): give prompts that it takes"
        return make_inconclusive(reason, n=0, counterexamples=examples)
    judge = partial(_judge_answers, rate, evaluation, objective, check, examples)
    verdict = judge(answers)
    if rate.mark == marks.WRONG and verdict.status is Status.FAIL:
        excused = [[_excuse_cut(answer) for answer in group] for group in answers]
        if judge(excused).status is not Status.FAIL:
            return _explain_cuts(answers, verdict)
    return verdict.with_notes(*_list_notes(answers, evaluation, len(items), objective))


def _is_bad(answer: Marks, mark: str) -> bool:
    return mark in answer or marks.FAILED in answer


def _excuse_cut(answer: Marks) -> Marks:
    """The marks without that of a wrong answer, where a limit that nobody chose ended it, or left none for a text."""
    if marks.CUT_BY_DEFAULT in answer or marks.SPENT in answer:
        return tuple(mark for mark in answer if mark != marks.WRONG)
    return answer


def _explain_cuts(answers: Sequence[Sequence[Marks]], verdict: Verdict) -> Verdict:
    cut = sum(_excuse_cut(answer) != answer for group in answers for answer in group)
    reason = (
        f"{cut} wrong answers ended at the limit of tokens, which nobody chose or which thinking used up: "
        "without them the limit is not refuted. Give max_tokens in [evaluation] options"
    )
    return make_inconclusive(reason, n=len(answers), counterexamples=verdict.counterexamples)


def _judge_answers(
    rate: _Rate,
    evaluation: EvaluationSettings,
    objective: Objective,
    check: PlannedCheck,
    examples: tuple[Counterexample, ...],
    answers: Sequence[Sequence[Marks]],
) -> Verdict:
    bad = [[_is_bad(answer, rate.mark) for answer in group] for group in answers]
    total, asked = sum(map(sum, bad)), sum(map(len, bad))
    if asked == len(bad):
        declined = sum(marks.RATE_LIMITED in group[0] for group in answers)
        return judge_independent_samples(
            total, asked, objective, check, what=rate.what, declined=declined, examples=examples
        )
    if evaluation.claims == "items" and objective.metric == metrics.GRADED_ACCURACY.name:
        verdict = judge_independent_samples(total, asked, objective, check, what=rate.what, examples=examples)
        method = "Clopper-Pearson over all answers to these prompts, conservative where prompts differ (Hoeffding 1956)"
        return replace(verdict, method=method)
    shares = [_compute_bad_share(group, objective.metric, evaluation.k) for group in bad]
    return _judge_clusters(shares, total, asked, objective, check, what=rate.what, examples=examples)


def _compute_bad_share(bad: Sequence[bool], metric: str, k: int) -> float:
    """What speaks against the service in the answers to one prompt: a share from 0 to 1."""
    n, right = len(bad), len(bad) - sum(bad)
    if metric == metrics.PASS_AT_K.name:
        return 1 - estimate_pass_at_k(right, n, min(k, n))
    if metric == metrics.PASS_HAT_K.name:
        return 1 - estimate_pass_hat_k(right, n, min(k, n))
    return sum(bad) / n


def _judge_clusters(
    shares: Sequence[float], k: int, n: int, objective: Objective, check: PlannedCheck, *, what: str, **evidence: Any
) -> Verdict:
    """The verdict over prompts that were asked several times; `k` of n answers were bad."""
    alpha, alpha_fail = objective.alpha, check.alpha_fail or objective.alpha
    repeats = max(1, round(n / len(shares)))
    bound = bound_clustered_share(shares, repeats, alpha_fail, alpha)
    decision, needed = None, None
    if bound.lower > objective.budget:
        decision = "fail"
    elif bound.upper < objective.loosened:
        decision = "pass"
    else:
        effective = min(bound.lower_n, bound.upper_n)
        wanted = compute_n_needed(
            bound.estimate * effective, effective, objective.budget, objective.loosened, alpha, alpha_fail,
            sequential=False,
        )  # fmt: skip
        needed = None if wanted is None else int(wanted * len(shares) / effective) + 1
    verdict = make_rate_verdict(
        decision,
        k,
        n,
        objective,
        (bound.lower, bound.upper),
        what=f"({len(shares)} prompts, {repeats} each) {what}",
        estimate=bound.estimate,
        method=f"Clopper-Pearson at the effective number of prompts, {bound.upper_n:.0f}: repeats of one are alike",
        n_needed=needed,
        **evidence,
    )
    return replace(verdict, n=len(shares))


def describe_claim(evaluation: EvaluationSettings, judged: int, available: int) -> str:
    """Of what a verdict speaks: NIST AI 800-3 keeps apart the accuracy on a benchmark and the generalised one."""
    if evaluation.claims == "population":
        return (
            f"it speaks of the population from which the {available} prompts were drawn at random, as [evaluation] "
            "claims says (generalised accuracy)"
        )
    drawn = f"{judged} of them drawn by the seed" if judged < available else "all asked"
    return f"it speaks of the {available} prompts of {evaluation.source} alone ({drawn}), not of others like them"


def _list_notes(
    answers: Sequence[Sequence[Marks]], evaluation: EvaluationSettings, available: int, objective: Objective
) -> tuple[str, ...]:
    counts = Counter(mark for group in answers for answer in group for mark in set(answer))
    total = sum(map(len, answers))
    notes = [describe_claim(evaluation, len(answers), available)]
    if counts[marks.FAILED]:
        notes.append(f"{counts[marks.FAILED]} of {total} answers failed, and count against the service")
    if counts[marks.CUT] and objective.metric != metrics.CUT_RATE.name:
        notes.append(f"{counts[marks.CUT]} of {total} answers ended at the limit of tokens")
    if evaluation.repeated:
        notes.append(f"{evaluation.repeated} rows repeat another, and count once")
    if evaluation.recorded_by:
        notes.append(f"asked and graded by {evaluation.recorded_by}: {evaluation.source}; nothing was sent")
        dropped = sum(len(item.answers) - evaluation.repeats for item in evaluation.items)
        if dropped:
            notes.append(
                f"{dropped} answers beyond {evaluation.repeats} to a prompt are left out, as not all have them"
            )
    return tuple(notes)
