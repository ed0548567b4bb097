"""Generated requests: each is valid by what the endpoint announces, so each is answered validly or clearly refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from harness.checks.answers.valid_answer import (
    find_non_finite_output,
    find_null_among_numbers,
    find_number_outputs,
)
from harness.checks.bad_input.clean_errors import find_stack_trace
from harness.checks.common import UNRELATED_STATUSES, Show, find_harness_error, is_clear_refusal
from harness.checks.comparison import extract_tensors, find_row_mismatch
from harness.checks.generation.thinking import explain_spent_limit
from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.exchange import Answer, Exchange
from harness.core.json_path import list_leaves
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_ORDINARY = 1e6
"""Magnitude up to which every model must accept a number, if nothing announces a range for it."""


class OutcomeKind(StrEnum):
    """What became of one generated request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNJUDGED = "unjudged"
    FAILED = "failed"
    """Treated as the server's own failure, or answered otherwise than announced: many servers do so."""
    BROKEN = "broken"
    """No answer, one that is not valid, not finite or not one for each row, or one that shows a traceback."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the endpoint announces, or its first answers show, about valid inputs and their answers.

    `row_outputs` names the outputs that have one entry for each row, `number_outputs` those that have numbers alone;
    `outputs` are the announced tensors by name (datatype and shape); `is_bounded` says that the announcement leaves
    nothing about a valid input open.
    """

    row_outputs: frozenset[str] = frozenset()
    number_outputs: frozenset[str] = frozenset()
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_bounded: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one exchange and, if it is not an answer, why."""

    kind: OutcomeKind
    why: str = ""


@dataclass(frozen=True, slots=True)
class GeneratedRequest:
    """One generated request: the value, what became of it, how often it was sent, and how often it failed so."""

    value: Any
    exchange: Exchange
    outcome: Outcome
    tries: int = 1
    failures: int = 1


@dataclass(frozen=True, slots=True)
class RequestSearch:
    """All generated requests, and the smallest failing one of each kind.

    `minimal_kinds` are the kinds whose smallest request is proved to be minimal: each simpler one was sent and is
    answered. `after` is the plain request sent after all others, where one of them failed. `problem` says why nothing
    could be generated.
    """

    generated: tuple[GeneratedRequest, ...] = ()
    smallest: Mapping[OutcomeKind, GeneratedRequest] = field(default_factory=dict)
    failures: Mapping[OutcomeKind, int] = field(default_factory=dict)
    minimal_kinds: frozenset[OutcomeKind] = frozenset()
    notes: tuple[str, ...] = ()
    problem: str = ""
    after: Exchange | None = None

    def find_first_failed(self) -> GeneratedRequest | None:
        """The first request that was sent of those that failed in any way."""
        for request in self.generated:
            if request.outcome.kind in (OutcomeKind.FAILED, OutcomeKind.BROKEN):
                return request
        return None

    def has_answered(self) -> bool:
        """Whether any request was answered."""
        return any(request.outcome.kind is OutcomeKind.ANSWERED for request in self.generated)


def classify_outcome(exchange: Exchange, value: Any, rows: int | None, announcement: Announcement) -> Outcome:
    """Judge one exchange; `rows` are the rows in its request, None if it has none to count."""
    error = exchange.error
    if error is ErrorClass.STATUS:
        return _classify_status(exchange, announcement)
    if error in (ErrorClass.HARNESS, ErrorClass.TOO_LARGE) or (error is not None and error.is_before_contact):
        return Outcome(OutcomeKind.UNJUDGED, exchange.outcome)
    if error is ErrorClass.REDIRECT:
        return Outcome(OutcomeKind.FAILED, _describe_failure(exchange))
    if error is not None or exchange.answer is None:
        excused = error is ErrorClass.INVALID and not _must_be_accepted(value, announcement)
        kind = OutcomeKind.FAILED if excused else OutcomeKind.BROKEN
        return Outcome(kind, f"no valid answer: {exchange.outcome}")
    return _classify_answer(exchange.answer, value, rows, announcement)


def _classify_status(exchange: Exchange, announcement: Announcement) -> Outcome:
    if trace := find_stack_trace(exchange):
        return Outcome(OutcomeKind.BROKEN, f"the answer ({exchange.status}) shows {trace}")
    if exchange.status in UNRELATED_STATUSES:
        return Outcome(OutcomeKind.UNJUDGED, exchange.outcome)
    if is_clear_refusal(exchange):
        return Outcome(OutcomeKind.REFUSED, exchange.outcome)
    kind = OutcomeKind.BROKEN if announcement.is_bounded else OutcomeKind.FAILED
    return Outcome(kind, _describe_failure(exchange))


def _describe_failure(exchange: Exchange) -> str:
    return f"a request that is valid by what the service announces fails: {exchange.outcome}"


def _classify_answer(answer: Answer, value: Any, rows: int | None, announcement: Announcement) -> Outcome:
    if problem := find_non_finite_output(answer) or _find_null(answer, announcement):
        kind = OutcomeKind.BROKEN if _must_be_accepted(value, announcement) else OutcomeKind.FAILED
        return Outcome(kind, problem)
    if rows is not None and (problem := find_row_mismatch(answer.arrays, announcement.row_outputs, rows)):
        return Outcome(OutcomeKind.BROKEN, problem)
    for tensor in extract_tensors(answer):
        announced = announcement.outputs.get(str(tensor.get("name")))
        if announced is not None and (problem := _compare_tensor(tensor, announced)):
            return Outcome(OutcomeKind.FAILED, problem)
    if answer.content is None and not explain_spent_limit(answer):
        return Outcome(OutcomeKind.UNJUDGED, "the answer is empty")
    return Outcome(OutcomeKind.ANSWERED)


def _find_null(answer: Answer, announcement: Announcement) -> str | None:
    """The first null among numbers, or in place of the numbers that an output has otherwise."""
    if problem := find_null_among_numbers(answer):
        return problem
    for name in sorted(announcement.number_outputs & answer.outputs.keys()):
        if None in list_leaves(answer.outputs[name]):
            return f"output {name} has null in place of a number (NaN and infinity are often sent so)"
    return None


def _compare_tensor(tensor: Mapping[str, Any], announced: Mapping[str, Any]) -> str | None:
    name, shape, sizes = tensor.get("name"), tensor.get("shape"), announced["shape"]
    if tensor.get("datatype") != announced["datatype"]:
        return f"output {name!r} is {tensor.get('datatype')}, announced as {announced['datatype']}"
    fits = isinstance(shape, list) and len(shape) == len(sizes)
    if not fits or any(size >= 0 and actual != size for actual, size in zip(shape or (), sizes, strict=True)):
        return f"output {name!r} has the shape {shape}, announced as {sizes}"
    return None


def _must_be_accepted(value: Any, announcement: Announcement) -> bool:
    """Whether the announcement leaves nothing open, or no number is larger than `_ORDINARY`."""
    if announcement.is_bounded:
        return True
    return all(abs(leaf) <= _ORDINARY for leaf in list_leaves(value) if isinstance(leaf, int | float))


def learn_number_outputs(exchanges: Sequence[Exchange]) -> frozenset[str]:
    """The outputs that had numbers alone in every answer."""
    named = [find_number_outputs(exchange.answer) for exchange in exchanges if exchange.ok and exchange.answer]
    return frozenset.intersection(*named) if named else frozenset()


def find_row_outputs(answers: Sequence[tuple[int, Exchange]]) -> frozenset[str]:
    """The outputs that had exactly one entry for each row in every answer; none without an answer to several rows."""
    if not any(rows > 1 for rows, _ in answers):
        return frozenset()
    by_answer = []
    for rows, exchange in answers:
        arrays = exchange.answer.arrays if exchange.ok and exchange.answer else {}
        by_answer.append({name for name, entries in arrays.items() if len(entries) == rows})
    return frozenset(set.intersection(*by_answer))


def judge_generated_requests(search: RequestSearch, show: Show) -> Verdict:
    """No generated request has no answer, or one that is not valid, not finite, or does not fit its rows.

    After all of them the plain request is answered, as those before were.
    """
    suspect = search.find_first_failed()
    hangs = search.after is not None and search.after.error in (*TIMEOUT_ERRORS, ErrorClass.UNAWAITED)
    if not (hangs and suspect and search.has_answered()):
        return _judge_kind(search, OutcomeKind.BROKEN, show)
    reason = f"after this request ({suspect.exchange.outcome}) the plain one hangs, which was answered before"
    return judge_contract([Case("the last valid request", show(reason, suspect.exchange))], "")


def judge_generated_failures(search: RequestSearch, show: Show) -> Verdict:
    """No generated request is treated as the server's own failure, or answered otherwise than announced.

    Where the announcement leaves nothing open, such a failure also counts as one that was not survived.
    """
    broken = search.smallest.get(OutcomeKind.BROKEN)
    is_own_failure = broken is not None and (broken.exchange.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
    if is_own_failure and OutcomeKind.FAILED not in search.smallest:
        return _judge_kind(search, OutcomeKind.BROKEN, show)
    return _judge_kind(search, OutcomeKind.FAILED, show)


_HELD = (OutcomeKind.ANSWERED, OutcomeKind.REFUSED)
_OUTCOMES_IN_WORDS = {
    OutcomeKind.ANSWERED: "answered validly",
    OutcomeKind.REFUSED: "clearly refused",
    OutcomeKind.FAILED: "treated as the server's own failure or answered otherwise than announced",
    OutcomeKind.BROKEN: "not answered validly",
    OutcomeKind.UNJUDGED: "unjudged",
}


def _judge_kind(search: RequestSearch, kind: OutcomeKind, show: Show) -> Verdict:
    if search.problem:
        return make_inconclusive(search.problem, n=0)
    generated = search.generated
    if broken := find_harness_error(*(request.exchange for request in generated)):
        return broken
    counts = Counter(request.outcome.kind for request in generated)
    listed = ", ".join(f"{counts[name]} {name}" for name in OutcomeKind if counts[name])
    notes = (f"{len(generated)} requests sent: {listed}", *search.notes)
    if smallest := search.smallest.get(kind):
        return _judge_smallest(search, kind, smallest, show).with_notes(*notes)
    if not counts[OutcomeKind.ANSWERED]:
        reasons = [request.outcome.why for request in generated if request.outcome.why]
        why = reasons[0] if reasons else "nothing was generated"
        return make_inconclusive(f"none of {len(generated)} generated requests was answered: {why}", n=0, notes=notes)
    judged = sum(counts[name] for name in _HELD)
    words = ", ".join(f"{counts[name]} {_OUTCOMES_IN_WORDS[name]}" for name in _OUTCOMES_IN_WORDS if counts[name])
    cases = [Case(f"request {index}") for index in range(judged)]
    return judge_contract(cases, f"of {len(generated)} generated requests {words}").with_notes(*notes)


def _judge_smallest(search: RequestSearch, kind: OutcomeKind, smallest: GeneratedRequest, show: Show) -> Verdict:
    """FAIL if the failure was seen at least twice; a single failure that cannot be repeated decides nothing."""
    summary, total = smallest.outcome.why, search.failures.get(kind, smallest.failures)
    example = show(summary, smallest.exchange)
    if total < 2:
        why = f"one generated request failed once, and not when it was sent again: {summary}"
        return make_inconclusive(why, n=1, counterexamples=(example,))
    if smallest.failures < smallest.tries:
        note = f"not repeatable: this request failed {smallest.failures} of {smallest.tries} times, {total} in all"
    elif kind in search.minimal_kinds:
        note = "minimal: every simpler request that was tried is answered well"
    else:
        note = "not proved to be minimal: the budget for simplifying it is spent"
    verdict = judge_contract([Case("generated", replace(example, summary=summary))], "")
    return verdict.with_notes(note, f"it failed {smallest.failures} of {smallest.tries} times")
