"""Decoding beside bare JSON parsers in the same run: a streamed chat event; 1,000 numbers of V2 as text and as bytes.

Only ratios can be missed: microseconds are this machine's.
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
"""The most of each ratio: an event, however it arrives, to msgspec; numbers as text to the slower of the parsers, which
is the one that the adapter uses; numbers as bytes to those as text.

Bytes are checked and kept. Their lists are made when somebody asks for them, which a load run does not.
"""


def chunk(word: str) -> bytes:
    delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
    return json.dumps({**value, "choices": [delta]}, separators=(",", ":")).encode()


def micros(*works: Callable[[], object], rounds: int = 300) -> list[float]:
    """The best of the rounds of each, in microseconds; the works take turns, so that a busy machine slows all alike."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            best[place] = min(best[place], timeit.timeit(work, number=5) / 5 * 1e6)
    return best


def events() -> float:
    chunks = [chunk(f" word{i}") for i in range(EVENTS)]
    whole = b"".join(b"data: " + each + b"\n\n" for each in chunks)
    pieces = [b"data: " + each + b"\n\n" for each in chunks]

    def fed(parts: list[bytes]) -> int:
        decoder = openai_chat.ADAPTER.decoder(ENDPOINT)
        return sum(len(decoder.feed(part)) for part in parts)

    assert fed([whole]) == fed(pieces) == EVENTS + 1
    parse = msgspec.json.decode
    works = (lambda: [parse(each) for each in chunks], lambda: fed([whole]), lambda: fed(pieces))
    bare, at_once, one_by_one = (each / EVENTS for each in micros(*works, rounds=100))
    print(f"msgspec alone                    {bare:8.2f} us an event")
    print(f"chat events, 200 in one piece    {at_once:8.2f} us an event  {at_once / bare:6.2f} x")
    print(f"chat events, one a piece         {one_by_one:8.2f} us an event  {one_by_one / bare:6.2f} x")
    return max(at_once, one_by_one) / bare


def tensors() -> tuple[float, float]:
    chosen = random.Random(1)
    numbers = [chosen.random() for _ in range(NUMBERS)]
    output = {"name": "y", "datatype": "FP64", "shape": [1, NUMBERS]}
    head = {"model_name": "m", "model_version": "1"}
    text = json.dumps({**head, "outputs": [{**output, "data": numbers}]}).encode()
    behind = json.dumps({**head, "outputs": [{**output, "parameters": {"binary_data_size": 8 * NUMBERS}}]}).encode()
    lengths = (("inference-header-content-length", str(len(behind))),)
    as_text = Response(200, body=text)
    as_bytes = Response(200, lengths, behind + struct.pack(f"<{NUMBERS}d", *numbers))
    assert v2.ADAPTER.decode(ENDPOINT, as_text).outputs == v2.ADAPTER.decode(ENDPOINT, as_bytes).outputs
    read, binary, asked, by_msgspec, by_orjson = micros(
        lambda: v2.ADAPTER.decode(ENDPOINT, as_text),
        lambda: v2.ADAPTER.decode(ENDPOINT, as_bytes),
        lambda: v2.ADAPTER.decode(ENDPOINT, as_bytes).outputs["y"],
        lambda: msgspec.json.decode(text),
        lambda: orjson.loads(text),
    )
    for name, found in {"msgspec": by_msgspec, "orjson": by_orjson}.items():
        print(f"{name:8} alone, 1,000 numbers     {found:8.2f} us            V2 is {read / found:6.2f} x")
    print(f"V2, 1,000 numbers as text        {read:8.2f} us")
    print(f"V2, 1,000 numbers as bytes       {binary:8.2f} us            {read / binary:6.2f} x cheaper")
    print(f"the same, and their lists        {asked:8.2f} us            {read / asked:6.2f} x cheaper")
    return read / max(by_msgspec, by_orjson), binary / read


def main() -> int:
    event = events()
    numbers, binary = tensors()
    found = {"event": event, "numbers": numbers, "bytes": binary}
    missed = [name for name, ratio in found.items() if ratio > MOST[name]]
    print(f"over its ratio: {', '.join(missed)}" if missed else "every ratio is reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
