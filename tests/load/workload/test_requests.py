"""Request k is a function of seed and k alone; no two are equal; lengths follow their distribution."""

from __future__ import annotations

import json
import statistics
from typing import Any

import pytest

from harness.core.adapter import Adapter, Facts
from harness.core.endpoint import Endpoint, Template
from harness.core.exchange import Query
from harness.core.json_path import list_leaves
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.core.workload import Material, SharedPrefix, Spread, WorkloadSettings
from harness.load.controls import count_control_step
from harness.load.forms import make_workload
from harness.load.request_maker import RequestMaker, describe_workload
from harness.run.preflight import load_adapter

CHAT = Query("Say it", options={"max_tokens": 16, "temperature": 0})
FLOATS = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}
WHOLE = {"name": "n", "datatype": "INT64", "shape": [-1, 4], "minimum": 0, "maximum": 9999}
COUNT = 10_000


def make_job(protocol: str, material: Material, *, reference: Any = None, binary: bool = False) -> tuple[Job, Adapter]:
    endpoint = Endpoint("http://127.0.0.1:1", protocol, model="m", binary=binary, template=Template())
    adapter = load_adapter(protocol)
    request = adapter.encode(endpoint, material.sample, material.facts)
    return Job(endpoint, (request,), LoadSettings(), "", 0.0, reference=reference, material=material), adapter


def make_maker(protocol: str, material: Material, **options: Any) -> RequestMaker:
    return RequestMaker(*make_job(protocol, material, **options))


def make_tensors(*specs: dict[str, Any], sample: Any = None, own: bool = False) -> Material:
    inputs = sample or {spec["name"]: [[0] * 4 if spec["datatype"] == "INT64" else [0.0] * 4] for spec in specs}
    facts = Facts(("m",), inputs={"inputs": list(specs)})
    return Material("tensors", Query(inputs), facts=facts, seed=7, has_own_sample=own)


MATERIALS = {
    "written prompts": ("openai_chat", Material("text", CHAT, seed=7)),
    "own prompt": ("openai_chat", Material("text", CHAT, seed=7, texts=("Say it",))),
    "messages": ("openai_chat", Material("text", Query([{"role": "user", "content": "Say it"}]), seed=7)),
    "embedded texts": ("openai_embeddings", Material("text", Query(["one", "two"]), seed=7)),
    "ranked": ("rerank", Material("text", Query({"query": "q", "documents": ["a", "b"]}), seed=7)),
    "floats": ("v2", make_tensors(FLOATS)),
    "bounded floats": ("v2", make_tensors({**FLOATS, "minimum": -5, "maximum": -1})),
    "whole numbers": ("v2", make_tensors(WHOLE)),
    "both": ("v2", make_tensors(WHOLE, FLOATS)),
    "own tensor": ("v2", make_tensors(FLOATS, sample={"x": [[5.1, 3.5, 1.4, 0.2]]}, own=True)),
    "numbers": ("plain_json", Material("numbers", Query([[5.1, 3.5, 1.4, 0.2]]), seed=7)),
    "fields": ("plain_json", Material("numbers", Query({"age": 30, "name": "Al", "income": 1234.5}), seed=7)),
}
"""Materials whose requests are all distinct."""


@pytest.mark.parametrize("name", MATERIALS)
def test_no_two_requests_are_equal(name: str) -> None:
    maker = make_maker(*MATERIALS[name])
    bodies = {maker.encode(k)[0].body for k in range(COUNT)}
    assert len(bodies) == COUNT
    assert not any(maker.is_repeat(k) for k in range(COUNT))


@pytest.mark.parametrize("name", MATERIALS)
@pytest.mark.parametrize("workers", [3])
def test_any_number_of_workers_sends_the_same_requests(name: str, workers: int) -> None:
    whole = make_maker(*MATERIALS[name])
    makers = [make_maker(*MATERIALS[name]) for _ in range(workers)]
    for k in reversed(range(200)):
        assert makers[k % workers].encode(k) == whole.encode(k)


@pytest.mark.parametrize("name", MATERIALS)
def test_what_is_sent_is_what_the_adapter_encodes(name: str) -> None:
    """The mark that is replaced in the bytes makes the request that the protocol would have made of the query."""
    protocol, material = MATERIALS[name]
    job, adapter = make_job(protocol, material)
    maker, workload = RequestMaker(job, adapter), make_workload(material)
    for k in (0, 1, 511, 512, 5000):
        request, wire = maker.encode(k)
        wanted = adapter.encode(job.endpoint, workload.make_query(k), material.facts)
        assert json.loads(request.body) == json.loads(wanted.body)
        head, _, body = wire.partition(b"\r\n\r\n")
        assert body == request.body
        assert f"Content-Length: {len(body)}".encode() in head


def test_another_seed_makes_other_requests() -> None:
    first = make_maker("openai_chat", Material("text", CHAT, seed=1)).encode(3)
    assert first != make_maker("openai_chat", Material("text", CHAT, seed=2)).encode(3)


def test_binary_tensors_are_distinct_too() -> None:
    maker = make_maker("v2", make_tensors(FLOATS), binary=True)
    assert len({maker.encode(k)[0].body for k in range(2000)}) == 2000


