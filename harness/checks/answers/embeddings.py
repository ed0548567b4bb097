"""Embeddings: one sound vector for each text, the same alone and in any batch, each in its own place.

Two vectors are the same text's where they are at most `SAME` of their length apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.checks.common import Show, case, clearly_refused, declined, judge, told
from harness.checks.comparison import SAME, VECTORS, Vector, apart
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

NORM = 5e-3
"""How far the length of a normalised vector may be from 1: sums of numbers in bfloat16 stay inside."""
_EXACT = 1e-3
"""Distance within which base64 and floats of one text are the same."""

Batch = tuple[Sequence[int], Exchange]
"""The numbers of the texts, in the order in which they were asked in one request, and what came."""


def vectors(exchange: Exchange) -> list[list[float]]:
    """The vectors of an answer, one for each text; empty where there is none."""
    found = exchange.answer.outputs.get(VECTORS) if exchange.ok and exchange.answer else None
    return found if isinstance(found, list) else []


@judge
def sound(singles: Sequence[Exchange], batch: Batch, encoded: Exchange, show: Show) -> Verdict:
    """Each text gets one vector, finite and not zero, all of one dimension, and no two texts the same one.

    `encoded` is the first text in base64, judged only where the service gives it; its numbers must be those of the
    floats.
    """
    cases: list[Case] = []
    kept: list[Vector] = []
    for number, exchange in enumerate(singles):
        cases.append(_judged(f"text {number}", exchange, 1, kept[:1], show))
        kept += vectors(exchange)[:1]
    order, together = batch
    cases.append(_judged(f"a batch of {len(order)} texts", together, len(order), kept[:1], show))
    if encoded.status is None:
        cases.append(case("base64", encoded, f"asked in base64, no answer: {told(encoded)}", show))
    elif in_base64(encoded) and kept:
        cases.append(case("base64", encoded, _other_numbers(encoded, kept[0], SAME), show))
    if all(case.counterexample is None for case in cases) and len(kept) == len(singles):
        cases += [
            case(f"texts {a} and {b}", singles[b], f"texts {a} and {b} have the same vector", show)
            for b in range(len(kept))
            for a in range(b)
            if apart(kept[a], kept[b]) < 1e-6
        ][:3]
    n, numbers = len(singles), len(kept[0]) if kept else 0
    return judge_contract(cases, f"{n} different texts have {n} different vectors of {numbers} numbers", distinct=n)


def _judged(name: str, exchange: Exchange, texts: int, like: Sequence[Vector], show: Show) -> Case:
    """One answer with so many vectors, of the same dimension as those before it; a batch may be refused."""
    unjudged = declined(exchange, range(400, 500)) if texts > 1 else ""
    found = vectors(exchange)
    problem = ""
    if not exchange.ok:
        problem = f"no sound vector: {told(exchange)}"
    elif len(found) != texts:
        problem = f"{len(found)} vectors for {texts} texts"
    elif any(not any(vector) for vector in found):
        problem = "a vector of nothing but zeros"
    elif like and any(len(vector) != len(like[0]) for vector in found):
        problem = f"a vector of {len(found[0])} numbers, where others have {len(like[0])}"
    return case(name, exchange, problem and f"{name}: {problem}", show, unjudged or declined(exchange))


def _other_numbers(encoded: Exchange, floats: Vector, most: float) -> str | None:
    """How far the vector in base64 is from that in floats, if by more than so much of its length."""
    far = apart(vectors(encoded)[0], floats) if vectors(encoded) else math.inf
    return f"base64 holds other numbers than the floats: {far:.3g} of their length apart" if far > most else None


def of_dimension(singles: Sequence[Exchange], promised: int, show: Show) -> Verdict:
    """Every vector has the promised dimension."""

    def problem(vector: Vector) -> str | None:
        return f"{len(vector)} numbers; {promised} are promised" if len(vector) != promised else None

    return _each(singles, problem, f"every vector has {promised} numbers", show)


def of_length_one(singles: Sequence[Exchange], show: Show) -> Verdict:
    """Every vector has the length (L2 norm) 1, within `NORM`."""

    def problem(vector: Vector) -> str | None:
        norm = math.hypot(*vector)
        return f"length {norm:.6g}, not 1" if abs(norm - 1) > NORM else None

    return _each(singles, problem, "every vector has length 1", show)


@judge
def _each(singles: Sequence[Exchange], problem: Callable[[Vector], str | None], holds: str, show: Show) -> Verdict:
    cases = []
    for number, exchange in enumerate(singles):
        found = vectors(exchange)
        wrong = next(filter(None, map(problem, found)), None)
        what = wrong and f"text {number} has a vector of {wrong}"
        cases.append(case(f"text {number}", exchange, what, show, "" if found else _none(exchange)))
    return judge_contract(cases, holds)


def _none(exchange: Exchange) -> str:
    return f"no vector: {told(exchange)}"


@judge
def as_alone(singles: Sequence[Exchange], batches: Sequence[Batch], show: Show) -> Verdict:
    """Each place of each batch holds the vector that its text has alone, and is nearer to it than to any other's.

    A batch refused with a 4xx is no promise broken, and leaves its places unjudged.
    """
    for number, exchange in enumerate(singles):
        if not vectors(exchange):
            return make_inconclusive(f"text {number}, asked alone: {_none(exchange)}", n=0)
    own = [vectors(exchange)[0] for exchange in singles]
    near = [(a, b) for b in range(len(own)) for a in range(b) if apart(own[a], own[b]) <= 2 * SAME]
    if near:
        a, b = near[0]
        return make_inconclusive(f"texts {a} and {b} have almost the same vector: nothing tells whose a vector is", n=0)
    cases = []
    for order, exchange in batches:
        name = f"a batch of {len(order)}"
        if clearly_refused(exchange) or exchange.status == 503:
            cases.append(Case(name, unjudged=f"refused: {told(exchange)}"))
            continue
        found = vectors(exchange)
        if len(found) != len(order):
            what = f"{name} texts has {len(found)} vectors" if exchange.ok else f"{name} texts fails: {told(exchange)}"
            cases.append(case(name, exchange, what, show))
            continue
        for place, (text, vector) in enumerate(zip(order, found, strict=True)):
            problem = _misplaced(place, text, own, vector)
            cases.append(case(f"{name}, place {place}", exchange, problem and f"{name}: {problem}", show))
    sizes = ", ".join(str(len(order)) for order, _ in batches)
    holds = f"the vectors in batches of {sizes} are those of the texts alone, in their order"
    return judge_contract(cases, holds, distinct=len(own))


def _misplaced(place: int, text: int, own: Sequence[Vector], vector: Vector) -> str | None:
    distances = [apart(vector, each) for each in own]
    nearest = min(range(len(own)), key=distances.__getitem__)
    if nearest != text and distances[nearest] <= SAME:
        return f"the order is not kept: place {place}, text {text}, holds the vector of text {nearest}"
    if distances[text] > SAME:
        return f"place {place}, text {text}, is {distances[text]:.3g} of its length from its vector alone"
    return None


def in_base64(exchange: Exchange) -> bool:
    """Whether the answer's vectors came in base64, as they were asked for."""
    value = exchange.answer.value if exchange.answer else None
    data = value.get("data") if isinstance(value, dict) else None
    return bool(data) and isinstance(data, list) and all(isinstance(each.get("embedding"), str) for each in data)


