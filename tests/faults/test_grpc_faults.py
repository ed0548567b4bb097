"""Faults on gRPC calls: single calls are struck, the others and the compression of headers stay right."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import hpack
import httpx
import pytest

from harness.core.errors import UsageError
from harness.core.fault import load_fault
from harness.core.fault_stage import Close
from harness.core.http2_frames import DATA, GOAWAY, HEADERS, RST_STREAM, Frame, FrameScanner
from tests.chaos.proxy.conftest import Link, Served, end_child, spawn
from tests.faults.grpc_exchanges import make_answers, make_requests
from tests.faults.test_fault_conformance import Line

CALLS = [1, 3, 5]


def strike(kind: str, *, pieces: int = 1, struck: str = "", **attributes: Any) -> Line:
    fault = load_fault(kind)
    condition = {"header": f"x-number: {struck}"} if struck else {}
    line = Line(fault, fault.parse({**attributes, **condition}))
    requests, answers = make_requests(CALLS), make_answers(CALLS)
    for data, take in ((requests, line.stage.observe), (answers, line.push)):
        cuts = [0, *sorted(random.Random(pieces).sample(range(1, len(data)), pieces - 1)), len(data)]
        for start, end in itertools.pairwise(cuts):
            take(data[start:end])
    return line


def read_calls(line: Line) -> dict[int, list[Any]]:
    """What a client receives in answer to its calls: headers (object), data (bytes), or the code of a reset."""
    decoder = hpack.Decoder()
    calls: dict[int, list[Any]] = {}
    for frame in FrameScanner().scan(bytes(line.passed)):
        rows = calls.setdefault(frame.stream, [])
        if frame.kind == HEADERS:
            rows.append(dict(decoder.decode(frame.payload)))
        elif frame.kind == DATA:
            rows.append(frame.payload)
        elif frame.kind == RST_STREAM:
            rows.append(int.from_bytes(frame.payload, "big"))
    return calls


def test_a_status_in_the_trailers_of_one_call() -> None:
    line = strike("grpc_status", status=8, text="busy é", struck="3")
    calls = read_calls(line)
    assert [calls[stream][-1]["grpc-status"] for stream in CALLS] == ["0", "8", "0"]
    assert calls[3][-1]["grpc-message"] == "busy %C3%A9"
    assert [calls[stream][-1]["x-stream"] for stream in CALLS] == ["1", "3", "5"]
    assert len(line.effects) == 1


def test_a_call_without_trailers() -> None:
    calls = read_calls(strike("grpc_status", trailers="missing", struck="1"))
    assert calls[1][-1] == b""
    assert [calls[stream][-1]["grpc-status"] for stream in (3, 5)] == ["0", "0"]


@pytest.mark.parametrize(("messages", "data"), [(0, b""), (1, b"\0\0\0\0\3one"), (2, b"\0\0\0\0\3one\0\0\0\0\3two")])
def test_a_reset_at_the_border_of_a_message(messages: int, data: bytes) -> None:
    line = strike("grpc_cut", messages=messages, code="cancel", struck="3")
    calls = read_calls(line)
    place = calls[3].index(8)
    assert b"".join(calls[3][1:place]) == data
    assert [calls[stream][-1]["grpc-status"] for stream in (1, 5)] == ["0", "0"]
    assert len(line.effects) == 1


def test_a_stream_that_is_shorter_is_whole() -> None:
    line = strike("grpc_cut", messages=3)
    assert line.passed == line.pushed
    assert not line.effects


@pytest.mark.parametrize("kind", ["grpc_status", "grpc_cut"])
def test_any_cut_of_the_bytes_gives_the_same_calls(kind: str) -> None:
    usual = strike(kind, struck="3").passed
    for pieces in range(2, 60, 3):
        assert strike(kind, pieces=pieces, struck="3").passed == usual


@pytest.mark.parametrize("kind", ["grpc_status", "grpc_cut"])
def test_calls_that_are_spared_are_byte_identical(kind: str) -> None:
    line = strike(kind, struck="99")
    assert line.passed == line.pushed
    assert not line.effects


def test_an_open_connection_is_asked_away_once() -> None:
    fault = load_fault("grpc_status")
    line = Line(fault, fault.example, is_fresh=False)
    for _ in range(2):
        line.stage.observe(Frame(DATA, 0, 1, b"x").encode())
        line.push(Frame(DATA, 0, 1, b"y").encode())
    assert [frame.kind for frame in FrameScanner().scan(bytes(line.passed))] == [DATA, GOAWAY, DATA]
    other = Line(fault, fault.example, is_fresh=False)
    other.stage.observe(b"GET / HTTP/1.1\r\n\r\n")
    other.push(b"HTTP/1.1 200 OK\r\n\r\n")
    assert other.passed == other.pushed


def test_a_lifted_fault_ends_a_connection_whose_headers_it_has_rewritten() -> None:
    line = strike("grpc_status")
    line.release()
    assert line.close is Close.FIN
    line = strike("grpc_status", struck="99")
    line.release()
    assert line.close is None


def test_a_body_cannot_be_a_condition() -> None:
    with pytest.raises(UsageError, match="not JSON"):
        load_fault("grpc_cut").parse({"body": "a"})


class _Numbers(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        def count(message: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            for number in range(5):
                yield b"%d" % number + message

        return grpc.unary_stream_rpc_method_handler(count)


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    """A link of our own proxy to a real gRPC server."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((_Numbers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    child, url = spawn()
    try:
        with httpx.Client(base_url=url, timeout=10) as http:
            yield Served(url, False, http).proxy(f"127.0.0.1:{port}")
    finally:
        assert end_child(child) == 0
        server.stop(0)


def call(channel: grpc.Channel) -> tuple[list[bytes], grpc.StatusCode]:
    messages: list[bytes] = []
    count: Any = channel.unary_stream("/x.Y/Z")
    answer = count(b"!", timeout=10, wait_for_ready=True)
    try:
        for message in answer:
            messages.append(bytes(message))
    except grpc.RpcError:
        pass
    return messages, answer.code()


def test_a_real_client_and_server(link: Link) -> None:
    """The channel is open before each fault, and is whole after it."""
    whole = [b"%d!" % number for number in range(5)]
    with grpc.insecure_channel(link.listen) as channel:
        for kind, attributes, expected in (
            ("grpc_status", {"status": 8}, grpc.StatusCode.RESOURCE_EXHAUSTED),
            ("grpc_cut", {"messages": 2, "code": "cancel"}, grpc.StatusCode.CANCELLED),
        ):
            assert call(channel) == (whole, grpc.StatusCode.OK)
            body = {"type": kind, "name": "f", "attributes": attributes}
            assert link.server.http.post(f"{link.path}/toxics", json=body).status_code == 200
            call(channel)  # asks the client to another connection
            answers = [call(channel) for _ in range(3)]
            assert {code for _, code in answers} == {expected}
            assert link.counts("f")["affected_requests"] >= 3
            if kind == "grpc_cut":
                assert all(len(messages) <= 2 for messages, _ in answers)
            link.remove("f")
            call(channel)
        assert call(channel) == (whole, grpc.StatusCode.OK)
