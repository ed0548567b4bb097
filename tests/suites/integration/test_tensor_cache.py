"""A cache of tensors whose key leaves out what identifies a request beside its flat values fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from tests.services import Answered, asking, serving

cached_rows = import_module("harness.suites.integration.test_cache").test_rows
Key = Callable[[dict[str, Any]], Any]
"""What of a body is in the key of the cache."""


def make_facts(datatype: str, *inputs: str) -> Facts:
    specs = [{"name": name, "datatype": datatype, "shape": [-1, -1]} for name in inputs]
    outputs = [{"name": "sums", "datatype": "FP64", "shape": [-1]}, {"name": "most", "datatype": "FP64", "shape": [-1]}]
    return Facts(inputs={"inputs": specs, "outputs": outputs})


def answer_sums(body: dict[str, Any]) -> dict[str, Any]:
    """Sums and maxima of rows, of the second input twice."""
    arrays = [np.array(tensor["data"], dtype=float).reshape(tensor["shape"]) for tensor in body["inputs"]]
    total = sum(weight * array for weight, array in enumerate(arrays, 1))
    columns = {"sums": np.sum(total, axis=1), "most": np.max(total, axis=1)}
    names = [output["name"] for output in body.get("outputs", ())] or list(columns)
    outputs = []
    for name in names:
        data = columns[name].tolist()
        outputs.append({"name": name, "datatype": "FP64", "shape": [len(data)], "data": data})
    return {"model_name": "sums", "outputs": outputs}


def judge_cache(key: Key | None, facts: Facts, folder: Path) -> Verdict:
    stored: dict[str, Any] = {}

    def answer(path: str, body: Any) -> Answered:
        if "/models/sums/" not in path:
            return 404, {"error": "no such model"}
        if key is None:
            return 200, answer_sums(body)
        return 200, stored.setdefault(repr(key(body)), answer_sums(body))

    with serving(answer) as url:
        endpoint = Endpoint(url, "v2", model="sums")
        with asking(Settings(endpoint, ("integration",)), folder, facts) as session:
            verdict: Verdict = cached_rows(session)
    return verdict


def read_tensors(body: dict[str, Any], *names: str) -> Sequence[Any]:
    return [[tensor[name] for name in names] for tensor in body["inputs"]]


KEYS: dict[str, tuple[Key, Facts, str]] = {
    "shape": (
        lambda body: (read_tensors(body, "data"), body.get("outputs")),
        make_facts("FP64", "x"),
        "only in the shape of its input, [2, 3] or [3, 2]",
    ),
    "shape of whole numbers": (
        lambda body: (read_tensors(body, "data"), body.get("outputs")),
        make_facts("INT64", "x"),
        "only in the shape of its input, [2, 3] or [3, 2]",
    ),
    "names of inputs": (
        lambda body: (sorted(read_tensors(body, "data", "shape")), body.get("outputs")),
        make_facts("FP64", "x", "y"),
        "only in the values of its inputs x and y, exchanged",
    ),
    "outputs": (lambda body: body["inputs"], make_facts("FP64", "x"), "only in the outputs asked for"),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_leaves_out_more_than_values_fails(tmp_path: Path, name: str) -> None:
    key, facts, words = KEYS[name]
    verdict = judge_cache(key, facts, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert words in verdict.reason


@pytest.mark.parametrize("key", [None, lambda body: body], ids=["no cache", "the whole body"])
@pytest.mark.parametrize(
    "facts",
    [make_facts("FP64", "x"), make_facts("INT64", "x"), make_facts("FP64", "x", "y")],
    ids=["numbers", "whole numbers", "two inputs"],
)
def test_a_right_cache_passes(tmp_path: Path, key: Key | None, facts: Facts) -> None:
    verdict = judge_cache(key, facts, tmp_path)
    assert verdict.status is Status.PASS, verdict.reason
    assert "the outputs asked for" in verdict.reason
