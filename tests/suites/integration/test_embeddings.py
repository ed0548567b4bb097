"""Embedding services that are each wrong in one way fail; what real servers do without fault passes."""

from __future__ import annotations

import base64
import itertools
import struct
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.settings import Promises
from harness.core.verdict import Status, Verdict
from harness.reference.embeddings import embed_texts
from tests.suites.integration.manners import Answer, Sent, run_check

suite = import_module("harness.suites.integration.test_embeddings")
batches = import_module("harness.suites.integration.test_batch")
repeats = import_module("harness.suites.integration.test_repeat")
concurrent = import_module("harness.suites.integration.test_concurrent").test_own_answers
EVERY = (
    suite.test_sound,
    suite.test_same_in_any_batch,
    suite.test_dimension,
    suite.test_normalised,
    suite.test_base64,
    suite.test_dimensions,
    batches.test_equals_singles,
    batches.test_empty_survived,
    batches.test_empty_refused,
    repeats.test_same_form,
    repeats.test_same_vector,
)
PROMISES = Promises(dimension=64, normalised=True)


def make_answer(body: Any, change: Any = None) -> Sent:
    """The reference's embedding of a body; `change` alters its rows (an array of n by 64)."""
    given = body["input"]
    texts = [given] if isinstance(given, str) else given
    if not texts or not all(isinstance(text, str) for text in texts):
        return 400, {}, {"error": {"message": "texts are expected"}}
    rows = embed_texts(texts, body.get("dimensions") or 64).astype(float)
    rows = rows if change is None else change(rows)
    return 200, {}, {"data": data(rows, body.get("encoding_format") == "base64"), "model": "m"}


def data(rows: Any, encoded: bool) -> list[dict[str, Any]]:
    def vector(row: Any) -> Any:
        return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode() if encoded else [float(x) for x in row]

    return [{"index": i, "embedding": vector(row)} for i, row in enumerate(rows)]


def alter_vectors(change: Any) -> Answer:
    return lambda path, headers, body: make_answer(body, change)


def alter_batches(change: Any) -> Answer:
    """Only the vectors of batches are altered."""
    return alter_vectors(lambda rows: change(rows) if len(rows) > 1 else rows)


def judge_service(answer: Answer, test: Any, folder: Path, promises: Promises = PROMISES) -> Verdict:
    return run_check(answer, test, folder, protocol="openai_embeddings", promises=promises)


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("test", EVERY, ids=lambda test: test.__name__)
@pytest.mark.parametrize(
    "change",
    [None, lambda rows: rows + NOISE.normal(0, 1e-3, rows.shape)],
    ids=["exact", "half precision"],
)
def test_a_right_service_passes(tmp_path: Path, test: Any, change: Any) -> None:
    if change is not None and test is suite.test_base64:
        return  # a warning, which noise this large may set off
    verdict = judge_service(alter_vectors(change), test, tmp_path)
    assert verdict.status is Status.PASS, verdict.reason


