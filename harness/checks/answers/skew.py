"""Serving skew: the service and the local reference answer the same rows, and the answers are compared.

Tested in tests/checks/answers/test_skew.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.checks.answers.golden import list_datatypes, select_output
from harness.checks.common import TOO_MANY_REQUESTS, Show, explain_decline, judge_case
from harness.core.answer_class import is_refusal
from harness.core.exchange import Answer, Exchange
from harness.core.tolerance import Deviations, Tolerance, find_deviation
from harness.core.verdict import Case, Counterexample

_GIVEN_NAMES = ("predictions", "probabilities", "output")
"""What the outputs of a model that names none are called here: a service's output of that name may be another one."""
_ONE = 1e-3
"""How far the sum of probabilities may be from 1."""


@dataclass(frozen=True, slots=True)
class Skew:
    """How the service's answers differ from the reference's: the content of `validation/reference.json`.

    `rows` were asked; the places of those that differ are in `differing`, of those that show nothing in `unjudged`
    with why. `examples` are a few that differ. `largest` is the worst difference in words, `compared` what was.
    """

    rows: int = 0
    differing: tuple[int, ...] = ()
    unjudged: Mapping[int, str] = field(default_factory=dict)
    examples: tuple[Counterexample, ...] = ()
    largest: str = ""
    compared: tuple[str, ...] = ()
    refused: int = 0


def measure_skew(
    references: Sequence[Mapping[str, Any]],
    exchanges: Sequence[Exchange],
    tolerance: Tolerance,
    show: Show,
    shown: int = 3,
) -> Skew:
    """Compare each row's answer with the reference's outputs, those of the same name or the same form."""
    cases: list[Case] = []
    deviations, compared = Deviations(), dict[str, None]()
    for number, (outputs, exchange) in enumerate(zip(references, exchanges, strict=True)):
        name = f"row {number}"
        if not exchange.ok or exchange.answer is None:
            problem = f"{name} has no answer, and the local reference has one: {exchange.outcome}"
            cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange, (TOO_MANY_REQUESTS,))))
            continue
        pairs = pair_outputs(outputs, exchange.answer)
        compared |= dict.fromkeys(what for what, _, _ in pairs)
        datatypes = list_datatypes(exchange.answer)
        problem, unjudged = "", ""
        if not pairs:
            unjudged = (
                f"no output of the service ({', '.join(exchange.answer.outputs) or 'a text'}) has the form of one of "
                f"the reference's ({', '.join(outputs)})"
            )
        for what, own, served in pairs:
            difference = find_deviation(own, served, tolerance, deviations, at=what, datatypes=datatypes)
            if difference and is_tie(outputs, own, served, tolerance):
                unjudged = unjudged or f"the reference's two highest scores are as good as equal: {difference}"
            elif difference:
                problem = problem or f"{name}: the service's {difference} (the local reference's)"
        cases.append(judge_case(name, exchange, problem, show, "" if problem else unjudged))
    examples: dict[int, Counterexample] = {}
    reasons: dict[int, str] = {}
    for number, case in enumerate(cases):
        if case.counterexample:
            examples[number] = case.counterexample
        elif case.unjudged:
            reasons[number] = case.unjudged
    return Skew(
        rows=len(cases),
        differing=tuple(examples),
        unjudged=reasons,
        examples=tuple(examples.values())[:shown],
        largest=deviations.describe(),
        compared=tuple(compared),
        refused=sum(map(is_refusal, exchanges)),
    )


def pair_outputs(outputs: Mapping[str, Any], answer: Answer) -> list[tuple[str, Any, Any]]:
    """What can be compared: (what it is, the reference's, the service's).

    Scores that are no probabilities are made probabilities (softmax) where the service's are. Where nothing has one
    form, a label of the service is compared with the place of the reference's highest score.
    """
    pairs, unlike = [], []
    for name, own in outputs.items():
        served, why = select_output({name: own} if name in answer.outputs else own, answer)
        if isinstance(served, Mapping):
            served = served[name]
            if name in _GIVEN_NAMES and has_other_form(own, served):
                unlike.append((name, own, served))
                served, why = select_output(own, answer)
        if why:
            continue
        if is_scores(own) and is_scores(served) and is_distribution(served) and not is_distribution(own):
            pairs.append((f"{name} (after softmax)", compute_softmax(own), served))
        else:
            pairs.append((name, own, served))
    if not pairs and len(outputs) == 1 and is_scores(own := next(iter(outputs.values()))):
        served, why = select_output(0, answer)
        if not why:
            pairs.append(("label", own.index(max(own)), served))
    return pairs or unlike


def has_other_form(own: Any, served: Any) -> bool:
    """Whether one is a single value and the other a list: a label beside scores. A null is a value that is missing."""
    singles = []
    for value in (own, served):
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None:
            return False
        singles.append(not isinstance(value, list))
    return singles[0] != singles[1]


def is_tie(outputs: Mapping[str, Any], own: Any, served: Any, tolerance: Tolerance) -> bool:
    """Whether two labels differ where the reference's two highest scores are within twice the tolerance."""
    if isinstance(own, list | float) or isinstance(served, list | dict):
        return False
    for scores in outputs.values():
        if is_scores(scores):
            best, second = sorted(scores, reverse=True)[:2]
            if best - second <= 2 * ((tolerance.absolute or 0) + (tolerance.relative or 0) * abs(best)):
                return True
    return False


def is_scores(value: Any) -> bool:
    """Whether it is a list of at least two finite numbers."""
    numbers = isinstance(value, list) and len(value) > 1 and all(type(number) in (int, float) for number in value)
    return numbers and all(map(math.isfinite, value))


def is_distribution(scores: Sequence[float]) -> bool:
    """Whether scores are probabilities: none negative, and their sum is 1."""
    return min(scores) >= 0 and abs(sum(scores) - 1) <= _ONE


def compute_softmax(scores: Sequence[float]) -> list[float]:
    """The probabilities that scores stand for."""
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    return [power / sum(powers) for power in powers]
