"""The measurement of an evaluation: every prompt is asked, every answer graded, and what is wrong with it is kept.

Tested in tests/run/test_evaluation.py.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.checks.common import find_harness_error
from harness.core.answer_class import describe_refusal, is_refusal
from harness.core.errors import HarnessError
from harness.core.evaluation import DEFAULT_ANSWER_TOKENS, FAILED, WRONG, EvaluationItem, EvaluationSettings
from harness.core.exchange import Answer, Exchange, Query, TokenLogprob
from harness.core.generation_options import LIMIT_OPTIONS, find_limit_option, merge_options
from harness.core.measurement import Measurement, Scope
from harness.core.metric import EVALUATION_METRICS
from harness.core.plan import Cost
from harness.core.settings import Settings
from harness.core.verdict import Counterexample
from harness.io.evaluation_file import describe_reference
from harness.run.answer_grading import AnswerGrader
from harness.run.answer_marks import explain_bad_call, mark_answer, mark_text, read_prompt_text
from harness.run.gate_run import GateRun
from harness.run.session import Session

ANSWERS_FILE = "validation/answers.jsonl"
"""The first answer to each prompt, where a judge is configured: what it reads, and what people can label."""
CONCURRENCY, _PORTION = 4, 64
"""Requests under way at once, and those that are asked before the next are made."""


@dataclass(frozen=True, slots=True)
class MarkedItem:
    """One prompt by its id, and the marks of each answer to it (`harness.core.evaluation`)."""

    id: str
    answers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class EvaluatedItems:
    """How the prompts were answered: the content of `validation/evaluation.json`.

    `examples` shows the first answer with each mark; `refusal` is the first refusal where every request was refused.
    """

    items: tuple[MarkedItem, ...] = ()
    examples: Mapping[str, Counterexample] = field(default_factory=dict)
    refusal: str = ""


def choose_items(settings: Settings) -> list[EvaluationItem]:
    """The items that are asked, in the order that the seed draws; at most as many as an objective may take."""
    evaluation = settings.evaluation
    assert evaluation is not None
    names = {metric.name for metric in EVALUATION_METRICS}
    caps = [one.cap for one in settings.objectives if one.suite == "validation" and one.metric in names]
    items = list(evaluation.items)
    random.Random(f"{settings.seed} evaluation").shuffle(items)
    return items[: max(caps, default=settings.profile.items)]


def make_item_query(
    evaluation: EvaluationSettings, defaults: Mapping[str, Any], item: EvaluationItem
) -> tuple[Query, bool]:
    """What is asked for an item, and whether the limit of tokens is ours because nobody gave one.

    A prompt that is asked once is asked at temperature 0, unless a temperature is configured.
    """
    chosen = merge_options(evaluation.options, item.options)
    given = merge_options(defaults, chosen)
    own_limit = not any(given.get(name) is not None for name in LIMIT_OPTIONS)
    if own_limit:
        chosen[find_limit_option(given)] = DEFAULT_ANSWER_TOKENS
    if evaluation.repeats == 1 and "temperature" not in given:
        chosen["temperature"] = 0
    return Query(item.inputs, options=chosen), own_limit


def ask_items(
    session: Session,
    items: Sequence[EvaluationItem],
    evaluation: EvaluationSettings,
    use: Callable[[EvaluationItem, Exchange, bool], None],
    *,
    repeats: int = 1,
) -> None:
    """Ask every item, `repeats` times in rounds, and give each answer to `use` with whether the limit is our own.

    Raises `HarnessError` where the service was not reached.
    """
    asked = [item for _ in range(repeats) for item in items]
    for start in range(0, len(asked), _PORTION):
        portion = asked[start : start + _PORTION]
        queries = [make_item_query(evaluation, session.endpoint.options, item) for item in portion]
        exchanges = session.ask_many([query for query, _ in queries], concurrency=CONCURRENCY)
        if unreached := find_harness_error(*exchanges):
            raise HarnessError(unreached.reason)
        for item, exchange, (_, own_limit) in zip(portion, exchanges, queries, strict=True):
            use(item, exchange, own_limit)


AnswerRow = dict[str, str | bool | None]


def make_answer_row(item: EvaluationItem, answer: str | None) -> AnswerRow:
    """One answer (None: there is none) as people label it, and as a judge reads it."""
    reference = describe_reference(item.reference)
    return {"prompt": read_prompt_text(item.inputs or ""), "answer": answer, "reference": reference, "right": None}


def _write_answers(run: GateRun, rows: Iterable[AnswerRow]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    run.run_dir.write(ANSWERS_FILE, ("\n".join(lines) + "\n").encode(errors="replace"))


class AnswerRecord:
    """Collects the marks of answers, and the first example of each mark."""

    def __init__(self, session: Session, grader: AnswerGrader) -> None:
        self.marks: dict[str, list[tuple[str, ...]]] = {}
        self.examples: dict[str, Counterexample] = {}
        self.refusals: list[str] = []
        self.rows: dict[str, AnswerRow] = {}
        self.chances: dict[str, tuple[TokenLogprob, ...]] = {}
        self._session, self._grader = session, grader

    def add(self, item: EvaluationItem, exchange: Exchange, own_limit: bool) -> None:
        """Grade and mark one answer."""
        why_wrong = self._grader.grade(item, exchange)
        names = mark_answer(exchange, item, why_wrong, own_limit=own_limit)
        self.marks.setdefault(item.id, []).append(names)
        self.rows.setdefault(item.id, make_answer_row(item, exchange.text if exchange.ok else None))
        if exchange.ok and exchange.answer is not None and exchange.answer.logprobs:
            self.chances.setdefault(item.id, exchange.answer.logprobs)
        if is_refusal(exchange):
            self.refusals.append(describe_refusal(exchange))
        for mark in names:
            if mark not in self.examples:
                summary = describe_marked_answer(item, exchange, why_wrong, mark)
                self.examples[mark] = self._session.show(summary, exchange)

    def finish(self) -> EvaluatedItems:
        """What was collected."""
        items = tuple(MarkedItem(name, tuple(answers)) for name, answers in self.marks.items())
        asked = sum(len(item.answers) for item in items)
        refusal = self.refusals[0] if asked and len(self.refusals) == asked else ""
        return EvaluatedItems(items, self.examples, refusal)


def describe_marked_answer(item: EvaluationItem, exchange: Exchange, why_wrong: str, mark: str) -> str:
    """One answer in words: the prompt, the answer, and why it is wrong."""
    prompt = read_prompt_text(item.inputs)
    asked = f"{item.id} asks {prompt if len(prompt) <= 160 else '…' + prompt[-160:]!r}"
    if not exchange.ok:
        return f"{asked}: {exchange.outcome}"
    reason = mark.replace("_", " ")
    if mark == WRONG:
        reason = why_wrong
    for call in exchange.answer.tool_calls if exchange.answer else ():
        reason = explain_bad_call(call, item.options.get("tools", [])) or reason
    return f"{asked} and is answered {exchange.text[:160]!r}: {reason}"


def _compute_cost(scope: Scope) -> Cost:
    evaluation = scope.settings.evaluation
    if evaluation is None or evaluation.recorded_by:
        return Cost()
    once = compute_answer_cost(scope, choose_items(scope.settings))
    return Cost(once.requests * evaluation.repeats, once.tokens * evaluation.repeats)


def compute_answer_cost(scope: Scope, items: Sequence[EvaluationItem]) -> Cost:
    """What it costs at most to ask these items once, and to grade the answers."""
    evaluation, tokens = scope.settings.evaluation, 0
    assert evaluation is not None
    for item in items:
        query, _ = make_item_query(evaluation, scope.endpoint.options, item)
        given = merge_options(scope.endpoint.options, query.options)
        limit = given.get(find_limit_option(given))
        tokens += limit if isinstance(limit, int) else DEFAULT_ANSWER_TOKENS
    requests = len(items)
    if evaluation.embeddings is not None:
        references = sum(len(one.reference) if isinstance(one.reference, list) else 1 for one in evaluation.items)
        requests += len(items) + references
    return Cost(requests, tokens)


def _make(scope: Scope, session: Session, run: GateRun) -> EvaluatedItems:
    evaluation = scope.settings.evaluation
    assert evaluation is not None
    items = choose_items(scope.settings)
    if evaluation.recorded_by:
        if evaluation.judge:
            _write_answers(run, [make_answer_row(item, item.answers[0].text) for item in items])
        return _read_recorded(items, evaluation.repeats)
    helper = run.get_helper_session(evaluation.embeddings) if evaluation.embeddings else None
    record = AnswerRecord(session, AnswerGrader(evaluation, helper))
    run.progress.expect(len(items) * evaluation.repeats)
    ask_items(session, items, evaluation, record.add, repeats=evaluation.repeats)
    if evaluation.judge:
        _write_answers(run, record.rows.values())
    return record.finish()


def _read_recorded(items: Sequence[EvaluationItem], repeats: int) -> EvaluatedItems:
    """The answers that another tool has recorded and graded, marked and counted as those that we ask ourselves."""
    marked, examples = [], dict[str, Counterexample]()
    for item in items:
        answers = []
        for answer in item.answers[:repeats]:
            names = [] if answer.is_right else [WRONG]
            names += [FAILED] if answer.failed else mark_text(Answer(answer.text), item)
            answers.append(tuple(names))
            prompt = read_prompt_text(item.inputs or "")
            why = f"{item.id} asks {prompt[-160:]!r} and is answered {answer.text[:160]!r}: {answer.why}"
            for mark in names:
                examples.setdefault(mark, Counterexample(why.removesuffix(": ")))
        marked.append(MarkedItem(item.id, tuple(answers)))
    return EvaluatedItems(tuple(marked), examples)


EVALUATED_ITEMS = Measurement(EvaluatedItems, _compute_cost, lambda scope: f"{scope.suite}/evaluation", _make)
"""The answers to the prompts of an evaluation."""
