"""Embeddings: one valid vector for each text, the same alone and in any batch, each in its own place.

Two vectors count as the same if their distance is at most `SAME_VECTOR_DISTANCE` of their length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.checks.common import (
    Show,
    explain_decline,
    has_counterexample,
    is_clear_refusal,
    judge,
    judge_case,
    judge_success,
)
from harness.checks.comparison import EMBEDDING_OUTPUT, SAME_VECTOR_DISTANCE, Vector, measure_distance
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_NORM_TOLERANCE = 5e-3
"""How far the length of a normalised vector may be from 1: rounding to bfloat16 changes it by less."""
_BASE64_DISTANCE = 1e-3
"""Distance within which the vectors of one text in base64 and in floats are the same."""
_EQUAL_DISTANCE = 1e-6
_MAX_EQUAL_SHOWN = 3
"""Pairs of texts with equal vectors that are shown."""

VectorBatch = tuple[Sequence[int], Exchange]
"""The numbers of the texts in one request, in their order, and the exchange."""


def extract_vectors(exchange: Exchange) -> list[list[float]]:
    """The vectors of an answer, one for each text; empty if there are none."""
    vectors = exchange.answer.outputs.get(EMBEDDING_OUTPUT) if exchange.ok and exchange.answer else None
    return vectors if isinstance(vectors, list) else []


@judge
def judge_vectors(singles: Sequence[Exchange], batch: VectorBatch, encoded: Exchange, show: Show) -> Verdict:
    """Each text has one finite vector that is not zero; all have one dimension, and no two texts have the same vector.

    `encoded` is the first text asked for in base64. It is judged only if the service answers in base64: then it must
    hold the numbers of the floats.
    """
    cases: list[Case] = []
    vectors: list[Vector] = []
    for number, exchange in enumerate(singles):
        cases.append(_judge_form(f"text {number}", exchange, 1, vectors[:1], show))
        vectors += extract_vectors(exchange)[:1]
    order, batch_exchange = batch
    cases.append(_judge_form(f"a batch of {len(order)} texts", batch_exchange, len(order), vectors[:1], show))
    if encoded.status is None:
        cases.append(judge_success("base64", encoded, "a request for base64 gets no answer", show))
    elif has_base64_vectors(encoded) and vectors:
        cases.append(judge_case("base64", encoded, _compare_base64(encoded, vectors[0], SAME_VECTOR_DISTANCE), show))
    if not has_counterexample(cases) and len(vectors) == len(singles):
        for a, b in _find_close_pairs(vectors, _EQUAL_DISTANCE)[:_MAX_EQUAL_SHOWN]:
            problem = f"texts {a} and {b} have the same vector"
            cases.append(judge_case(f"texts {a} and {b}", singles[b], problem, show))
    n, numbers = len(singles), len(vectors[0]) if vectors else 0
    return judge_contract(cases, f"{n} different texts have {n} different vectors of {numbers} numbers", distinct=n)


def _judge_form(name: str, exchange: Exchange, texts: int, like: Sequence[Vector], show: Show) -> Case:
    """Judge that an answer has one vector for each text, of the same dimension as `like`; a batch may be refused."""
    unjudged = explain_decline(exchange)
    if texts > 1:
        unjudged = unjudged or explain_decline(exchange, range(400, 500))
    vectors = extract_vectors(exchange)
    problem = ""
    if not exchange.ok:
        problem = f"no valid vector: {exchange.outcome}"
    elif len(vectors) != texts:
        problem = f"{len(vectors)} vectors for {texts} texts"
    elif not all(map(any, vectors)):
        problem = "a vector has only zeros"
    elif like and any(len(vector) != len(like[0]) for vector in vectors):
        problem = f"a vector of {len(vectors[0])} numbers, where others have {len(like[0])}"
    return judge_case(name, exchange, problem and f"{name}: {problem}", show, unjudged)


def _find_close_pairs(vectors: Sequence[Vector], distance: float) -> list[tuple[int, int]]:
    """The numbers of all pairs of vectors that are at most this far apart."""
    pairs = []
    for b, other in enumerate(vectors):
        for a, one in enumerate(vectors[:b]):
            if measure_distance(one, other) <= distance:
                pairs.append((a, b))
    return pairs


def _compare_base64(encoded: Exchange, floats: Vector, most: float) -> str | None:
    """How far the vector in base64 is from that in floats, if further than this share of its length."""
    vectors = extract_vectors(encoded)
    distance = measure_distance(vectors[0], floats) if vectors else math.inf
    if distance > most:
        return f"base64 holds other numbers than the floats: they differ by {distance:.3g} of their length"
    return None


def judge_dimension(singles: Sequence[Exchange], promised: int, show: Show) -> Verdict:
    """Every vector has the promised dimension."""

    def find_problem(vector: Vector) -> str | None:
        return f"{len(vector)} numbers; {promised} are promised" if len(vector) != promised else None

    return _judge_each_vector(singles, find_problem, f"every vector has {promised} numbers", show)


def judge_normalisation(singles: Sequence[Exchange], show: Show) -> Verdict:
    """Every vector has the length (L2 norm) 1, within `_NORM_TOLERANCE`."""

    def find_problem(vector: Vector) -> str | None:
        norm = math.hypot(*vector)
        return f"length {norm:.6g}, not 1" if abs(norm - 1) > _NORM_TOLERANCE else None

    return _judge_each_vector(singles, find_problem, "every vector has length 1", show)


@judge
def _judge_each_vector(
    singles: Sequence[Exchange], find_problem: Callable[[Vector], str | None], holds: str, show: Show
) -> Verdict:
    cases = []
    for number, exchange in enumerate(singles):
        vectors = extract_vectors(exchange)
        problem = next(filter(None, map(find_problem, vectors)), None)
        if problem:
            problem = f"text {number} has a vector of {problem}"
        unjudged = "" if vectors else f"no vector: {exchange.outcome}"
        cases.append(judge_case(f"text {number}", exchange, problem, show, unjudged))
    return judge_contract(cases, holds)


@judge
def judge_batched_vectors(singles: Sequence[Exchange], batches: Sequence[VectorBatch], show: Show) -> Verdict:
    """Each place of each batch holds the vector that its text has when it is sent alone, not that of another text.

    A batch that is refused with a 4xx breaks no promise, and leaves its places unjudged.
    """
    own: list[Vector] = []
    for number, exchange in enumerate(singles):
        if not extract_vectors(exchange):
            return make_inconclusive(f"text {number}, asked alone, has no vector: {exchange.outcome}", n=0)
        own += extract_vectors(exchange)[:1]
    for a, b in _find_close_pairs(own, 2 * SAME_VECTOR_DISTANCE):
        return make_inconclusive(
            f"texts {a} and {b} have almost the same vector: a vector does not identify its text", n=0
        )
    cases: list[Case] = []
    for order, exchange in batches:
        cases += _judge_places(order, exchange, own, show)
    sizes = ", ".join(str(len(order)) for order, _ in batches)
    holds = f"the vectors in batches of {sizes} are those of the texts alone, in their order"
    return judge_contract(cases, holds, distinct=len(own))


def _judge_places(order: Sequence[int], exchange: Exchange, own: Sequence[Vector], show: Show) -> list[Case]:
    name = f"a batch of {len(order)}"
    vectors = extract_vectors(exchange)
    if is_clear_refusal(exchange) or exchange.status == 503:
        return [Case(name, unjudged=f"refused: {exchange.outcome}")]
    if not exchange.ok:
        return [judge_success(name, exchange, f"{name} texts fails", show)]
    if len(vectors) != len(order):
        return [judge_case(name, exchange, f"{name} texts has {len(vectors)} vectors", show)]
    cases = []
    for place, (text, vector) in enumerate(zip(order, vectors, strict=True)):
        problem = _find_misplacement(place, text, own, vector)
        cases.append(judge_case(f"{name}, place {place}", exchange, problem and f"{name}: {problem}", show))
    return cases


def _find_misplacement(place: int, text: int, own: Sequence[Vector], vector: Vector) -> str | None:
    distances = [measure_distance(vector, other) for other in own]
    nearest = distances.index(min(distances))
    if nearest != text and distances[nearest] <= SAME_VECTOR_DISTANCE:
        return f"the order is not kept: place {place}, text {text}, holds the vector of text {nearest}"
    if distances[text] > SAME_VECTOR_DISTANCE:
        distance = f"{distances[text]:.3g} of its length"
        return f"place {place}, text {text}: the vector differs by {distance} from that of the text alone"
    return None


def has_base64_vectors(exchange: Exchange) -> bool:
    """Whether the answer's vectors came in base64, as requested."""
    value = exchange.answer.value if exchange.answer else None
    data = value.get("data") if isinstance(value, dict) else None
    return bool(data) and isinstance(data, list) and all(isinstance(entry.get("embedding"), str) for entry in data)


