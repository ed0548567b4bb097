"""A model grades answers, and what is known of it: answers that people labelled, swaps of order and length, repeats.

Every answer is judged in both orders, and its score is their mean. Tested in tests/run/test_answer_judge.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.checks.common import find_harness_error
from harness.core.errors import HarnessError
from harness.core.evaluation import JudgeSettings, LabelledAnswer
from harness.core.exchange import Exchange, Query
from harness.core.generation_options import LIMIT_OPTIONS, merge_options
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost
from harness.run.evaluation import ANSWERS_FILE, choose_items
from harness.run.gate_run import GateRun
from harness.run.session import Session

RIGHT_WORD, WRONG_WORD = "RIGHT", "WRONG"
_CONCURRENCY, _ANSWER_TOKENS = 4, 64
_READING = re.compile(rf"\b({RIGHT_WORD}|{WRONG_WORD})\b", re.IGNORECASE)
_PADDING = "\n\nTo say the same once more, at length and in full confidence: "


@dataclass(frozen=True, slots=True)
class JudgedAnswers:
    """What the judge called the answers: the content of `validation/judge.json`.

    `scores` are those of the answers that were asked now, `failed` of which were none; `labels` and `label_scores` are
    the labels of people and the judge's scores beside them, one for each prompt. Of swaps and repeats: how many were
    tried, and how many changed the judgement. `unread` judgements named neither word, and count as wrong.
    """

    scores: tuple[float, ...] = ()
    failed: int = 0
    labels: tuple[float, ...] = ()
    label_scores: tuple[float, ...] = ()
    rated: tuple[tuple[bool, bool], ...] = ()
    order: tuple[int, int] = (0, 0)
    length: tuple[int, int] = (0, 0)
    repeat: tuple[int, int] = (0, 0)
    unread: int = 0


def fill_judge_template(template: str, answer: LabelledAnswer, *, swapped: bool) -> str:
    """What the judge is asked about an answer. `swapped` names the words, and the reference and the answer, in turn."""
    parts = [f"Answer of the service:\n{answer.answer}"]
    if answer.reference:
        parts.insert(0, f"Right answer:\n{answer.reference}")
    words = [RIGHT_WORD, WRONG_WORD]
    if swapped:
        parts.reverse()
        words.reverse()
    values = {
        "material": "\n\n".join(parts),
        "choices": " or ".join(words),
        "prompt": answer.prompt,
        "answer": answer.answer,
        "reference": answer.reference,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values.get(match[1], match[0]), template)


def read_judgement(text: str) -> bool | None:
    """Whether the judge calls the answer right: by the last of the two words in its reply; None: it says neither."""
    words = _READING.findall(text)
    return words[-1].upper() == RIGHT_WORD if words else None


class Judge:
    """Asks the judge. Raises `HarnessError` where it cannot be reached or refuses to judge."""

    def __init__(self, session: Session, settings: JudgeSettings) -> None:
        self._session, self._settings = session, settings
        self.unread = 0

    def judge(self, answers: Sequence[LabelledAnswer], *, swapped: bool = False) -> list[bool]:
        """Whether it calls each answer right, in this order of words and parts."""
        options = {"temperature": 0}
        if not set(LIMIT_OPTIONS) & set(merge_options(self._settings.endpoint.options, {})):
            options["max_tokens"] = _ANSWER_TOKENS
        options = merge_options(options, self._settings.endpoint.options)
        queries = []
        for answer in answers:
            queries.append(
                Query(fill_judge_template(self._settings.template, answer, swapped=swapped), options=options)
            )
        exchanges = self._session.ask_many(queries, concurrency=_CONCURRENCY)
        return list(map(self._read, exchanges))

    def _read(self, exchange: Exchange) -> bool:
        problem = find_harness_error(exchange)
        if problem or not exchange.ok:
            reason = problem.reason if problem else exchange.outcome
            raise HarnessError(f"the judge {self._settings.endpoint.url} gave no judgement: {reason}")
        judgement = read_judgement(exchange.text)
        self.unread += judgement is None
        return bool(judgement)


def ask_judge_about(
    judge: Judge, settings: JudgeSettings, answers: Sequence[LabelledAnswer], failed: int
) -> JudgedAnswers:
    """Judge the answers of the service and the labelled ones in both orders, and try swaps and repeats."""
    forth, back = judge.judge(answers), judge.judge(answers, swapped=True)
    labelled = settings.labelled
    label_forth, label_back = judge.judge(labelled), judge.judge(labelled, swapped=True)
    probes = labelled[: settings.swaps] or tuple(answers[: settings.swaps])
    first = (label_forth if labelled else forth)[: len(probes)]
    longer = []
    for probe in probes:
        padded = f"{probe.answer}{_PADDING}{probe.answer}"
        longer.append(LabelledAnswer(probe.prompt, padded, probe.is_right, probe.reference))
    at_length = judge.judge(longer)
    changed, again = 0, settings.repeats - 1
    for _ in range(again):
        changed += _count_changes(first, judge.judge(probes))
    labels, scores = _average_by_prompt(labelled, label_forth, label_back)
    return JudgedAnswers(
        tuple(_mean(*pair) for pair in zip(forth, back, strict=True)) + (0.0,) * failed,
        failed,
        labels,
        scores,
        tuple((one.is_right, judged) for one, judged in zip(labelled, label_forth, strict=True)),
        (_count_changes([*forth, *label_forth], [*back, *label_back]), len(forth) + len(label_forth)),
        (_count_changes(first, at_length), len(probes)),
        (changed, again * len(probes)),
        judge.unread,
    )


def _mean(one: bool, other: bool) -> float:
    return (one + other) / 2


def _count_changes(one: Sequence[bool], other: Sequence[bool]) -> int:
    return sum(map(bool.__ne__, one, other))


def _average_by_prompt(
    labelled: Sequence[LabelledAnswer], forth: Sequence[bool], back: Sequence[bool]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean label and the mean score of each prompt: several answers to one prompt are no further prompts."""
    groups: dict[str, list[tuple[bool, float]]] = {}
    for one, *pair in zip(labelled, forth, back, strict=True):
        groups.setdefault(one.prompt, []).append((one.is_right, _mean(*pair)))
    mean_labels, mean_scores = [], []
    for group in groups.values():
        labels, scores = zip(*group, strict=True)
        mean_labels.append(sum(labels) / len(group))
        mean_scores.append(sum(scores) / len(group))
    return tuple(mean_labels), tuple(mean_scores)


