"""A batch holds what its rows are answered alone, each in its own place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.checks.alike import alone, difference, said
from harness.checks.common import Show, not_judged, told
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, contract, inconclusive


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


def same_as_singles(
    first: Sequence[Exchange], again: Sequence[Exchange], batch: Exchange, order: Sequence[int], show: Show
) -> Verdict:
    """Place i of the batch holds the solo answer to row `order[i]`, and no other's.

    `first` and `again` are the rows asked alone, each with a batch of one. A batch refused with a 4xx is no promise
    broken (INCONCLUSIVE); any other failure of it is.
    """
    if broken := not_judged(*first, *again, batch):
        return broken
    _, why = alone(first, again)
    if why:
        return inconclusive(why, n=0)
    if not batch.ok and batch.status is not None and 400 <= batch.status < 500:
        return inconclusive(f"the service refuses a batch of {len(order)} rows: {told(batch)}", n=0)
    if not batch.ok or batch.answer is None:
        return contract([Case("batch", show(f"a batch of {len(order)} rows fails: {told(batch)}", batch))], "")
    solo = [_rows(exchange, 1) for exchange in first]
    names = {name for name, rows in solo[0].items() if len(rows) == 1}
    if not names:
        return inconclusive("no output has one entry for each row, so rows of a batch cannot be told apart", n=0)
    got = _rows(batch, len(order))
    for name in sorted(names):
        if len(got.get(name, ())) != len(order):
            what = f"output {name!r} has {len(got.get(name, ()))} entries for a batch of {len(order)} rows"
            return contract([Case("batch", show(what, batch))], "")
    cases = []
    for place, row in enumerate(order):
        parts = [{name: each[name][0] for name in names if name in each} for each in solo]
        mine = {name: got[name][place] for name in names}
        problem = _problem(place, row, parts, mine)
        cases.append(Case(f"place {place}", show(problem, batch) if problem else None))
    wrong = any(case.counterexample for case in cases)
    if not wrong and all(difference(parts[order[0]], parts[row]) is None for row in order):
        return inconclusive("the outputs that have one entry for each row are all the same: no order shows", n=0)
    distinct = len(alone(first, again)[0])
    return contract(
        cases, f"{len(order)} rows in one batch are each answered as alone, in their order", distinct=distinct
    )


def _problem(place: int, row: int, solo: Sequence[dict[str, Any]], mine: dict[str, Any]) -> str | None:
    parts = difference(solo[row], mine)
    if parts is None:
        return None
    owner = next((other for other in range(len(solo)) if difference(solo[other], mine) is None), None)
    if owner is not None:
        return f"the order is not kept: place {place} of the batch, row {row}, holds the answer to row {owner}"
    return f"place {place} of the batch, row {row}, is answered otherwise than alone: {parts}"


def _rows(exchange: Exchange, n: int) -> dict[str, list[Any]]:
    """The list outputs of an answer; a text alone is one entry."""
    answer = exchange.answer
    if answer is None:
        return {}
    if answer.text is not None:
        return {"text": [answer.text]} if n == 1 else {}
    return {name: value for name, value in answer.outputs.items() if isinstance(value, list)}


def emptied(request: Request) -> Request | None:
    """A valid request with no row left in it: its tensors, list or text become empty lists. None: it has none."""
    body = json.loads(request.body)
    if not isinstance(body, dict):
        return replace(request, body=b"[]") if isinstance(body, list) else None
    tensors = body.get("inputs")
    if isinstance(tensors, list) and all(isinstance(each, dict) and each.get("shape") for each in tensors):
        empty: Any = [{**each, "shape": [0, *each["shape"][1:]], "data": []} for each in tensors]
        return replace(request, body=json.dumps({**body, "inputs": empty}).encode())
    name = max((key for key in body if key != "model"), key=lambda key: len(json.dumps(body[key])), default="")
    given = body.get(name)
    empty = {key: [] for key in given} if isinstance(given, dict) else []
    return replace(request, body=json.dumps({**body, name: empty}).encode()) if given else None


def survived(empty: Exchange, after: Exchange, show: Show) -> Verdict:
    """A batch without rows is answered, whatever with, and the service lives on."""
    if broken := not_judged(empty, after):
        return broken
    problem = "" if empty.response is not None and empty.status is not None else f"no answer: {told(empty)}"
    lost = "" if after.ok else f"after an empty batch a valid request is not answered: {told(after)}"
    declined = lost if after.status == 429 else ""
    cases = [
        Case("empty", show(f"an empty batch gets {problem}", empty) if problem else None),
        Case("alive", show(lost, after) if lost and not declined else None, declined),
    ]
    return contract(cases, f"an empty batch is answered {empty.status}, and a valid request after it", distinct=1)


def empty_refused(empty: Exchange, decoded: Exchange, show: Show) -> Verdict:
    """A batch without rows is refused with a 4xx, or answered with an empty result; `decoded` is it, read."""
    if broken := not_judged(empty):
        return broken
    if empty.status is None:
        return inconclusive(f"an empty batch got no answer: {told(empty)}", n=0)
    if empty.status in (401, 403, 404, 429, 503):
        return inconclusive(f"{empty.status} says nothing about the empty batch", n=0)
    problem = ""
    if empty.status < 300 and decoded.answer is not None:
        full = [name for name, value in _rows(decoded, 0).items() if value]
        problem = f"no row is answered with {len(_rows(decoded, 0)[full[0]])} results ({full[0]})" if full else ""
    elif empty.status < 300 and _says_nothing(empty):
        problem = ""
    elif not 400 <= empty.status < 500:
        problem = f"an empty batch is neither refused with a 4xx nor answered with nothing: {told(decoded)}"
    return contract([Case("empty", show(problem, empty) if problem else None)], f"an empty batch gets {empty.status}")


def _says_nothing(exchange: Exchange) -> bool:
    """Whether a body that is no answer of its protocol holds no number, as an empty list does."""
    return exchange.response is not None and not any(48 <= byte <= 57 for byte in exchange.response.body)