@judge
def judge_base64(floats: Exchange, encoded: Exchange, show: Show) -> Verdict:
    """A vector asked for in base64 comes in base64, with the numbers of the floats."""
    if not extract_vectors(floats):
        return make_inconclusive(f"a request for floats has no vector: {floats.outcome}", n=0)
    if why := explain_decline(encoded):
        return make_inconclusive(why, n=0)
    problem: str | None
    if not encoded.ok:
        problem = f"a request for base64 fails: {encoded.outcome}"
    elif not has_base64_vectors(encoded):
        problem = "encoding_format base64 is ignored: the vector came as numbers"
    else:
        problem = _compare_base64(encoded, extract_vectors(floats)[0], _BASE64_DISTANCE)
    return judge_contract([judge_case("base64", encoded, problem, show)], "base64 holds the same numbers")


@judge
def judge_dimensions_option(floats: Exchange, cut: Exchange, wanted: int, show: Show) -> Verdict:
    """A service that accepts `dimensions` gives a vector of that many numbers; one that does not refuses with a 4xx."""
    if not extract_vectors(floats):
        return make_inconclusive(f"a request for a full vector has no vector: {floats.outcome}", n=0)
    if why := explain_decline(cut):
        return make_inconclusive(why, n=0)
    if is_clear_refusal(cut):
        return judge_contract([Case("dimensions")], f"dimensions={wanted} is refused with {cut.status}")
    vectors = extract_vectors(cut)
    problem = ""
    if not cut.ok or not vectors:
        problem = f"dimensions={wanted} fails: {cut.outcome}"
    elif len(vectors[0]) != wanted:
        problem = f"dimensions={wanted} is ignored: the vector has {len(vectors[0])} numbers"
    return judge_contract([judge_case("dimensions", cut, problem, show)], f"dimensions={wanted} is honoured")
