"""Every decoder against mutated answers: an answer or a `ProtocolError`, soon, and in bounded memory.

3,000 inputs for each decoder here; `make fuzz` takes a million.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from google.protobuf import json_format

from harness.core.adapter import Adapter, Facts
from harness.core.answer_class import AnswerClass, classify_response
from harness.core.endpoint import GRPC_SUFFIX, Endpoint, Template
from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Response, StreamEvent
from harness.core.registry import list_plugins, load_plugin
from harness.protocols._proto import open_inference_pb2 as pb
from harness.protocols.shared.event_stream import LineDecoder
from harness.protocols.shared.sse import SSEDecoder
from tests.fuzz.mutation import mutate_seeds, pieces
from tests.protocols.recorded import load as recorded
from tests.protocols.text.test_text_family import STREAMS, WHOLE

INPUTS = int(os.environ.get("AIHARNESS_FUZZ", "3000"))
BATCH = 1000
PATIENCE = 60
"""Seconds for a batch, which takes a tenth of one: what outlasts them hangs."""

MEMORY_MB = 256
"""What the process may grow by over all inputs of one decoder."""

ENDPOINT = Endpoint("http://127.0.0.1:1", model="m", template=Template(answer="$.predictions"))
WHOLE_SEEDS = [
    *(body.encode() for body in recorded("answers").values()),
    *(json.dumps(body).encode() for body, *_ in WHOLE.values()),
]
PUBLISHED = [
    {"object": "list", "data": [{"index": 0, "embedding": [0.5, -0.5]}], "model": "m", "usage": {"prompt_tokens": 2}},
    {"predictions": [[0.1, 0.9], [0.8, 0.2]], "model": "m"},
    {"outputs": {"y": [1.0, 2.0]}},
    {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}], "model": "m"},
]
WHOLE_SEEDS += [json.dumps(item).encode() for item in PUBLISHED for _ in range(5)]
STREAM_SEEDS = [*(body.encode() for body in recorded("streams").values()), *STREAMS.values()]
MESSAGES = [
    json_format.Parse(body, pb.ModelInferResponse()).SerializeToString()
    for calls in recorded("grpc").values()
    for _, call, status, body in calls
    if (call, status) == ("ModelInfer", "OK")
]
"""Answers over gRPC, which mutated JSON is never near."""
PAGES = [page[2].encode() for pages in recorded("probes").values() for page in pages.values()]


@pytest.fixture(params=list_plugins("protocols"))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    loaded = load_plugin("protocols", request.param).ADAPTER
    assert isinstance(loaded, Adapter)
    return loaded


@contextmanager
def soon(data: list[bytes]) -> Iterator[None]:
    """Fail with the input that is being decoded when a batch takes too long."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no end within {PATIENCE} s: {data[-1]!r:.500}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def batches(seeds: list[bytes], name: str) -> Iterator[bytes]:
    """The mutations of the seeds, each told when it is what a failure is about; memory is looked at in the end."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for first in range(0, INPUTS, BATCH):
        current: list[bytes] = [b""]
        with soon(current):
            for data in mutate_seeds(seeds, min(BATCH, INPUTS - first), hash_of(name) + first):
                current[0] = data
                yield data
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEMORY_MB, f"{grown:.0f} MiB more"


@contextmanager
def only_protocol_errors(data: bytes) -> Iterator[None]:
    """Pass over a `ProtocolError`; any other exception fails, with the input that it came from."""
    try:
        yield
    except ProtocolError:
        return
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} and no ProtocolError for {data!r:.500}") from error


def hash_of(name: str) -> int:
    """The same number for the same name in every process."""
    return int.from_bytes(name.encode()[:6], "big")


def test_whole_answers(adapter: Adapter) -> None:
    answered = 0
    own = [body for name, body in recorded("answers").items() if name.startswith(adapter.name)]
    grpc = adapter.name.endswith(GRPC_SUFFIX)
    seeds = MESSAGES if grpc else [*WHOLE_SEEDS, *(5 * [item.encode() for item in own])]
    for data in batches(seeds, adapter.name):
        with only_protocol_errors(data):
            assert isinstance(adapter.decode(ENDPOINT, Response(200, body=data)), Answer)
            answered += 1
    assert answered, "no mutation was an answer: the seeds are not this protocol's"


@pytest.mark.slow(seconds=0.5)
def test_streams(adapter: Adapter) -> None:
    if not adapter.capabilities(ENDPOINT, Facts()).streaming:
        return
    chosen, brought = random.Random(0), 0
    for data in batches(STREAM_SEEDS, adapter.name):
        decoder = adapter.decoder(ENDPOINT)
        events: list[StreamEvent] = []
        with only_protocol_errors(data):
            for part in pieces(data, chosen):
                events += decoder.feed(part)
            events += decoder.close()
        with only_protocol_errors(data):
            assert isinstance(adapter.assemble(events), Answer)
        brought += bool(events)
    assert brought


@pytest.mark.parametrize("splitter", [SSEDecoder, LineDecoder])
def test_events_do_not_depend_on_the_cuts(splitter: type[SSEDecoder] | type[LineDecoder]) -> None:
    chosen = random.Random(0)
    for data in batches(STREAM_SEEDS, splitter.__name__):
        whole, cut = splitter(), splitter()
        assert list(whole.feed(data)) == [event for part in pieces(data, chosen) for event in cut.feed(part)], data


def test_recognition(adapter: Adapter) -> None:
    chosen = random.Random(0)
    roles = list(adapter.probes(ENDPOINT))
    for data in batches(PAGES, adapter.name):
        answers = {role: Response(chosen.choice((200, 200, 401, 503)), (), data) for role in roles if role != "nowhere"}
        try:
            recognition = adapter.recognise(ENDPOINT, answers)
            adapter.identity(answers)
            adapter.capabilities(ENDPOINT, recognition.facts)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {data!r:.500}") from error
        assert 0 <= recognition.score <= 1


def test_answer_classes() -> None:
    chosen = random.Random(0)
    for data in batches([*PAGES, *WHOLE_SEEDS], "classes"):
        kind = classify_response(
            Response(chosen.randrange(300, 600), (("grpc-status", data[:3].decode("latin-1")),), data)
        )
        assert kind in AnswerClass