@judge
def base64_equals(floats: Exchange, encoded: Exchange, show: Show) -> Verdict:
    """Asked in base64, a text's vector comes in base64 and is that of the floats."""
    if not vectors(floats):
        return make_inconclusive(f"asked for floats: {_none(floats)}", n=0)
    if why := declined(encoded):
        return make_inconclusive(why, n=0)
    problem: str | None
    if not encoded.ok:
        problem = f"base64 is not to be had: {told(encoded)}"
    elif not in_base64(encoded):
        problem = "encoding_format base64 is passed over: numbers came"
    else:
        problem = _other_numbers(encoded, vectors(floats)[0], _EXACT)
    return judge_contract([case("base64", encoded, problem, show)], "base64 holds the same numbers")


@judge
def dimensions_honoured(floats: Exchange, cut: Exchange, wanted: int, show: Show) -> Verdict:
    """A service that accepts `dimensions` gives a vector of so many numbers; one that cannot refuses with a 4xx."""
    if not vectors(floats):
        return make_inconclusive(f"asked for a whole vector: {_none(floats)}", n=0)
    if why := declined(cut):
        return make_inconclusive(why, n=0)
    if clearly_refused(cut):
        return judge_contract(
            [Case("dimensions")], f"dimensions={wanted} is refused with {cut.status}, and not passed over"
        )
    found = vectors(cut)
    problem = ""
    if not cut.ok or not found:
        problem = f"dimensions={wanted} fails: {told(cut)}"
    elif len(found[0]) != wanted:
        problem = f"dimensions={wanted} is passed over: a vector of {len(found[0])} numbers came"
    return judge_contract([case("dimensions", cut, problem, show)], f"dimensions={wanted} is honoured")
