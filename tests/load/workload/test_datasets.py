"""Requests from files: prompts, conversations, traces, templates, and mixes of them; and the mistakes in such files."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.adapter import Capabilities, Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ConfigError, UsageError
from harness.core.exchange import Query
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.core.workload import MixPart, Spread, WorkloadSettings
from harness.load.forms import Workload, make_workload
from harness.load.material import Source, choose_material
from harness.load.request_maker import RequestMaker, describe_workload
from harness.run.preflight import load_adapter

CHAT = Endpoint("http://127.0.0.1:1", "openai_chat", model="m")
SAMPLE = Query("Say it", options={"max_tokens": 16})
TALK = [{"from": "system", "value": "Be brief"}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
TRACE = [
    {"timestamp": 0, "input_length": 1500, "output_length": 52, "hash_ids": [1, 2, 3]},
    {"timestamp": 9, "input_length": 1200, "output_length": 7, "hash_ids": [1, 2, 4]},
    {"timestamp": 9, "input_length": 30, "output_length": 9, "hash_ids": [8]},
]


def write(folder: Path, name: str, rows: list[Any]) -> str:
    path = folder / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text(json.dumps(rows) if path.suffix == ".json" else "\n".join(lines))
    return str(path)


def choose(load: WorkloadSettings, protocol: str = "openai_chat") -> Workload:
    endpoint = Endpoint(CHAT.url, protocol, model="m")
    return make_workload(choose_material(load, 7, Source(endpoint, Facts(), Capabilities(), SAMPLE)))


@pytest.mark.parametrize(
    ("name", "rows", "inputs"),
    [
        ("p.jsonl", [{"prompt": "one"}, {"text": "two"}, "not JSON but a text".join('""')], None),
        ("p.csv", ["id,question", '1,"one, two"', "2,three"], ["one, two", "three"]),
        ("p.json", [{"id": "a", "conversations": TALK}],
         [[{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}]]),
        ("m.jsonl", [{"messages": [{"role": "user", "content": "Hi"}]}], [[{"role": "user", "content": "Hi"}]]),
    ],
    ids=["jsonl", "csv", "sharegpt", "messages"],
)  # fmt: skip
def test_each_row_is_asked_once(tmp_path: Path, name: str, rows: list[Any], inputs: list[Any] | None) -> None:
    workload = choose(LoadSettings(dataset=write(tmp_path, name, rows)))
    inputs = ["one", "two", "not JSON but a text"] if inputs is None else inputs
    assert [workload.make_query(k).inputs for k in range(2 * len(inputs))] == 2 * inputs
    assert [workload.is_repeat(k) for k in range(2 * len(inputs))] == [False] * len(inputs) + [True] * len(inputs)
    assert workload.describe().startswith(f"{len(inputs)} distinct rows")


def find_common_beginning(first: str, second: str) -> str:
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return "".join(letter for letter, _ in pairs)


def test_a_trace_keeps_lengths_limits_and_shared_blocks(tmp_path: Path) -> None:
    workload = choose(LoadSettings(dataset=write(tmp_path, "t.jsonl", TRACE)))
    queries = [workload.make_query(k) for k in range(6)]
    first, second, third = (query.inputs for query in queries[:3])
    assert [query.options["max_tokens"] for query in queries[:3]] == [52, 7, 9]
    lengths = [len(text.replace(".", " .").split()) for text in (first, second, third)]
    assert lengths == pytest.approx([1491, 1191, 21], abs=3)
    shared = find_common_beginning(first, second)
    assert len(shared.replace(".", " .").split()) == pytest.approx(2 * 512, abs=3), "two blocks have the same hashes"
    assert len(find_common_beginning(first, third)) < 20
    assert len({query.inputs for query in queries}) == 6
    assert queries[3].inputs[:-16] == first[:-16], "the first line comes again, with another nonce"


def test_templates_are_filled_from_rows_and_words(tmp_path: Path) -> None:
    path = write(tmp_path, "d.csv", ["prompt,country", "x,Chad", "y,Peru"])
    workload = choose(LoadSettings(dataset=path, template="Name the capital of {{country}} ({{nonce}})."))
    prompts = [workload.make_query(k).inputs for k in range(1000)]
    assert prompts[0].startswith("Name the capital of Chad (")
    assert prompts[3].startswith("Name the capital of Peru (")
    assert len(set(prompts)) == 1000
    words = choose(LoadSettings(template="Sum up: {{ text }}", input_tokens=Spread(mean=50))).make_query(0).inputs
    assert " Sum up: " in words
    assert len(words.replace(".", " .").split()) == pytest.approx(53, abs=2)
    with pytest.raises(UsageError, match=r"\{\{city\}\}, and row 1 of the dataset has no such field"):
        choose(LoadSettings(dataset=path, template="Where is {{city}}?"))


def test_a_mix_keeps_its_weights_and_says_what_repeats(tmp_path: Path) -> None:
    parts = [
        MixPart(workload="text", input_tokens=Spread(mean=20), weight=3),
        MixPart(dataset=write(tmp_path, "d.jsonl", [{"prompt": "one"}, {"prompt": "two"}]), weight=1),
    ]
    load = LoadSettings(workload="mix", mix=parts)
    material = choose_material(load, 7, Source(CHAT, Facts(), Capabilities(), SAMPLE))
    adapter = load_adapter("openai_chat")
    request = adapter.encode(CHAT, SAMPLE, Facts())
    job = Job(CHAT, (request,), load, "", 0.0, material=material)
    maker, again = RequestMaker(job, adapter), RequestMaker(job, adapter)
    bodies = [maker.encode(k)[0].body for k in range(2000)]
    assert bodies[::-1] == [again.encode(k)[0].body for k in reversed(range(2000))]
    from_file = [body for body in bodies if b'"one"' in body or b'"two"' in body]
    assert len(from_file) == 500
    assert max(Counter(from_file).values()) == 250
    repeats = sum(count - 1 for count in Counter(bodies).values())
    assert sum(maker.is_repeat(k) for k in range(2000)) == repeats == 498
    assert "75%" in describe_workload(job)


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("none.jsonl", None, "none.jsonl does not exist; give an existing file"),
        ("d.txt", ["x"], "unknown kind of file '.txt'; give one of .jsonl"),
        ("d.jsonl", [], "the file holds no rows"),
        ("d.jsonl", [{"prompt": "a"}, {"answer": "b"}], "d.jsonl:2: has no prompt: give a text as prompt or input"),
        ("d.jsonl", [{"prompt": "a"}, "{oops"], "d.jsonl:2: not JSON"),
        ("d.jsonl", [7], "d.jsonl:1: must be an object or a text"),
        ("d.json", [{"conversations": [{"from": "gpt", "value": "x"}]}], "entry 1.*no message of a user"),
        ("d.json", [{"conversations": [{"from": "cat", "value": "x"}]}], "entry 1.*a message needs a role"),
        ("d.jsonl", [{"input_length": 0}], "d.jsonl:1: input_length must be a whole number over 0, got 0"),
        ("d.jsonl", [{"input_length": 9, "hash_ids": 4}], "hash_ids must be a list"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, name: str, rows: list[Any] | None, message: str) -> None:
    if rows is not None:
        write(tmp_path, name, rows)
    (tmp_path / "aiharness.toml").write_text(f'[load]\ndataset = "{name}"\n')
    with pytest.raises(ConfigError, match=message):
        resolve_settings(Options(suites=("load",), endpoint="http://127.0.0.1:1"), {}, [tmp_path])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('workload = "trace"', "load.dataset: workload 'trace' needs a file"),
        ('workload = "template"', "load.template: workload 'template' needs one"),
        ('workload = "mix"', r"\[\[load.mix\]\] belong together"),
        ("[[load.mix]]\nweight = 1", r"\[\[load.mix\]\] belong together"),
        ('workload = "mix"\n[[load.mix]]\nweight = 0', r"mix\[0\].weight: must be over 0"),
        ('workload = "mix"\n[[load.mix]]\nworkload = "mix"', "a part of a mix is no mix itself"),
        ('workload = "mix"\n[[load.mix]]\nwieght = 1', "unknown key 'wieght'.*Did you mean 'weight'"),
        ('workload = "mix"\n[[load.mix]]\ninput_tokens = { min = 3 }', r"mix\[0\].input_tokens.max"),
    ],
)
def test_a_mistake_in_the_keys_is_refused(tmp_path: Path, keys: str, message: str) -> None:
    (tmp_path / "aiharness.toml").write_text(f"[load]\n{keys}\n")
    with pytest.raises(ConfigError, match=message):
        resolve_settings(Options(suites=("load",), endpoint="http://127.0.0.1:1"), {}, [tmp_path])


@pytest.mark.parametrize(
    ("rows", "load", "protocol", "message"),
    [
        ([{"messages": [{"role": "user", "content": "Hi"}]}], {}, "tgi", "only these protocols take"),
        ([{"prompt": "a"}], {"workload": "trace"}, "openai_chat", "needs lines with input_length"),
        (TRACE, {"workload": "dataset"}, "openai_chat", "give .load. workload = 'trace'"),
    ],
)
def test_a_file_that_does_not_suit_the_service_is_refused(
    tmp_path: Path, rows: list[Any], load: dict[str, Any], protocol: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        choose(LoadSettings(dataset=write(tmp_path, "d.jsonl", rows), **load), protocol)
