"""Decoding beside bare JSON parsers in the same run: a streamed chat event, and 1,000 numbers of V2 as text and bytes.

Only the ratios have limits, because the absolute times depend on the machine.
"""

from __future__ import annotations

import json
import random
import struct
import sys
import timeit
from collections.abc import Callable

import msgspec
import orjson

from harness.core.endpoint import Endpoint
from harness.core.exchange import Response
from harness.protocols.tensor import v2
from harness.protocols.text import openai_chat

ENDPOINT = Endpoint("http://127.0.0.1:1", model="m")
EVENTS, NUMBERS = 200, 1000
MOST = {"event": 3.0, "numbers": 1.2, "bytes": 0.2}
"""The limit of each ratio: an event to msgspec, whether it arrives alone or not; numbers as text to the slower parser,
which is the one that the adapter uses; numbers as bytes to numbers as text.

Bytes are checked and kept. Their lists are made when they are used for the first time; a load run does not use them.
"""


def make_chunk(word: str) -> bytes:
    delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
    return json.dumps({**value, "choices": [delta]}, separators=(",", ":")).encode()


def measure_micros(*works: Callable[[], object], rounds: int = 300) -> list[float]:
    """The best round of each function in microseconds. They take turns, so that a busy machine slows all of them."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            best[place] = min(best[place], timeit.timeit(work, number=5) / 5 * 1e6)
    return best


def measure_events() -> float:
    chunks = [make_chunk(f" word{i}") for i in range(EVENTS)]
    pieces = [b"data: " + chunk + b"\n\n" for chunk in chunks]
    whole = b"".join(pieces)

    def decode(parts: list[bytes]) -> int:
        decoder = openai_chat.ADAPTER.decoder(ENDPOINT)
        return sum(len(decoder.feed(part)) for part in parts)

    assert decode([whole]) == decode(pieces) == EVENTS + 1
    parse = msgspec.json.decode
    functions = (lambda: [parse(chunk) for chunk in chunks], lambda: decode([whole]), lambda: decode(pieces))
    bare, at_once, one_by_one = (micros / EVENTS for micros in measure_micros(*functions, rounds=100))
    print(f"msgspec alone                    {bare:8.2f} us an event")
    print(f"chat events, 200 in one piece    {at_once:8.2f} us an event  {at_once / bare:6.2f} x")
    print(f"chat events, one a piece         {one_by_one:8.2f} us an event  {one_by_one / bare:6.2f} x")
    return max(at_once, one_by_one) / bare


def measure_tensors() -> tuple[float, float]:
    generator = random.Random(1)
    numbers = [generator.random() for _ in range(NUMBERS)]
    output = {"name": "y", "datatype": "FP64", "shape": [1, NUMBERS]}
    head = {"model_name": "m", "model_version": "1"}
    text = json.dumps({**head, "outputs": [{**output, "data": numbers}]}).encode()
    behind = json.dumps({**head, "outputs": [{**output, "parameters": {"binary_data_size": 8 * NUMBERS}}]}).encode()
    lengths = (("inference-header-content-length", str(len(behind))),)
    as_text = Response(200, body=text)
    as_bytes = Response(200, lengths, behind + struct.pack(f"<{NUMBERS}d", *numbers))
    assert v2.ADAPTER.decode(ENDPOINT, as_text).outputs == v2.ADAPTER.decode(ENDPOINT, as_bytes).outputs
    read, binary, asked, by_msgspec, by_orjson = measure_micros(
        lambda: v2.ADAPTER.decode(ENDPOINT, as_text),
        lambda: v2.ADAPTER.decode(ENDPOINT, as_bytes),
        lambda: v2.ADAPTER.decode(ENDPOINT, as_bytes).outputs["y"],
        lambda: msgspec.json.decode(text),
        lambda: orjson.loads(text),
    )
    for name, bare in {"msgspec": by_msgspec, "orjson": by_orjson}.items():
        print(f"{name:8} alone, 1,000 numbers     {bare:8.2f} us            V2 is {read / bare:6.2f} x")
    print(f"V2, 1,000 numbers as text        {read:8.2f} us")
    print(f"V2, 1,000 numbers as bytes       {binary:8.2f} us            {read / binary:6.2f} x cheaper")
    print(f"the same, and their lists        {asked:8.2f} us            {read / asked:6.2f} x cheaper")
    return read / max(by_msgspec, by_orjson), binary / read


def main() -> int:
    event = measure_events()
    numbers, binary = measure_tensors()
    ratios = {"event": event, "numbers": numbers, "bytes": binary}
    missed = [name for name, ratio in ratios.items() if ratio > MOST[name]]
    print(f"over its limit: {', '.join(missed)}" if missed else "every ratio is within its limit")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
