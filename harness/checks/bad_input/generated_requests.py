"""Generated requests: each is valid by what the endpoint announces, so each is answered validly or clearly refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from harness.checks.answers.valid_answer import not_finite
from harness.checks.bad_input.clean_errors import trace_in
from harness.checks.common import Show, not_judged, told
from harness.checks.comparison import arrays, tensors_of, uneven
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange
from harness.core.json_path import list_leaves
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

ORDINARY = 1e6
"""Magnitude up to which a number is one that every model must bear, where nothing announces a range for it."""


class Kind(StrEnum):
    """What became of one generated request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNJUDGED = "unjudged"
    FAILED = "failed"
    """Treated as the server's own failure, or answered otherwise than announced: what many servers do by habit."""
    BROKEN = "broken"
    """Not survived: no answer, no valid one, not a finite one, not one for each row, or one that shows a traceback."""


@dataclass(frozen=True, slots=True)
class Known:
    """What answers are held against.

    `by_row` names the outputs that have one entry for each row; `outputs` are the announced tensors by name (datatype
    and shape); `bounded` says that the announcement leaves nothing about a valid input open.
    """

    by_row: frozenset[str] = frozenset()
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The kind of an exchange and, where it is none that is wanted, why."""

    kind: Kind
    why: str = ""


@dataclass(frozen=True, slots=True)
class Generated:
    """One generated request: the value that was drawn, what became of it, and how often it was asked and failed so."""

    value: Any
    exchange: Exchange
    outcome: Outcome
    asked: int = 1
    failed: int = 1


@dataclass(frozen=True, slots=True)
class Search:
    """All generated requests, and the smallest failing one of each kind.

    `minimal` names the kinds whose smallest request was proved to be so: each simpler one was asked and is answered.
    `unable` says why nothing could be generated.
    """

    generated: tuple[Generated, ...] = ()
    smallest: Mapping[Kind, Generated] = field(default_factory=dict)
    failures: Mapping[Kind, int] = field(default_factory=dict)
    minimal: frozenset[Kind] = frozenset()
    notes: tuple[str, ...] = ()
    unable: str = ""


def outcome(exchange: Exchange, value: Any, rows: int | None, known: Known) -> Outcome:
    """Judge one exchange; `rows` are the rows in its request, None where it has none to count."""
    status, error = exchange.status, exchange.error
    if error is not None and (error in (ErrorClass.HARNESS, ErrorClass.TOO_LARGE) or error.is_before_contact):
        return Outcome(Kind.UNJUDGED, told(exchange))
    if error is ErrorClass.STATUS and (shown := trace_in(exchange)):
        return Outcome(Kind.BROKEN, f"the answer ({status}) shows {shown}")
    if error is ErrorClass.STATUS and status in (401, 403, 404, 429, 503):
        return Outcome(Kind.UNJUDGED, told(exchange))
    if error is ErrorClass.STATUS and status is not None and 400 <= status < 500:
        return Outcome(Kind.REFUSED, told(exchange))
    if error in (ErrorClass.STATUS, ErrorClass.REDIRECT):
        kind = Kind.BROKEN if known.bounded and error is ErrorClass.STATUS else Kind.FAILED
        return Outcome(kind, f"a request that is valid by what the service announces is {told(exchange)}")
    if error is not None or exchange.answer is None:
        extreme = error is ErrorClass.INVALID and not known.bounded and not ordinary(value)
        return Outcome(Kind.FAILED if extreme else Kind.BROKEN, f"no valid answer: {told(exchange)}")
    return _answered(exchange.answer, value, rows, known)


def _answered(answer: Answer, value: Any, rows: int | None, known: Known) -> Outcome:
    for name, output in answer.outputs.items():
        if where := not_finite(output):
            kind = Kind.BROKEN if known.bounded or ordinary(value) else Kind.FAILED
            return Outcome(kind, f"output {name}{where}")
    if rows is not None and (problem := uneven(arrays(answer), known.by_row, rows)):
        return Outcome(Kind.BROKEN, problem)
    for each in tensors_of(answer):
        if problem := _unlike(each, known.outputs.get(str(each.get("name")))):
            return Outcome(Kind.FAILED, problem)
    return Outcome(Kind.ANSWERED)


def _unlike(tensor: Mapping[str, Any], stated: Mapping[str, Any] | None) -> str | None:
    if stated is None:
        return None
    name, shape, wanted = tensor.get("name"), tensor.get("shape"), stated["shape"]
    if tensor.get("datatype") != stated["datatype"]:
        return f"output {name!r} is {tensor.get('datatype')}, announced as {stated['datatype']}"
    alike = isinstance(shape, list) and len(shape) == len(wanted)
    if not alike or any(size >= 0 and got != size for got, size in zip(shape or (), wanted, strict=False)):
        return f"output {name!r} has the shape {shape}, announced as {wanted}"
    return None


def ordinary(value: Any) -> bool:
    """Whether no number in the value is larger than `ORDINARY`."""
    return all(abs(each) <= ORDINARY for each in list_leaves(value) if isinstance(each, int | float))


def by_row(answers: Sequence[tuple[int, Exchange]]) -> frozenset[str]:
    """The outputs that had exactly one entry for each row in every answer; none without an answer to several rows."""
    if not any(rows > 1 for rows, _ in answers):
        return frozenset()
    held = [
        {name for name, entries in arrays(each.answer).items() if each.ok and len(entries) == rows}
        for rows, each in answers
    ]
    return frozenset(set.intersection(*held))


def survived(search: Search, show: Show) -> Verdict:
    """No generated request is left without an answer, or with one that is invalid, not finite, or not for its rows."""
    return _judge(search, Kind.BROKEN, "is answered validly or refused clearly", show)


def kept(search: Search, show: Show) -> Verdict:
    """No generated request is treated as the server's own failure, or answered otherwise than announced."""
    return _judge(search, Kind.FAILED, "is treated as the announcement says", show)


