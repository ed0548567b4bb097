"""A batch holds the answers that its rows have alone, each in its own place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.checks.bad_input.requests import find_input_name, find_tensors, parse_body
from harness.checks.common import (
    UNRELATED_STATUSES,
    Show,
    has_counterexample,
    is_clear_refusal,
    judge,
    judge_case,
    judge_last_request,
    judge_success,
)
from harness.checks.comparison import find_difference, find_owner, find_row_mismatch, select_row_outputs
from harness.checks.control import Control
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Status, Verdict, choose_worst, judge_contract, make_inconclusive


def arrange_order(order: Sequence[int], control: Control) -> list[int]:
    """The order, changed so that its first and last rows have different answers: then a reversed batch always shows."""
    arranged, contents = list(order), control.contents
    for place in range(len(order) - 1, 0, -1):
        if find_difference(contents[order[0]], contents[order[place]]):
            arranged[place], arranged[-1] = arranged[-1], arranged[place]
            break
    return arranged


@judge
def judge_batch(control: Control, batch: Exchange, order: Sequence[int], show: Show) -> Verdict:
    """Place i of the batch holds the answer that row `order[i]` has alone, and no other row's.

    `control` holds the rows asked alone, each as a batch of one. A batch that is refused with a 4xx breaks no promise
    (INCONCLUSIVE); any other failure of the batch does.
    """
    distinct, why = control.select_distinct()
    if why:
        return make_inconclusive(why, n=0)
    if is_clear_refusal(batch):
        return make_inconclusive(f"the service refuses a batch of {len(order)} rows: {batch.outcome}", n=0)
    if not batch.ok or batch.answer is None:
        return judge_contract([judge_success("batch", batch, f"a batch of {len(order)} rows fails", show)], "")
    alone = [_extract_rows(exchange, 1) for exchange in control.first]
    batched = _extract_rows(batch, len(order))
    names = select_row_outputs(alone[0], batched, len(order), batch.answer.request_outputs)
    if not names:
        return make_inconclusive("no output has one entry for each row, so no answer shows its row", n=0)
    if problem := find_row_mismatch(batched, names, len(order)):
        return judge_contract([judge_case("batch", batch, problem, show)], "")
    own = [{name: outputs[name][0] for name in names & outputs.keys()} for outputs in alone]
    cases = []
    for place, row in enumerate(order):
        outputs = {name: batched[name][place] for name in names}
        cases.append(judge_case(f"place {place}", batch, _find_problem(place, row, own, outputs), show))
    if not has_counterexample(cases) and not any(find_difference(own[order[0]], own[row]) for row in order):
        return make_inconclusive(
            "the outputs that have one entry for each row are all the same: they do not show the order", n=0
        )
    holds = f"{len(order)} rows in one batch have the same answers as alone, in their order"
    return judge_contract(cases, holds, distinct=len(distinct))


def judge_batches(control: Control, batches: Sequence[tuple[Sequence[int], Exchange]], show: Show) -> Verdict:
    """Every batch is as `judge_batch` wants it; each comes with the order of its rows.

    A batch that shows nothing (it is refused, or all its rows have one answer) takes nothing from the others.
    """
    verdicts = [judge_batch(control, exchange, order, show) for order, exchange in batches]
    passed = [number for number, verdict in enumerate(verdicts) if verdict.status is Status.PASS]
    decisive = [verdict for verdict in verdicts if verdict.status in (Status.FAIL, Status.ERROR)]
    if decisive or not passed:
        return choose_worst(decisive or verdicts)
    rows = {row for number in passed for row in batches[number][0]}
    sizes = ", ".join(str(len(batches[number][0])) for number in passed)
    holds = f"{len(rows)} rows have in batches of {sizes} the answers that they have alone, in their order"
    cases = [Case(f"place {place} of batch {number}") for number in passed for place in range(len(batches[number][0]))]
    undecided = [verdict.reason for verdict in verdicts if verdict.status is Status.INCONCLUSIVE]
    return judge_contract(cases, holds, distinct=len(rows)).with_notes(*dict.fromkeys(undecided))


def _find_problem(place: int, row: int, own: Sequence[Mapping[str, Any]], outputs: Mapping[str, Any]) -> str | None:
    difference = find_difference(own[row], outputs)
    if difference is None:
        return None
    owner = find_owner(outputs, own)
    if owner is not None:
        return f"the order is not kept: place {place} of the batch, row {row}, holds the answer to row {owner}"
    return f"place {place} of the batch, row {row}, differs from the row's answer alone: {difference}"


def _extract_rows(exchange: Exchange, n: int) -> Mapping[str, list[Any]]:
    """The outputs of an answer that are lists, by name; the text of a single row is a list of one."""
    answer = exchange.answer
    if answer is None:
        return {}
    if answer.text is None:
        return answer.arrays
    return {"text": [answer.text]} if n == 1 else {}


def remove_rows(request: Request) -> Request | None:
    """A valid request with all rows removed: its tensors, list or text become empty lists. None: it has no rows."""
    body = parse_body(request)
    if isinstance(body, list):
        return replace(request, body=b"[]")
    if not isinstance(body, dict) or not body or not body[find_input_name(body)]:
        return None
    name = find_input_name(body)
    empty: Any = []
    if tensors := find_tensors(body):
        name, empty = "inputs", [{**tensor, "shape": [0, *tensor["shape"][1:]], "data": []} for tensor in tensors]
    elif isinstance(body[name], dict):
        empty = {column: [] for column in body[name]}
    return replace(request, body=json.dumps({**body, name: empty}).encode())


@judge
def judge_empty_batch(empty: Exchange, after: Exchange, show: Show) -> Verdict:
    """A batch without rows is answered, no matter how, and a valid request after it is answered too."""
    problem = f"an empty batch gets no answer: {empty.outcome}" if empty.status is None else ""
    failure = "after an empty batch a valid request is not answered"
    cases = [judge_case("empty", empty, problem, show), judge_last_request(after, show, failure)]
    return judge_contract(cases, f"an empty batch is answered {empty.status}, and a valid request after it", distinct=1)


@judge
def judge_empty_batch_refusal(empty: Exchange, decoded: Exchange, show: Show) -> Verdict:
    """A batch without rows is refused with a 4xx, or has an empty result; `decoded` is the same exchange, decoded."""
    if empty.status is None:
        return make_inconclusive(f"an empty batch got no answer: {empty.outcome}", n=0)
    if empty.status in UNRELATED_STATUSES:
        return make_inconclusive(f"status {empty.status} says nothing about the empty batch", n=0)
    problem = ""
    if empty.status < 300 and decoded.answer is not None:
        for name, rows in _extract_rows(decoded, 0).items():
            if rows and not problem and name in decoded.answer.row_outputs:
                problem = f"a batch without rows is answered with {len(rows)} results ({name})"
    elif not (is_clear_refusal(empty) or (empty.status < 300 and _has_no_number(empty))):
        problem = f"an empty batch is neither refused with a 4xx nor answered with an empty result: {decoded.outcome}"
    return judge_contract([judge_case("empty", empty, problem, show)], f"an empty batch gets {empty.status}")


def _has_no_number(exchange: Exchange) -> bool:
    """Whether a body that is not a valid answer contains no digit: an empty list contains none."""
    return exchange.response is not None and re.search(rb"[0-9]", exchange.response.body) is None