def test_numbers_stay_near_the_sample_and_keep_their_types() -> None:
    sample = {"age": 30, "name": "Al", "ok": True, "zero": 0.0, "income": 1234.5, "loss": -2.5e-4}
    workload = make_workload(Material("numbers", Query(sample), seed=7))
    for k in range(2000):
        inputs = workload.make_query(k).inputs
        assert {name: type(value) for name, value in inputs.items()} == {n: type(v) for n, v in sample.items()}
        assert {n: inputs[n] for n in ("age", "name", "ok", "zero")} == {"age": 30, "name": "Al", "ok": True, "zero": 0}
        assert 0.98 * 1234.5 <= inputs["income"] < 1234.5
        assert -2.5e-4 < inputs["loss"] <= -2.5e-4 * 0.98


@pytest.mark.parametrize(("spec", "low", "high"), [(FLOATS, 0, 1), ({**FLOATS, "minimum": -5, "maximum": -1}, -5, -1),
                                                   (WHOLE, 0, 9999)])  # fmt: skip
def test_tensors_keep_to_their_bounds(spec: dict[str, Any], low: float, high: float) -> None:
    workload = make_workload(make_tensors(spec))
    numbers = [number for k in range(2000) for number in list_leaves(workload.make_query(k).inputs)]
    assert low <= min(numbers) < low + (high - low) / 20
    assert high - (high - low) / 20 < max(numbers) <= high


@pytest.mark.parametrize(
    "material",
    [
        Material("numbers", Query({"age": 30, "name": "Al"})),
        make_tensors({"name": "n", "datatype": "INT64", "shape": [-1, 4]}),
        make_tensors({**WHOLE, "maximum": 1}),
        Material("sample", CHAT),
    ],
    ids=["no fraction", "no bounds", "few values", "asked for"],
)
def test_what_cannot_be_varied_is_repeated_and_says_so(material: Material) -> None:
    protocol = {"tensors": "v2", "numbers": "plain_json"}.get(material.workload, "openai_chat")
    job, adapter = make_job(protocol, material)
    maker = RequestMaker(job, adapter)
    assert len({maker.encode(k)[0].body for k in range(50)}) == 1
    assert all(maker.is_repeat(k) for k in range(1, 50))
    assert "one request body" in describe_workload(job)


def test_rows_come_once_each_before_the_first_comes_again() -> None:
    rows = tuple([float(i), 1.0] for i in range(20))
    maker = make_maker("plain_json", Material("rows", Query([0.0, 0.0]), entries=rows))
    bodies = [maker.encode(k)[0].body for k in range(50)]
    assert len(set(bodies)) == len(set(bodies[:20])) == 20
    assert [maker.is_repeat(k) for k in range(50)] == [k >= 20 for k in range(50)]


def test_controls_are_the_sample_and_no_request_is_lost_to_them() -> None:
    job, adapter = make_job("openai_chat", Material("text", CHAT, seed=7), reference="hello")
    maker, plain = RequestMaker(job, adapter), make_maker("openai_chat", Material("text", CHAT, seed=7))
    sent = [maker.encode(k) for k in range(100)]
    controls = [k for k, (request, _) in enumerate(sent) if request == job.requests[0]]
    step = count_control_step(job.load)
    assert controls == list(range(step - 1, 100, step))
    others = [one for k, one in enumerate(sent) if k not in controls]
    assert others == [plain.encode(k) for k in range(len(others))]
    assert [k for k in range(100) if maker.is_repeat(k)] == controls


def test_a_short_load_has_more_controls() -> None:
    steps = [count_control_step(LoadSettings(rate=rate, duration=10)) for rate in (1, 8, 30, 50, 1000)]
    assert steps == [3, 3, 6, 10, 10]


def count_words(inputs: str) -> int:
    return len(inputs.replace(".", " .").split())


@pytest.mark.parametrize(
    ("spread", "mean", "stdev"),
    [
        (Spread(mean=200), 200, 0),
        (Spread(min=100, max=300), 200, 57.7),
        (Spread(mean=200, stdev=30), 200, 30),
        (Spread(mean=200, stdev=100, distribution="lognormal"), 200, 100),
    ],
    ids=["constant", "uniform", "normal", "lognormal"],
)
def test_lengths_follow_their_distribution(spread: Spread, mean: float, stdev: float) -> None:
    settings = WorkloadSettings(input_tokens=spread, output_tokens=spread)
    workload = make_workload(Material("text", CHAT, settings, seed=7))
    queries = [workload.make_query(k) for k in range(workload.forms)]
    lengths = [count_words(query.inputs) - 1 + 10 for query in queries]
    limits = [query.options["max_tokens"] for query in queries]
    assert statistics.mean(lengths) == pytest.approx(mean, rel=0.08, abs=2)
    assert statistics.mean(limits) == pytest.approx(mean, rel=0.08, abs=2)
    assert statistics.stdev(limits) == pytest.approx(stdev, rel=0.2, abs=0.1)


def test_shared_prefixes_have_their_share() -> None:
    settings = WorkloadSettings(input_tokens=Spread(mean=30), shared_prefix=SharedPrefix(tokens=50, share=0.5, count=2))
    workload = make_workload(Material("text", CHAT, settings, seed=7))
    prompts = [workload.make_query(k).inputs for k in range(workload.forms)]
    beginnings = [prompt[:40] for prompt in prompts]
    shared = [text for text in set(beginnings) if beginnings.count(text) > 1]
    assert len(shared) == 2
    assert sum(map(beginnings.count, shared)) / len(prompts) == pytest.approx(0.5, abs=0.08)