def _judge(search: Search, kind: Kind, holds: str, show: Show) -> Verdict:
    if search.unable:
        return make_inconclusive(search.unable, n=0)
    found = search.generated
    if broken := not_judged(*(each.exchange for each in found)):
        return broken
    number = {each: sum(one.outcome.kind is each for one in found) for each in Kind}
    said = ", ".join(f"{count} {name}" for name, count in number.items() if count)
    notes = (f"{len(found)} requests asked: {said}", *search.notes)
    if smallest := search.smallest.get(kind):
        return _failed(search, kind, smallest, show).with_notes(*notes)
    judged = len(found) - number[Kind.UNJUDGED]
    if not number[Kind.ANSWERED]:
        why = next((each.outcome.why for each in found if each.outcome.why), "nothing was generated")
        return make_inconclusive(f"none of {len(found)} generated requests was answered: {why}", n=0, notes=notes)
    cases = [Case(f"request {index}") for index in range(judged)]
    return judge_contract(cases, f"each of {judged} generated requests {holds}").with_notes(*notes)


def _failed(search: Search, kind: Kind, smallest: Generated, show: Show) -> Verdict:
    """FAIL on what was seen to fail at least twice; a single failure that does not come again decides nothing."""
    summary, total = smallest.outcome.why, search.failures.get(kind, smallest.failed)
    example = show(summary, smallest.exchange)
    if total < 2:
        why = f"one generated request failed once, and not when it was asked again: {summary}"
        return make_inconclusive(why, n=1, counterexamples=(example,))
    if smallest.failed < smallest.asked:
        note = f"not repeatable: this request failed {smallest.failed} of {smallest.asked} times, {total} in all"
    elif kind in search.minimal:
        note = "minimal: whatever was removed from it or made simpler is answered well"
    else:
        note = "not proved to be minimal: the budget for simplifying it is spent"
    verdict = judge_contract([Case("generated", replace(example, summary=summary))], "")
    return verdict.with_notes(note, f"it failed {smallest.failed} of {smallest.asked} times")