def cut_vectors(rows: Any) -> Any:
    return [row[: 64 - place] for place, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("answer", "test", "reason"),
    [
        (alter_vectors(lambda rows: rows * 0 + 1 / 8), suite.test_sound, "have the same vector"),
        (alter_vectors(lambda rows: rows * 0), suite.test_sound, "only zeros"),
        (alter_vectors(lambda rows: rows[:, : 40 + len(rows)]), suite.test_sound, "numbers, where others have"),
        (alter_batches(lambda rows: rows[1:]), suite.test_sound, "7 vectors for 8 texts"),
        (alter_batches(cut_vectors), suite.test_sound, "a vector of 63 numbers beside one of 64"),
        (alter_vectors(lambda rows: rows * float("inf")), suite.test_sound, "no valid vector"),
        (alter_batches(lambda rows: rows[::-1]), suite.test_same_in_any_batch, "the order is not kept"),
        (alter_batches(lambda rows: np.roll(rows, 1, axis=0)), suite.test_same_in_any_batch, "the order is not kept"),
        (alter_batches(lambda rows: rows[[0] * len(rows)]), suite.test_same_in_any_batch, "the order is not kept"),
        (
            alter_batches(lambda rows: rows + 0.2 * rows.mean(axis=0)),
            suite.test_same_in_any_batch,
            "from that of the text alone",
        ),
        (alter_batches(lambda rows: rows * 3), suite.test_same_in_any_batch, "from that of the text alone"),
        (alter_batches(lambda rows: rows[:-1]), suite.test_same_in_any_batch, "vectors"),
        (alter_batches(lambda rows: rows[::-1]), batches.test_equals_singles, "the order is not kept"),
        (alter_vectors(lambda rows: rows[:, :32]), suite.test_dimension, "32 numbers; 64 are promised"),
        (alter_vectors(lambda rows: rows * 1.02), suite.test_normalised, "length 1.02, not 1"),
        (
            alter_vectors(lambda rows: rows + NOISE.normal(0, 0.1, rows.shape)),
            repeats.test_same_vector,
            "another value",
        ),
    ],
)
def test_a_wrong_service_fails(tmp_path: Path, answer: Answer, test: Any, reason: str) -> None:
    verdict = judge_service(answer, test, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert reason in verdict.reason
    assert verdict.counterexamples


def floats_only(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    """base64 and dimensions are ignored (llama-cpp-python)."""
    return make_answer({"input": body["input"]})


def refusing(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    return (
        make_answer(body) if body.keys() <= {"model", "input"} else (400, {}, {"error": {"message": "unknown field"}})
    )


def test_an_ignored_or_refused_option_only_warns(tmp_path: Path) -> None:
    for answer in (floats_only, refusing):
        assert judge_service(answer, suite.test_sound, tmp_path).status is Status.PASS
    assert "ignored" in judge_service(floats_only, suite.test_base64, tmp_path).reason
    assert "a request for base64 fails" in judge_service(refusing, suite.test_base64, tmp_path).reason
    assert "the vector has 64 numbers" in judge_service(floats_only, suite.test_dimensions, tmp_path).reason
    refused = judge_service(refusing, suite.test_dimensions, tmp_path)
    assert (refused.status, "refused with 400" in refused.reason) == (Status.PASS, True)


def test_base64_of_other_numbers_fails(tmp_path: Path) -> None:
    def answer(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return make_answer(body, (lambda rows: -rows) if "encoding_format" in body else None)

    for test in (suite.test_sound, suite.test_base64):
        verdict = judge_service(answer, test, tmp_path)
        assert verdict.status is Status.FAIL
        assert "other numbers than the floats" in verdict.reason


def test_a_batch_refused_shows_nothing(tmp_path: Path) -> None:
    def answer(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return make_answer(body) if isinstance(body["input"], str) else (413, {}, {"error": "one text"})

    for test in (suite.test_same_in_any_batch, batches.test_equals_singles, suite.test_sound):
        assert judge_service(answer, test, tmp_path).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("answer", "survived", "refused"),
    [
        ((200, {}, {"data": []}), Status.PASS, Status.PASS),
        ((422, {}, {"detail": "too short"}), Status.PASS, Status.PASS),
        ((500, {}, {"error": "llama_decode returned -1"}), Status.PASS, Status.FAIL),
        ((200, {}, {"data": [{"index": 0, "embedding": [0.5]}]}), Status.PASS, Status.FAIL),
        ((404, {}, {"error": "no"}), Status.PASS, Status.INCONCLUSIVE),
    ],
    ids=["empty", "refused", "error", "an answer to nothing", "not found"],
)
def test_an_empty_batch(tmp_path: Path, answer: Sent, survived: Status, refused: Status) -> None:
    def service(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return make_answer(body) if body["input"] else answer

    assert judge_service(service, batches.test_empty_survived, tmp_path).status is survived
    assert judge_service(service, batches.test_empty_refused, tmp_path).status is refused


def test_a_service_that_dies_of_an_empty_batch_fails(tmp_path: Path) -> None:
    dead = itertools.count()

    def service(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return (500, {}, {"error": "dead"}) if not body["input"] or next(dead) else make_answer(body)

    next(dead)
    verdict = judge_service(service, batches.test_empty_survived, tmp_path)
    assert verdict.status is Status.FAIL
    assert "after an empty batch a valid request is not answered" in verdict.reason


def test_another_form_fails(tmp_path: Path) -> None:
    number = itertools.count()
    sizes = alter_vectors(lambda rows: rows[:, : 60 + next(number) % 2])
    verdict = judge_service(sizes, repeats.test_same_form, tmp_path)
    assert verdict.status is Status.FAIL
    assert "of shape [1, 61], and was" in verdict.reason


def share_option(name: str | None) -> Answer:
    """A dynamic batch in which all requests have this option of the first one."""
    lock = threading.Lock()
    under_way: list[Any] = []

    def answer(path: str, headers: Mapping[str, str], body: Any) -> Sent:
        with lock:
            under_way.append(body)
            first = under_way[0]
        time.sleep(0.03)
        with lock:
            under_way.remove(body)
        return make_answer({**body, name: first.get(name)} if name else body)

    return answer


@pytest.mark.parametrize(
    ("name", "words"),
    [(None, ""), ("dimensions", "its outputs is ['embedding["), ("encoding_format", "its encoding is ")],
    ids=["own options", "dimensions of another", "encoding of another"],
)
def test_options_side_by_side_belong_to_their_request(tmp_path: Path, name: str | None, words: str) -> None:
    verdict = run_check(share_option(name), concurrent, tmp_path, protocol="openai_embeddings")
    assert verdict.status is (Status.FAIL if name else Status.PASS), verdict.reason
    assert words in verdict.reason
