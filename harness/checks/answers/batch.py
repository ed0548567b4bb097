"""A batch holds what its rows are answered alone, each in its own place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.checks.bad_input.requests import input_name, read, tensors
from harness.checks.common import Show, alive, case, clearly_refused, judge, told
from harness.checks.comparison import alone, arrays, difference, owner_of, said, uneven
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


def arranged(order: Sequence[int], first: Sequence[Exchange]) -> list[int]:
    """The order with its last place given to a row whose solo answer differs from the first one's.

    So a reversal shows even where few answers differ.
    """
    found = list(order)
    answers = [said(exchange.answer) for exchange in first]
    other = (at for at in range(len(found) - 1, 0, -1) if difference(answers[found[0]], answers[found[at]]))
    at = next(other, len(found) - 1)
    found[at], found[-1] = found[-1], found[at]
    return found


@judge
def same_as_singles(
    first: Sequence[Exchange], again: Sequence[Exchange], batch: Exchange, order: Sequence[int], show: Show
) -> Verdict:
    """Place i of the batch holds the solo answer to row `order[i]`, and no other's.

    `first` and `again` are the rows asked alone, each with a batch of one. A batch refused with a 4xx is no promise
    broken (INCONCLUSIVE); any other failure of it is.
    """
    kept, why = alone(first, again)
    if why:
        return make_inconclusive(why, n=0)
    if clearly_refused(batch):
        return make_inconclusive(f"the service refuses a batch of {len(order)} rows: {told(batch)}", n=0)
    if not batch.ok or batch.answer is None:
        return judge_contract([case("batch", batch, f"a batch of {len(order)} rows fails: {told(batch)}", show)], "")
    solo = [_rows(exchange, 1) for exchange in first]
    names = {name for name, rows in solo[0].items() if len(rows) == 1}
    if not names:
        return make_inconclusive("no output has one entry for each row, so rows of a batch cannot be told apart", n=0)
    got = _rows(batch, len(order))
    if problem := uneven(got, names, len(order)):
        return judge_contract([case("batch", batch, problem, show)], "")
    parts = [{name: each[name][0] for name in names if name in each} for each in solo]
    cases = []
    for place, row in enumerate(order):
        mine = {name: got[name][place] for name in names}
        cases.append(case(f"place {place}", batch, _problem(place, row, parts, mine), show))
    wrong = any(each.counterexample for each in cases)
    if not wrong and all(difference(parts[order[0]], parts[row]) is None for row in order):
        return make_inconclusive("the outputs that have one entry for each row are all the same: no order shows", n=0)
    holds = f"{len(order)} rows in one batch are each answered as alone, in their order"
    return judge_contract(cases, holds, distinct=len(kept))


def _problem(place: int, row: int, solo: Sequence[dict[str, Any]], mine: dict[str, Any]) -> str | None:
    parts = difference(solo[row], mine)
    if parts is None:
        return None
    if (owner := owner_of(mine, solo)) is not None:
        return f"the order is not kept: place {place} of the batch, row {row}, holds the answer to row {owner}"
    return f"place {place} of the batch, row {row}, is answered otherwise than alone: {parts}"


def _rows(exchange: Exchange, n: int) -> dict[str, list[Any]]:
    """The list outputs of an answer; a text alone is one entry."""
    answer = exchange.answer
    if answer is None or answer.text is None:
        return arrays(answer)
    return {"text": [answer.text]} if n == 1 else {}


def emptied(request: Request) -> Request | None:
    """A valid request with no row left in it: its tensors, list or text become empty lists. None: it has none."""
    body = read(request)
    if isinstance(body, list):
        return replace(request, body=b"[]")
    if not isinstance(body, dict) or not body or not (given := body[input_name(body)]):
        return None
    empty: Any = [{**each, "shape": [0, *each["shape"][1:]], "data": []} for each in tensors(body)]
    name = "inputs" if empty else input_name(body)
    empty = empty or ({key: [] for key in given} if isinstance(given, dict) else [])
    return replace(request, body=json.dumps({**body, name: empty}).encode())


@judge
def survived(empty: Exchange, after: Exchange, show: Show) -> Verdict:
    """A batch without rows is answered, whatever with, and the service lives on."""
    problem = "" if empty.status is not None else f"an empty batch gets no answer: {told(empty)}"
    lost = "after an empty batch a valid request is not answered"
    cases = [case("empty", empty, problem, show), alive(after, show, lost)]
    return judge_contract(cases, f"an empty batch is answered {empty.status}, and a valid request after it", distinct=1)


@judge
def empty_refused(empty: Exchange, decoded: Exchange, show: Show) -> Verdict:
    """A batch without rows is refused with a 4xx, or answered with an empty result; `decoded` is it, read."""
    if empty.status is None:
        return make_inconclusive(f"an empty batch got no answer: {told(empty)}", n=0)
    if empty.status in (401, 403, 404, 429, 503):
        return make_inconclusive(f"{empty.status} says nothing about the empty batch", n=0)
    problem = ""
    if empty.status < 300 and decoded.answer is not None:
        full = [name for name, value in _rows(decoded, 0).items() if value]
        problem = f"no row is answered with {len(_rows(decoded, 0)[full[0]])} results ({full[0]})" if full else ""
    elif not (clearly_refused(empty) or (empty.status < 300 and _says_nothing(empty))):
        problem = f"an empty batch is neither refused with a 4xx nor answered with nothing: {told(decoded)}"
    return judge_contract([case("empty", empty, problem, show)], f"an empty batch gets {empty.status}")


def _says_nothing(exchange: Exchange) -> bool:
    """Whether a body that is no answer of its protocol holds no number, as an empty list does."""
    return exchange.response is not None and not any(48 <= byte <= 57 for byte in exchange.response.body)
