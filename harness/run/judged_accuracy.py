"""The verdict on a share of right answers that a model has judged: only a prediction-powered interval decides.

Tested in tests/run/test_answer_judge.py.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean

from harness.core.evaluation import EvaluationSettings
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Slice, Status, Verdict, make_inconclusive
from harness.run.answer_judge import JudgedAnswers
from harness.run.evaluation import ANSWERS_FILE
from harness.run.evaluation_judging import describe_claim
from harness.run.rate_judging import make_slice
from harness.stats.prediction_powered import (
    FEWEST_LABELS,
    compute_labels_needed,
    estimate_powered_mean,
    measure_agreement,
)

_UNLIKE = 3.3
"""Standard errors by which a random part of the answers differs from all of them in one case of a thousand."""
_USUAL_VARIANCE = 0.1
"""Of the correction of one label by a judge that errs in one answer of ten."""


def judge_judged_accuracy(
    judged: JudgedAnswers, evaluation: EvaluationSettings, objective: Objective, check: PlannedCheck
) -> Verdict:
    """FAIL where the limit is refuted, PASS where the loosened one is, by labels and judgements together (PPI++)."""
    n, labels = len(judged.scores), len(judged.labels)
    if n < 2:
        return make_inconclusive("fewer than two answers were judged", n=n)
    alone_share = sum(judged.scores) / n
    notes = (describe_claim(evaluation, n, len(evaluation.items)), *_describe_judge(judged))
    if labels < FEWEST_LABELS:
        distance = max(abs(alone_share - (1 - objective.loosened)), objective.loosened - objective.budget)
        needed = compute_labels_needed(distance, _USUAL_VARIANCE, objective.alpha)
        reason = (
            f"the judge calls {alone_share * 100:.1f} % of {n} answers right, and {labels} labelled answers do not "
            f"show how often it errs: about {needed} decide. Label rows of {ANSWERS_FILE} in the run directory "
            "(right = true or false), and give the file as [judge] labelled"
        )
        return make_inconclusive(reason, n=labels, n_needed=needed, notes=notes)
    if problem := _find_unlike_labels(judged):
        return make_inconclusive(problem, n=labels, notes=notes)
    alpha, alpha_fail = objective.alpha, check.alpha_fail or objective.alpha
    share = 1 - judged.failed / n
    powered = estimate_powered_mean(judged.labels, judged.label_scores, judged.scores, alpha, alpha_fail, share)
    limit, loosened = 1 - objective.budget, 1 - objective.loosened
    status, conclusion, needed_labels = Status.INCONCLUSIVE, "", None
    if powered.upper < limit:
        status, conclusion = Status.FAIL, f"at least {limit * 100:.4g} % is refuted"
    elif powered.lower > loosened:
        status, conclusion = Status.PASS, f"{loosened * 100:.4g} % or less is refuted"
    else:
        distance = powered.estimate - loosened if powered.estimate >= limit else limit - powered.estimate
        conclusion = f"neither {limit * 100:.4g} % nor {loosened * 100:.4g} % is refuted"
        if powered.estimate >= limit or powered.estimate <= loosened:
            needed_labels = compute_labels_needed(distance, powered.label_variance, min(alpha, alpha_fail))
            conclusion += f"; about {needed_labels} labelled answers decide"
    alone = replace(make_slice("labels alone", 0, labels, alpha), estimate=sum(judged.labels) / labels, ci=None)
    return Verdict(
        status,
        f"{powered.estimate * 100:.1f} % of {n} answers are right, by a judge and {labels} labels: {conclusion}",
        metric="judged accuracy",
        unit="",
        direction=objective.direction,
        estimate=powered.estimate,
        ci=(powered.lower, powered.upper),
        confidence=1 - alpha,
        method=f"PPI++ over {labels} labelled and {n} judged answers, weight of the judge {powered.weight:.2f}",
        n=n,
        n_needed=needed_labels,
        limit=limit,
        limit_loosened=loosened,
        slices=(Slice("the judge alone", n, alone_share), alone),
        notes=(*notes, "it holds if the labelled answers are like those of the service, and the labels are right"),
    )


def _find_unlike_labels(judged: JudgedAnswers) -> str:
    """Why the labelled answers are no random part of these: the judge finds far more of them right, or far fewer.

    Labels of the easy answers alone would show a service that is always right. Empty: they may be a random part.
    """
    labels, answered = len(judged.label_scores), len(judged.scores) - judged.failed
    if not answered:
        return ""
    among_labels, among_all = fmean(judged.label_scores), sum(judged.scores) / answered
    together = (sum(judged.label_scores) + sum(judged.scores)) / (labels + answered)
    error = math.sqrt(together * (1 - together) * (1 / labels + 1 / answered))
    if error == 0 or abs(among_labels - among_all) <= _UNLIKE * error:
        return ""
    return (
        f"the judge calls {among_labels * 100:.1f} % of the {labels} labelled answers right and {among_all * 100:.1f} "
        f"% of the {answered} answers: the labelled ones are no random part of them, and cannot correct it"
    )


def _describe_judge(judged: JudgedAnswers) -> tuple[str, ...]:
    """How far the judge can be trusted: agreement with people, and what changes its mind that should not."""
    notes = []
    if judged.rated:
        agreement = measure_agreement([human for human, _ in judged.rated], [judge for _, judge in judged.rated])
        kappa = "not defined" if agreement.kappa is None else f"{agreement.kappa:.2f}"
        share = f"{agreement.share * 100:.1f} % of {len(judged.rated)} labelled answers"
        notes.append(f"the judge agrees with people on {share} (kappa {kappa}, AC1 {agreement.ac1:.2f})")
    for words, (changed, tried) in (
        ("another order of the words and parts", judged.order),
        ("the same answer said twice", judged.length),
        ("the same request sent again", judged.repeat),
    ):
        if tried:
            notes.append(f"{words} changes its judgement in {changed} of {tried} cases")
    if judged.unread:
        notes.append(f"{judged.unread} judgements named neither word, and count as wrong")
    return tuple(notes)
