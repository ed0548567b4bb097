"""Embeddings: one sound vector for each text, the same alone and in any batch, each in its own place.

Two vectors are the same text's where they are at most `SAME` of their length apart: a batch pads its texts, and half
precision on a GPU then moves a vector by up to about 1 % of its length (single precision by a millionth). `SAME` is a
cosine of 0.999 at equal length; the vectors of different texts are ten times further.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.checks.common import Show, not_judged, told
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, contract, inconclusive

OUTPUT = "embedding"
SAME = 0.045
"""Distance, as a share of the longer vector's length, within which two vectors are one text's."""
NORM = 5e-3
"""How far the length of a normalised vector may be from 1: sums of numbers in bfloat16 stay inside."""
EXACT = 1e-3
"""Distance within which base64 and floats of one text are the same."""

Vector = Sequence[float]
Batch = tuple[Sequence[int], Exchange]
"""The numbers of the texts, in the order in which they were asked in one request, and what came."""


def apart(one: Vector, other: Vector) -> float:
    """The distance of two vectors as a share of the longer one's length; infinite for different dimensions."""
    if len(one) != len(other):
        return math.inf
    longer = max(math.hypot(*one), math.hypot(*other))
    return math.dist(one, other) / longer if longer else 0.0


def vectors(exchange: Exchange) -> list[list[float]]:
    """The vectors of an answer, one for each text; empty where there is none."""
    found = exchange.answer.outputs.get(OUTPUT) if exchange.ok and exchange.answer else None
    return found if isinstance(found, list) else []


def parts(one: object, other: object) -> str | None:
    """How the second of two answers' outputs parts from the first: other vectors than `SAME` allows; or None."""
    mine, theirs = (each.get(OUTPUT) if isinstance(each, dict) else None for each in (one, other))
    if not isinstance(mine, list) or not isinstance(theirs, list) or len(mine) != len(theirs):
        return "the answers hold other numbers of vectors"
    far = max((apart(a, b) for a, b in zip(mine, theirs, strict=True)), default=0.0)
    return f"a vector is {far:.3g} of its length apart" if far > SAME else None


def sound(singles: Sequence[Exchange], batch: Batch | None, encoded: Exchange | None, show: Show) -> Verdict:
    """Each text gets one vector, finite and not zero, all of one dimension, and no two texts the same one.

    `encoded` is the first text in base64, judged only where the service gives it; its numbers must be those of the
    floats.
    """
    every = [*singles, *([batch[1]] if batch else []), *([encoded] if encoded else [])]
    if broken := not_judged(*every):
        return broken
    cases: list[Case] = []
    kept: list[Vector] = []
    for number, exchange in enumerate(singles):
        cases.append(_judged(f"text {number}", exchange, 1, len(kept[0]) if kept else None, show))
        kept += vectors(exchange)[:1]
    if batch:
        place = f"a batch of {len(batch[0])} texts"
        cases.append(_judged(place, batch[1], len(batch[0]), len(kept[0]) if kept else None, show))
    if encoded and encoded.status is None:
        cases.append(Case("base64", show(f"asked in base64, no answer: {told(encoded)}", encoded)))
    elif encoded and in_base64(encoded) and kept:
        far = apart(vectors(encoded)[0], kept[0]) if vectors(encoded) else math.inf
        wrong = show(f"base64 holds other numbers than the floats: {far:.3g} of their length apart", encoded)
        cases.append(Case("base64", wrong if far > SAME else None))
    if all(case.counterexample is None for case in cases) and len(kept) == len(singles):
        cases += [
            Case(f"texts {a} and {b}", show(f"texts {a} and {b} have the same vector", singles[b]))
            for b in range(len(kept))
            for a in range(b)
            if apart(kept[a], kept[b]) < 1e-6
        ][:3]
    what = (
        f"{len(singles)} different texts have {len(singles)} different vectors of {len(kept[0]) if kept else 0} numbers"
    )
    return contract(cases, what, distinct=len(singles))


def _judged(name: str, exchange: Exchange, texts: int, dimension: int | None, show: Show) -> Case:
    if exchange.status in (429, 503) or (texts > 1 and exchange.status and 400 <= exchange.status < 500):
        return Case(name, unjudged=f"declined: {told(exchange)}")
    found = vectors(exchange)
    problem = ""
    if not exchange.ok:
        problem = f"no sound vector: {told(exchange)}"
    elif len(found) != texts:
        problem = f"{len(found)} vectors for {texts} texts"
    elif any(not any(vector) for vector in found):
        problem = "a vector of nothing but zeros"
    elif dimension is not None and any(len(vector) != dimension for vector in found):
        problem = f"a vector of {len(found[0])} numbers, where others have {dimension}"
    return Case(name, show(f"{name}: {problem}", exchange) if problem else None)


