"""The load's reader of streams: what it counts is what the adapter's decoder says, however the bytes were cut."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from harness.core.adapter import Adapter
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass, ProtocolError
from harness.core.exchange import EventKind, Exchange, Request, Response
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.load.answer_reader import AnswerReader, RawExchange
from harness.run.preflight import load_adapter

HEAD = Response(200, (("content-type", "text/event-stream"),))
ASKED = Request("POST", "/v1/chat/completions", (), b"{}", stream=True)


class Counting:
    """An adapter's decoder that counts the bytes it was fed."""

    def __init__(self, speaker: Adapter) -> None:
        self.fed = 0
        self._speaker = speaker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._speaker, name)

    def decoder(self, endpoint: Endpoint) -> Any:
        inner = self._speaker.decoder(endpoint)
        feed = inner.feed

        def count_and_feed(data: bytes) -> Any:
            self.fed += len(data)
            return feed(data)

        inner.feed = count_and_feed  # type: ignore[method-assign]
        return inner


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> str:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "c", "model": "m", "choices": [choice], **more}, ensure_ascii=False)


WORDS = [chunk(f"w{i} ") for i in range(40)]
END = [chunk(finish="stop"), "[DONE]"]
STREAMS = {
    "plain": [*WORDS, *END],
    "odd texts": [chunk(t) for t in ("a", "", 'say "x"', "back\\slash", "ü → 漢", "line\nbreak", "a", "content")] + END,
    "no finish": WORDS,
    "an error inside": [*WORDS[:20], '{"error": {"message": "out of memory"}}', *WORDS[20:], *END],
    "broken inside": [*WORDS[:20], WORDS[20][:-2], *WORDS[21:], *END],
    "usage and roles": [chunk(role="x"), *WORDS, *END[:1], chunk(usage={"completion_tokens": 7}), "[DONE]"],
    "two finishes": [*WORDS[:9], END[0], *WORDS[9:], *END],
    "two choices": [json.dumps({"choices": [{"index": i, "delta": {"content": "x"}} for i in (0, 1)]})] * 5 + END,
    "a changing id": [chunk(f"w{i}", id=f"c{i}") for i in range(9)] + END,
    "nothing": [],
}


def pieces_of(body: bytes, seed: int) -> list[tuple[float, bytes]]:
    draw = random.Random(seed)
    cuts = sorted(draw.sample(range(len(body)), min(len(body), draw.choice((0, 3, 60)))))
    ends = [*cuts, len(body)]
    return [(float(i), body[a:b]) for i, (a, b) in enumerate(zip([0, *cuts], ends, strict=True)) if a < b]


def read(speaker: Any, pieces: list[tuple[float, bytes]]) -> Exchange:
    endpoint = Endpoint("http://127.0.0.1:1", "openai_chat")
    reader = AnswerReader(speaker, Job(endpoint, (ASKED,), LoadSettings(), "", 0.0))
    *_, exchange = reader.read(ASKED, 0.0, RawExchange(0.0, 0.0, 99.0, HEAD, pieces))
    assert exchange is not None
    return exchange


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", STREAMS)
def test_tokens_and_errors_are_those_of_the_decoder(name: str, end: str, seed: int) -> None:
    body = b"".join(f"data: {data}{end}{end}".encode() for data in STREAMS[name])
    pieces = pieces_of(body, seed)
    decoder, tokens, broken, complete = load_adapter("openai_chat").decoder(Endpoint("http://h")), [], False, False
    events = []
    try:
        for at, data in pieces:
            new_events = decoder.feed(data)
            events += new_events
            tokens += [at for event in new_events if event.kind is EventKind.DELTA and event.text]
        decoder.close()
        complete = load_adapter("openai_chat").assemble(events).complete
    except ProtocolError:
        broken = True
    seen = read(load_adapter("openai_chat"), pieces)
    if end == "\n":
        assert list(seen.timing.tokens) == tokens
    else:  # the last byte of the blank line may come a read later
        assert len(seen.timing.tokens) == len(tokens)
        assert all(0 <= b - a <= 1 for a, b in zip(tokens, seen.timing.tokens, strict=True))
    expected = ErrorClass.INVALID if broken or not events else None if complete else ErrorClass.INCOMPLETE
    assert seen.error == expected


def test_events_alike_are_not_parsed() -> None:
    body = b"".join(f"data: {data}\n\n".encode() for data in [*WORDS, *END])
    speaker = Counting(load_adapter("openai_chat"))
    assert len(read(speaker, [(1.0, body)]).timing.tokens) == len(WORDS)
    assert speaker.fed < len(body) / 8
