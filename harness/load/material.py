"""Which workload a load has, and what its requests are made from. `auto` never repeats what it can vary.

Tested in tests/load/test_material.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.checks.generation.thinking import has_text
from harness.core.adapter import Capabilities, Facts
from harness.core.arrival_settings import REPLAY
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Exchange, Query
from harness.core.load_settings import LoadSettings
from harness.core.workload import AGENT, AUTO, OF_SESSIONS, SAMPLE, Material, WorkloadSettings
from harness.io.prompt_file import read_prompt_file
from harness.load.forms import make_workload
from harness.load.workload.text import find_text
from harness.protocols.shared.opaque_text import is_opaque_text

PROBES = 3
"""Requests of the workload that are asked without load, and as many times the sample between them."""

_CACHE_RATIO, _CACHE_SECONDS = 3.0, 0.01
"""So many times longer than a repeat must a new request take, and by so many seconds, to show a cache."""

_OF_TEXT = ("text", "dataset", "trace", "template", *OF_SESSIONS)
OF_MESSAGES = ("openai_chat", "openai_responses", "anthropic", "ollama")
_OF_TOOLS = ("openai_chat",)
_MOST_BYTES = 16 * 2**20
"""Bytes of the inputs that are handed to every process of a load."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of an endpoint before its load: `rows` are the inputs of `[data]` in the form that it takes, and
    `labels` the class of each, where all have one.
    """

    endpoint: Endpoint
    facts: Facts
    capabilities: Capabilities
    sample: Query
    rows: Sequence[Any] = ()
    has_own_sample: bool = False
    labels: Sequence[str] = ()


def choose_material(load: WorkloadSettings, seed: int, source: Source) -> Material:
    """The material of the configured workload, or of the one that suits the endpoint. Raises `UsageError`."""
    parts: list[Material] = []
    if isinstance(load, LoadSettings):
        for place, part in enumerate(load.mix, 1):
            parts.append(replace(choose_material(part, seed + place, source), weight=part.weight))
    keeps_all = isinstance(load, LoadSettings) and load.shape_name == REPLAY  # each line has a time of its own
    entries, texts = _list_distinct(_read_rows(load, source), keeps_all=keeps_all), _list_texts(source)
    workload = load.workload
    if workload == AUTO:
        workload = _choose_workload(source, load, entries)
    if workload in _OF_TEXT and find_text(source.sample.inputs) is None:
        raise UsageError(f"[load] workload = {workload!r} needs a service that takes text; leave workload out")
    if workload == "trace" and not all("input_length" in entry for entry in entries):
        raise UsageError(f"[load] workload = 'trace' needs lines with input_length in {load.dataset}")
    if workload == "dataset" and any("input_length" in entry for entry in entries):
        raise UsageError(f"{load.dataset} has lengths and no prompts: give [load] workload = 'trace'")
    _check_messages(source, entries if workload == "dataset" else ())
    if workload in OF_SESSIONS:
        _check_conversations(workload, source.endpoint.protocol)
    if workload == "tensors" and not source.facts.inputs.get("inputs"):
        raise UsageError("[load] workload = 'tensors' needs the metadata of a model that names its inputs")
    material = Material(workload, source.sample, load, source.facts, seed, texts, entries, source.has_own_sample)
    row_count = _count_rows(source, entries if workload in ("rows", "dataset") else (source.sample.inputs,))
    if any(part.row_count != row_count for part in parts):
        row_count = 0
    return replace(material, parts=tuple(parts), reason=_explain_repeats(material), row_count=row_count)


def _count_rows(source: Source, inputs: Sequence[Any]) -> int:
    """How many rows each of these inputs has; 0 for a service that takes none, or where they have not as many."""
    able = source.capabilities
    if not able.batches:
        return int(able.tensors)
    sizes = {_measure_batch(one) for one in inputs}
    return sizes.pop() if len(sizes) == 1 else 0


def _measure_batch(inputs: Any) -> int:
    """The rows of one input: named arrays must agree on it, else it is 0; a text alone is one row."""
    arrays = list(inputs.values()) if isinstance(inputs, dict) else [inputs]
    sizes = {len(array) for array in arrays if isinstance(array, list)} or {1}
    return sizes.pop() if len(sizes) == 1 else 0


def _read_rows(load: WorkloadSettings, source: Source) -> Sequence[Any]:
    if load.dataset is None:
        return source.rows
    return read_prompt_file(Path(load.dataset), load.column)


def _check_messages(source: Source, entries: Sequence[Any]) -> None:
    """Raise `UsageError` for conversations where the service takes no messages."""
    if any("messages" in entry for entry in entries) and source.endpoint.protocol not in OF_MESSAGES:
        known = ", ".join(OF_MESSAGES)
        raise UsageError(f"[load] dataset has conversations, which only these protocols take: {known}")


def _check_conversations(workload: str, protocol: str) -> None:
    """Raise `UsageError` where the service cannot be asked for a turn of such a conversation."""
    known = _OF_TOOLS if workload == AGENT else OF_MESSAGES
    if protocol not in known:
        raise UsageError(f"[load] workload = {workload!r} is for these protocols: {', '.join(known)}; got {protocol}")


def _choose_workload(source: Source, load: WorkloadSettings, entries: Sequence[Any]) -> str:
    if load.template is not None:
        return "template"
    if load.dataset is not None:
        return "trace" if "input_length" in entries[0] else "dataset"
    if not source.endpoint.template.is_json or is_opaque_text(find_text(source.sample.inputs)):
        return SAMPLE
    if find_text(source.sample.inputs) is not None:
        return "text"
    if entries:
        return "rows"
    return "tensors" if source.facts.inputs.get("inputs") else "numbers"


def _explain_repeats(material: Material) -> str:
    """Why the requests repeat from the first on, although distinct ones are wanted; empty where they do not."""
    if not material.settings.is_open:
        return ""
    if material.workload == SAMPLE:
        return "a file, a form or a query cannot be varied"
    workload = make_workload(material)
    if workload.is_unique or workload.forms > 1:
        return ""
    return "its sample has nothing that could be varied"


def _list_texts(source: Source) -> tuple[str, ...]:
    """The texts of which prompts are made: of the data, else the configured ones."""
    rows = [row for row in source.rows if isinstance(row, str)]
    if rows:
        return tuple(_list_distinct(rows))
    samples = (source.sample.inputs, *source.endpoint.other_samples) if source.has_own_sample else ()
    return tuple(text for sample in samples if (text := find_text(sample)) is not None)


def _list_distinct(rows: Sequence[Any], *, keeps_all: bool = False) -> tuple[Any, ...]:
    """The distinct inputs among these (or all), in their order, as far as every process of a load can hold them."""
    distinct: dict[str, Any] = {}
    size = 0
    for number, row in enumerate(rows):
        text = json.dumps(row)
        if keeps_all:
            text = f"{number}:{text}"
        if text not in distinct:
            size += len(text)
            distinct[text] = row
        if size > _MOST_BYTES:
            break
    return tuple(distinct.values())


def probe_material(
    material: Material, source: Source, count: int, ask: Callable[[Query], Exchange]
) -> tuple[Material, bool]:
    """Ask the first requests after those of a load of `count`, without load: the material, and whether all had a text.

    The sample is asked between them, so that a cache of answers shows. Where a workload that nobody asked for is
    refused although the sample is not, the sample is repeated in its place: a text by a status of 4xx, numbers by any
    answer, since nobody knows which numbers a service takes.
    """
    is_sample = material.workload == SAMPLE
    varied = choose_material(WorkloadSettings(), material.seed, source) if is_sample else material
    if varied.workload == SAMPLE or varied.reason:
        return material, True
    workload = make_workload(varied)
    fresh, repeats = [], []
    for i in range(PROBES):
        fresh.append(ask(workload.make_query(count + i)))
        repeats.append(ask(material.sample))
    if material.settings.is_open and all(exchange.ok for exchange in repeats):
        for exchange in fresh:
            if _is_refusal(exchange, is_text=material.workload == "text"):
                reason = f"the service refuses other inputs than the sample ({exchange.outcome})"
                return replace(material, workload=SAMPLE, reason=reason), True
    asked = repeats if is_sample else fresh
    reaches_limit = all(exchange.answer is not None and exchange.answer.finish_reason == "length" for exchange in asked)
    material = replace(material, cache=find_cache(fresh, repeats), reaches_limit=reaches_limit)
    return material, is_sample or all(map(has_text, fresh))


def _list_times(exchanges: Sequence[Exchange]) -> list[float]:
    """The service times of those that succeeded (s)."""
    times = []
    for exchange in exchanges:
        if exchange.ok and exchange.timing.service_time is not None:
            times.append(exchange.timing.service_time)
    return times


def find_cache(fresh: Sequence[Exchange], repeats: Sequence[Exchange]) -> str:
    """What shows that repeats are answered from a cache: every one took far less time than every fresh request."""
    first, again = _list_times(fresh), _list_times(repeats)
    if min(len(first), len(again)) < PROBES:
        return ""
    shortest, longest = min(first), max(again)
    if shortest < _CACHE_RATIO * longest or shortest - longest < _CACHE_SECONDS:
        return ""
    return (
        f"without load a new request took at least {shortest * 1e3:.3g} ms, and a repeated one at most "
        f"{longest * 1e3:.3g} ms"
    )


def _is_refusal(exchange: Exchange, *, is_text: bool) -> bool:
    status = exchange.status or 0
    if exchange.ok or status == 429:
        return False
    if is_text:
        return 400 <= status < 500
    return status >= 400 or exchange.error is ErrorClass.INVALID