def _compute_cost(scope: Scope) -> Cost:
    evaluation = scope.settings.evaluation
    if evaluation is None or evaluation.judge is None:
        return Cost()
    judge = evaluation.judge
    answers, labelled = len(choose_items(scope.settings)), len(judge.labelled)
    probes = min(judge.swaps, labelled or answers)
    requests = 2 * answers + 2 * labelled + probes * judge.repeats
    return Cost(requests, requests * _ANSWER_TOKENS)


def _make(scope: Scope, session: Session, run: GateRun) -> JudgedAnswers:
    evaluation = scope.settings.evaluation
    assert evaluation is not None
    assert evaluation.judge is not None
    rows = [json.loads(line) for line in (run.run_dir.path / ANSWERS_FILE).read_text("utf-8").splitlines()]
    answers = []
    for row in rows:
        if row["answer"] is not None:
            answers.append(LabelledAnswer(row["prompt"], row["answer"], False, row["reference"] or ""))
    judge = Judge(run.get_helper_session(evaluation.judge.endpoint), evaluation.judge)
    return ask_judge_about(judge, evaluation.judge, answers, len(rows) - len(answers))


JUDGED_ANSWERS = Measurement(JudgedAnswers, _compute_cost, lambda scope: f"{scope.suite}/judge", _make)
"""What the judge says of the answers to the prompts, and of those that people have labelled."""
