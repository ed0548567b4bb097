"""The page of metrics of a service, in the text format of Prometheus: untrusted, so read within bounds."""

from __future__ import annotations

import math
import re

from harness.core.gauge import classify_gauge

MOST_PAGE_BYTES = 4 * 2**20
_MOST_LINES, _LONGEST_LINE, MOST_GAUGES = 2000, 4096, 24
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,199}")
_UNPARSED = (ValueError, IndexError, KeyError, OverflowError, RecursionError)
"""What the parser raises for lines that are not of the format."""
_VALUE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]{0,199})(?:\{.*\})?\s+([0-9.eE+-]{1,32})(?:\s|$)")
_IN_FLIGHT = frozenset((
    "vllm:num_requests_running", "vllm:num_requests_waiting", "sglang:num_running_reqs", "sglang:num_queue_reqs",
    "llamacpp:requests_processing", "llamacpp:requests_deferred", "tgi_batch_current_size", "tgi_queue_size",
    "nv_inference_pending_request_count",
))  # fmt: skip
"""Gauges of requests in flight or in the queue, as vLLM, SGLang, llama.cpp, TGI and Triton name them."""
_IN_FLIGHT_WORDS = re.compile(
    r"(?:^|[_:])(?:requests?_(?:in_?progress|in_?flight|active|running)|(?:in_?flight|active|running)_requests?)$"
)


def parse_gauges(page: bytes) -> dict[str, float]:
    """The gauges that a soak reads, by name; the values of one name with several labels are added up.

    Only lines of such gauges reach the parser, each by itself, and at most `MOST_GAUGES` names are returned. Lines that
    are not valid are left out.
    """
    text = page[:MOST_PAGE_BYTES].decode("utf-8", "replace")
    lines: list[str] = []
    counters: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, declared = line.partition("# TYPE ")
            name, _, kind = declared[:_LONGEST_LINE].partition(" ")
            if kind.strip() not in ("gauge", "untyped", "unknown"):
                counters.add(name)
            continue
        named = _NAME.match(line)
        if named and len(line) <= _LONGEST_LINE and classify_gauge(named[0]) is not None and len(lines) < _MOST_LINES:
            lines.append(line)
    sums: dict[str, float] = {}
    for line in lines:
        for name, value in _parse_line(line):
            if name not in counters and (name in sums or len(sums) < MOST_GAUGES) and math.isfinite(value):
                sums[name] = sums.get(name, 0.0) + value
    return sums


def parse_in_flight(page: bytes) -> float | None:
    """How many requests are in flight or in the queue, as the page states; None where it does not.

    The gauges of known servers count inferences. Any other gauge of requests in flight counts HTTP requests, of which
    one is that for this page.
    """
    known: list[float] = []
    other: list[float] = []
    for line in page[:MOST_PAGE_BYTES].decode("utf-8", "replace").splitlines():
        match = _VALUE.match(line) if len(line) <= _LONGEST_LINE else None
        if match is None:
            continue
        try:
            value = float(match[2])
        except ValueError:
            continue
        if not math.isfinite(value) or value < 0:
            continue
        if match[1] in _IN_FLIGHT:
            known.append(value)
        elif _IN_FLIGHT_WORDS.search(match[1]):
            other.append(value)
    if known:
        return sum(known)
    return max(0.0, sum(other) - 1) if other else None


def _parse_line(line: str) -> list[tuple[str, float]]:
    from prometheus_client.parser import text_string_to_metric_families  # only a soak reads metrics

    try:
        return [
            (sample.name, float(sample.value))
            for family in text_string_to_metric_families(f"{line}\n")
            for sample in family.samples
        ]
    except _UNPARSED:
        return []
