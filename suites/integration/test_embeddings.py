"""Each text has one valid vector, the same alone, in any batch and in any encoding."""

from __future__ import annotations

import random
from dataclasses import replace

from harness.checks.answers import embeddings
from harness.core.exchange import Exchange
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, mutate, once

_TEXTS = 8
_SIZES = (2, 3, _TEXTS)


@once
def _ask_singles(ai_client: Session) -> list[Exchange]:
    """Each text asked alone."""
    rows = Rows(ai_client)
    return [ai_client.ask(rows.query([text])) for text in rows.draw_distinct(_TEXTS)]


@once
def _ask_base64(ai_client: Session) -> Exchange:
    """The first text in base64."""
    rows = Rows(ai_client)
    return ai_client.ask(replace(rows.query(rows.draw_distinct(_TEXTS)[:1]), options={"encoding_format": "base64"}))


@once
def _ask_batches(ai_client: Session) -> list[embeddings.VectorBatch]:
    """Every text at several places, in batches of several sizes."""
    rows, chosen = Rows(ai_client), random.Random(ai_client.settings.seed)
    texts = rows.draw_distinct(_TEXTS)
    orders = [chosen.sample(range(_TEXTS), size) for size in _SIZES]
    return [(order, ai_client.ask(rows.query([texts[number] for number in order]))) for order in orders]


@check(
    "every text has one sound vector of its own",
    needs=("embeds",),
    requests=_TEXTS + len(_SIZES) + 1,
    broken_by=(mutate("wrong_tensor"),),
)
def test_sound(ai_client: Session) -> Verdict:
    whole = _ask_batches(ai_client)[-1]
    return embeddings.judge_vectors(_ask_singles(ai_client), whole, _ask_base64(ai_client), ai_client.show)


@check(
    "a text has the same vector alone and in any batch",
    needs=("embeds", "batches"),
    requests=0,
    broken_by=(mutate("other_answer", skip=_TEXTS),),
)
def test_same_in_any_batch(ai_client: Session) -> Verdict:
    return embeddings.judge_batched_vectors(_ask_singles(ai_client), _ask_batches(ai_client), ai_client.show)


@check(
    "every vector has the promised dimension",
    needs=("embeds",),
    grounds=("dimension",),
    requests=0,
    broken_by=(mutate("wrong_tensor", form="shorter"),),
)
def test_dimension(ai_client: Session) -> Verdict:
    promised = ai_client.promises.dimension
    assert promised is not None
    return embeddings.judge_dimension(_ask_singles(ai_client), promised, ai_client.show)


@check(
    "every vector has length 1",
    needs=("embeds",),
    grounds=("normalised",),
    requests=0,
    broken_by=(mutate("wrong_tensor", form="scaled"),),
)
def test_normalised(ai_client: Session) -> Verdict:
    return embeddings.judge_normalisation(_ask_singles(ai_client), ai_client.show)


@check(
    "base64 holds the same numbers",
    level="warn",
    needs=("embeds",),
    requests=0,
    broken_by=(mutate("other_answer", form="drift"),),
)
def test_base64(ai_client: Session) -> Verdict:
    return embeddings.judge_base64(_ask_singles(ai_client)[0], _ask_base64(ai_client), ai_client.show)


@check(
    "fewer dimensions are given where they are accepted",
    level="warn",
    needs=("embeds",),
    broken_by=(mutate("wrong_tensor", form="shorter", skip=_TEXTS), mutate("wrong_tensor", form="shorter")),
)
def test_dimensions(ai_client: Session) -> Verdict:
    whole = _ask_singles(ai_client)[0]
    vectors = embeddings.extract_vectors(whole)
    wanted = max(1, len(vectors[0]) // 2) if vectors else 8
    rows = Rows(ai_client)  # a fresh text: what a cache makes of the option is another check's to judge
    cut = ai_client.ask(replace(rows.query(rows.draw_fresh(1, "dimensions")), options={"dimensions": wanted}))
    return embeddings.judge_dimensions_option(whole, cut, wanted, ai_client.show)
