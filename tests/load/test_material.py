"""`auto` sends what the endpoint takes, no request twice, and says so where it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.core.adapter import Capabilities, Facts
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Answer, Exchange, Query, Request, Response, Timing
from harness.core.load_settings import LoadSettings
from harness.load.material import PROBES, Source, choose_material, find_cache, probe_material
from harness.protocols.shared.sample_making import PICTURE

ENDPOINT = Endpoint("http://127.0.0.1:1", "plain_json")
SPECS = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]}


def make_source(inputs: Any, **known: Any) -> Source:
    source = Source(ENDPOINT, Facts(), Capabilities(), Query(inputs), has_own_sample=True)
    return replace(source, **known)


def make_exchange(status: int = 200, text: str = "yes") -> Exchange:
    error = None if status == 200 else ErrorClass.STATUS
    answer = Answer(text=text) if status == 200 else None
    return Exchange(Request("POST", "/x"), Timing(0.0), Response(status), answer, error=error)


@pytest.mark.parametrize(
    ("source", "workload", "reason"),
    [
        (make_source("Say it"), "text", ""),
        (make_source(PICTURE), "sample", "a file, a form or a query cannot be varied"),
        (make_source([{"role": "user", "content": "Say it"}]), "text", ""),
        (make_source([[1.0, 2.0]]), "numbers", ""),
        (make_source([[0.0, 0.0]], facts=Facts(inputs=SPECS), has_own_sample=False), "tensors", ""),
        (make_source([[1.0, 2.0]], rows=([[1.0, 2.0]], [[3.0, 4.0]])), "rows", ""),
        (make_source({"age": 3, "name": "Al"}), "numbers", "its sample has nothing that could be varied"),
        (make_source("cGlj", endpoint=replace(ENDPOINT, template=Template(upload="file"))), "sample",
         "a file, a form or a query cannot be varied"),
    ],
    ids=["text", "picture", "messages", "numbers", "tensors", "rows", "whole numbers", "file"],
)  # fmt: skip
def test_auto_chooses_what_the_endpoint_takes(source: Source, workload: str, reason: str) -> None:
    material = choose_material(LoadSettings(), 7, source)
    assert (material.workload, material.reason) == (workload, reason)


def test_rows_that_are_equal_count_once() -> None:
    material = choose_material(LoadSettings(), 7, make_source([[1.0]], rows=[[[1.0]], [[2.0]], [[1.0]]]))
    assert material.entries == ([[1.0]], [[2.0]])


def test_prompts_of_the_data_are_the_texts() -> None:
    material = choose_material(LoadSettings(), 7, make_source("Say it", rows=["one", "two", "one"]))
    assert (material.workload, material.texts) == ("text", ("one", "two"))


@pytest.mark.parametrize(("workload", "message"), [("text", "takes text"), ("tensors", "metadata")])
def test_a_workload_that_the_endpoint_cannot_take_is_refused(workload: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose_material(LoadSettings(workload=workload), 7, make_source([[1.0]]))


@pytest.mark.parametrize(
    ("inputs", "status", "workload"),
    [("Say it", 422, "sample"), ("Say it", 500, "text"), ("Say it", 429, "text"), ([1.5], 422, "sample"),
     ([1.5], 500, "sample"), ([1.5], 200, "numbers")],
)  # fmt: skip
def test_what_is_refused_is_not_sent_unless_it_was_asked_for(inputs: Any, status: int, workload: str) -> None:
    source = make_source(inputs)

    def ask(query: Query) -> Exchange:
        return make_exchange(200 if query == source.sample else status)

    chosen = choose_material(LoadSettings(), 7, source)
    material, _ = probe_material(chosen, source, 100, ask)
    assert material.workload == workload
    assert bool(material.reason) == (workload == "sample")
    named = LoadSettings(workload=chosen.workload)
    chosen = choose_material(named, 7, source)
    material, _ = probe_material(chosen, source, 100, ask)
    assert (material.workload, material.reason) == (chosen.workload, "")


def test_probes_are_none_of_the_requests_of_the_load() -> None:
    asked: list[Query] = []

    def ask(query: Query) -> Exchange:
        asked.append(query)
        return make_exchange(text="" if len(asked) == 3 else "yes")

    source = make_source("Say it")
    _, has_texts = probe_material(choose_material(LoadSettings(), 7, source), source, 100, ask)
    assert len({query.inputs for query in asked}) == 1 + PROBES
    assert not has_texts


def make_timed(*seconds: float) -> list[Exchange]:
    return [replace(make_exchange(), timing=Timing(0.0, 0.0, 0.0, (), taken)) for taken in seconds]


@pytest.mark.parametrize(
    ("fresh", "repeats", "is_cache"),
    [
        ((0.110, 0.115, 0.2), (0.001, 0.002, 0.001), True),
        ((0.110, 0.115, 0.2), (0.001, 0.050, 0.001), False),
        ((0.110, 0.020, 0.2), (0.010, 0.010, 0.010), False),
        ((0.004, 0.004, 0.005), (0.001, 0.001, 0.001), False),
        ((0.110, 0.115), (0.001, 0.002, 0.001), False),
    ],
    ids=["all far apart", "one repeat is slow", "one fresh is quick", "all are quick", "one failed"],
)
def test_a_cache_shows_where_every_repeat_is_far_quicker(
    fresh: tuple[float, ...], repeats: tuple[float, ...], is_cache: bool
) -> None:
    assert bool(find_cache(make_timed(*fresh), make_timed(*repeats))) == is_cache


def test_a_service_that_refuses_the_sample_too_refuses_no_other_inputs() -> None:
    source = make_source("Say it")
    material, _ = probe_material(choose_material(LoadSettings(), 7, source), source, 100, lambda _: make_exchange(404))
    assert (material.workload, material.reason) == ("text", "")
