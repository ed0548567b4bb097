"""A gRPC call over HTTP/2 as it goes over a connection: two messages and the trailers, for the tests of faults."""

from __future__ import annotations

import hpack

from harness.core.http2_frames import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, Frame

SETTINGS = Frame(0x4, 0, 0, b"")


def make_requests(streams: list[int]) -> bytes:
    encoder = hpack.Encoder()
    frames = [SETTINGS]
    for stream in streams:
        headers = [(":method", "POST"), (":scheme", "http"), (":path", "/x.Y/Z"), ("content-type", "application/grpc")]
        frames.append(Frame(HEADERS, END_HEADERS, stream, encoder.encode([*headers, ("x-number", str(stream))])))
        frames.append(Frame(DATA, END_STREAM, stream, make_message(b"ask")))
    return PREFACE + b"".join(frame.encode() for frame in frames)


def make_answers(streams: list[int]) -> bytes:
    """The answers, headers compressed with a table that grows, the messages of each cut across frames."""
    encoder = hpack.Encoder()
    frames = [SETTINGS]
    for stream in streams:
        head = encoder.encode([(":status", "200"), ("content-type", "application/grpc")])
        messages = make_message(b"one") + make_message(b"two")
        frames.append(Frame(HEADERS, END_HEADERS, stream, head))
        frames += [Frame(DATA, 0, stream, messages[:6]), Frame(DATA, 0, stream, messages[6:])]
        trailers = encoder.encode([("grpc-status", "0"), ("x-stream", str(stream))])
        frames.append(Frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers))
    return b"".join(frame.encode() for frame in frames)


def make_message(data: bytes) -> bytes:
    return b"\0" + len(data).to_bytes(4, "big") + data


GRPC_REQUESTS, GRPC_ANSWERS = make_requests([1, 3]), make_answers([1, 3])