def of_dimension(singles: Sequence[Exchange], promised: int, show: Show) -> Verdict:
    """Every vector has the promised dimension."""
    if broken := not_judged(*singles):
        return broken
    cases = []
    for number, exchange in enumerate(singles):
        sizes = [len(vector) for vector in vectors(exchange)]
        wrong = [size for size in sizes if size != promised]
        what = f"text {number} has a vector of {wrong[0] if wrong else 0} numbers; {promised} are promised"
        cases.append(Case(f"text {number}", show(what, exchange) if wrong else None, "" if sizes else _none(exchange)))
    return contract(cases, f"every vector has {promised} numbers")


def of_length_one(singles: Sequence[Exchange], show: Show) -> Verdict:
    """Every vector has the length (L2 norm) 1, within `NORM`."""
    if broken := not_judged(*singles):
        return broken
    cases = []
    for number, exchange in enumerate(singles):
        norms = [math.hypot(*vector) for vector in vectors(exchange)]
        wrong = [norm for norm in norms if abs(norm - 1) > NORM]
        what = f"text {number} has a vector of length {wrong[0] if wrong else 1:.6g}, not 1"
        cases.append(Case(f"text {number}", show(what, exchange) if wrong else None, "" if norms else _none(exchange)))
    return contract(cases, "every vector has length 1")


def _none(exchange: Exchange) -> str:
    return f"no vector: {told(exchange)}"


def as_alone(singles: Sequence[Exchange], batches: Sequence[Batch], show: Show) -> Verdict:
    """Each place of each batch holds the vector that its text has alone, and is nearer to it than to any other's.

    A batch refused with a 4xx is no promise broken, and leaves its places unjudged.
    """
    if broken := not_judged(*singles, *(exchange for _, exchange in batches)):
        return broken
    alone = [vectors(exchange)[:1] for exchange in singles]
    if missing := [number for number, found in enumerate(alone) if not found]:
        return inconclusive(f"text {missing[0]}, asked alone: {_none(singles[missing[0]])}", n=0)
    own = [found[0] for found in alone]
    near = [(a, b) for b in range(len(own)) for a in range(b) if apart(own[a], own[b]) <= 2 * SAME]
    if near:
        a, b = near[0]
        return inconclusive(f"texts {a} and {b} have almost the same vector: nothing tells whose a vector is", n=0)
    cases = []
    for order, exchange in batches:
        name = f"a batch of {len(order)}"
        if not exchange.ok and exchange.status is not None and (400 <= exchange.status < 500 or exchange.status == 503):
            cases.append(Case(name, unjudged=f"refused: {told(exchange)}"))
            continue
        found = vectors(exchange)
        if len(found) != len(order):
            what = f"{name} texts has {len(found)} vectors" if exchange.ok else f"{name} texts fails: {told(exchange)}"
            cases.append(Case(name, show(what, exchange)))
            continue
        for place, (text, vector) in enumerate(zip(order, found, strict=True)):
            problem = _misplaced(place, text, own, vector)
            cases.append(Case(f"{name}, place {place}", show(f"{name}: {problem}", exchange) if problem else None))
    sizes = ", ".join(str(len(order)) for order, _ in batches)
    holds = f"the vectors in batches of {sizes} are those of the texts alone, in their order"
    return contract(cases, holds, distinct=len(own))


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


def base64_equals(floats: Exchange, encoded: Exchange, show: Show) -> Verdict:
    """Asked in base64, a text's vector comes in base64 and is that of the floats."""
    if broken := not_judged(floats, encoded):
        return broken
    if not vectors(floats):
        return inconclusive(f"asked for floats: {_none(floats)}", n=0)
    if encoded.status in (429, 503):
        return inconclusive(f"declined: {told(encoded)}", n=0)
    problem = ""
    if not encoded.ok:
        problem = f"base64 is not to be had: {told(encoded)}"
    elif not in_base64(encoded):
        problem = "encoding_format base64 is passed over: numbers came"
    elif not vectors(encoded) or (far := apart(vectors(encoded)[0], vectors(floats)[0])) > EXACT:
        problem = f"base64 holds other numbers than the floats: {far:.3g} of their length apart"
    return contract([Case("base64", show(problem, encoded) if problem else None)], "base64 holds the same numbers")


def dimensions_honoured(floats: Exchange, cut: Exchange, wanted: int, show: Show) -> Verdict:
    """A service that accepts `dimensions` gives a vector of so many numbers; one that cannot refuses with a 4xx."""
    if broken := not_judged(floats, cut):
        return broken
    if not vectors(floats):
        return inconclusive(f"asked for a whole vector: {_none(floats)}", n=0)
    if cut.status in (429, 503):
        return inconclusive(f"declined: {told(cut)}", n=0)
    if cut.status is not None and 400 <= cut.status < 500:
        return contract([Case("dimensions")], f"dimensions={wanted} is refused with {cut.status}, and not passed over")
    found = vectors(cut)
    problem = ""
    if not cut.ok or not found:
        problem = f"dimensions={wanted} fails: {told(cut)}"
    elif len(found[0]) != wanted:
        problem = f"dimensions={wanted} is passed over: a vector of {len(found[0])} numbers came"
    return contract([Case("dimensions", show(problem, cut) if problem else None)], f"dimensions={wanted} is honoured")
