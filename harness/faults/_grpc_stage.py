"""The stage of faults on gRPC calls: it follows HTTP/2 with prior knowledge on a link, and strikes single calls.

Frames of calls that are not struck pass as they come. On a connection that was open before, the compression of headers
cannot be read: the client is asked with GOAWAY to open another one, on which the fault acts.

Tested in tests/faults/test_grpc_faults.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import hpack

from harness.core.fault import FaultKind
from harness.core.fault_stage import Close, Stage, StageContext, StreamChunk
from harness.core.http1 import MessageHead
from harness.core.http2_frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    PUSH_PROMISE,
    Frame,
    FrameScanner,
    encode_headers,
    is_whole_frames,
    make_goaway,
)
from harness.core.http_request import HttpParameters, HttpRequest, RequestCondition

HeaderRows = list[tuple[bytes, bytes]]

_MOST_TABLE = 1 << 20


@dataclass(frozen=True, slots=True)
class GrpcParameters(HttpParameters):
    """The conditions on calls: a message is not JSON."""

    def find_problem(self) -> str:
        """Why no call can meet a condition; empty where one can."""
        if self.body:
            return "attribute body cannot be compared with a gRPC message, which is not JSON; use path or header"
        if self.answered:
            return "attribute answered cannot be compared with a gRPC answer, whose status comes at its end"
        return HttpParameters.find_problem(self)


_Parameters = TypeVar("_Parameters", bound=GrpcParameters)


class _HeaderReader:
    """Puts header blocks together from their frames, and decodes them in order."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder()
        self._decoder.max_allowed_table_size = _MOST_TABLE
        self._block = b""
        self._first: Frame | None = None

    def read(self, frame: Frame) -> tuple[Frame, HeaderRows] | None:
        """The first frame of a block and its headers, once the block is complete. Raises `hpack.HPACKError`."""
        if frame.kind == HEADERS:
            self._first, self._block = frame, frame.strip_padding()
        else:
            self._block += frame.payload
        if not frame.flags & END_HEADERS or self._first is None:
            return None
        headers = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(self._block, raw=True)]
        return self._first, headers


class GrpcCall:
    """One call: its request, and whether it is struck (None until its answer begins)."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.is_struck: bool | None = None
        self.is_done = False
        self.messages = 0
        self._left = 0
        self._prefix = b""

    def find_border(self, data: bytes, messages: int) -> int | None:
        """Where in these bytes of the answer that many messages of the call have ended; None while they have not."""
        place = 0
        while self.messages < messages or self._left or self._prefix:
            if place == len(data):
                return None
            if self._left:
                step = min(self._left, len(data) - place)
                self._left, place = self._left - step, place + step
                self.messages += not self._left
                continue
            step = 5 - len(self._prefix)
            self._prefix, place = self._prefix + data[place : place + step], min(len(data), place + step)
            if len(self._prefix) == 5:
                self._left, self._prefix = int.from_bytes(self._prefix[1:], "big"), b""
                self.messages += not self._left
        return place


class GrpcStage(Stage[_Parameters]):
    """Follows the calls; a fault overrides `change_data` or `change_headers`, which see struck calls only."""

    keeps_bytes = False
    buffer_limit = 1 << 22

    def __init__(self, context: StageContext[_Parameters], now: float) -> None:
        super().__init__(context, now)
        self._condition = RequestCondition(context.parameters)
        self._calls: dict[int, GrpcCall] = {}
        self._requests, self._answers = FrameScanner(), FrameScanner()
        self._request_headers, self._answer_headers = _HeaderReader(), _HeaderReader()
        self._preface: bytes | None = b""
        self._block: list[Frame] = []
        self._is_raw = not context.is_fresh
        self._may_ask_away = not context.is_fresh
        self._is_rewritten = self._requests_are_frames = False

    def change_data(self, call: GrpcCall, frame: Frame) -> Iterable[Frame]:
        """What the client gets for a frame of data."""
        return (frame,)

    def change_headers(self, call: GrpcCall, frame: Frame, headers: HeaderRows) -> Iterable[Frame] | None:
        """What the client gets for a header block, which ends the call if the frame says so; None: as it comes."""
        return None

    def observe(self, data: bytes) -> None:
        """Follow the requests."""
        self._requests_are_frames = self._may_ask_away and is_whole_frames(data)
        if self._is_raw:
            return
        if self._preface is not None:
            self._preface += data
            if not self._preface.startswith(PREFACE[: len(self._preface)]):
                self._is_raw = True
            if len(self._preface) < len(PREFACE) or self._is_raw:
                return
            data, self._preface = self._preface[len(PREFACE) :], None
        try:
            for frame in self._requests.scan(data):
                self._read_request(frame)
        except (hpack.HPACKError, ValueError):
            self._is_raw = True
        self._is_raw |= self._requests.is_broken

    def push(self, data: bytes | Close, arrived: float, now: float) -> Sequence[StreamChunk]:
        """Follow the answers."""
        if isinstance(data, Close):
            rest = self._give_up()
            return [(rest, arrived), (data, arrived)] if rest else [(data, arrived)]
        if self._preface is not None and not self._is_raw:
            return [(self._pass_first(data), arrived)]
        if self._is_raw:
            passing = self._give_up() + data
            if self._may_ask_away and self._requests_are_frames and is_whole_frames(data):
                self._may_ask_away = False
                passing += make_goaway().encode()
            return [(passing, arrived)]
        frames: list[Frame] = []
        for frame in self._answers.scan(data):
            frames += self._read_answer(frame)
        passing = b"".join(frame.encode() for frame in frames)
        if self._answers.is_broken:
            self._is_raw = True
            passing += self._give_up()
        self.buffered = self._answers.pending + sum(len(frame.payload) for frame in self._block)
        return [(passing, arrived)] if passing else []

    def release(self) -> Sequence[StreamChunk]:
        """What is incomplete. After a block that was rewritten, the client could not read the server's next ones."""
        chunks: list[StreamChunk] = []
        if rest := self._give_up():
            chunks.append((rest, 0.0))
        if self._is_rewritten:
            chunks += [(make_goaway().encode(), 0.0), (Close.FIN, 0.0)]
        self._is_raw = True
        return chunks

    def _pass_first(self, data: bytes) -> bytes:
        """Frames that the server sends before the client has said that it speaks HTTP/2; they have no headers."""
        for _ in self._answers.scan(data):
            pass
        self._is_raw = bool(self._answers.release()) or self._answers.is_broken
        return data

    def _give_up(self) -> bytes:
        frames, self._block, self.buffered = self._block, [], 0
        return b"".join(frame.encode() for frame in frames) + self._answers.release()

    def _read_request(self, frame: Frame) -> None:
        if frame.kind not in (HEADERS, CONTINUATION) or (block := self._request_headers.read(frame)) is None:
            return
        first, headers = block
        if first.stream in self._calls:
            return  # trailers of a request
        texts = {name: value for name, value in headers if not name.startswith(b":")}
        start = b" ".join([*(dict(headers).get(name, b"?") for name in (b":method", b":path")), b"HTTP/2"])
        lines = [start, *(name + b": " + value for name, value in texts.items())]
        self._calls[first.stream] = GrpcCall(HttpRequest(MessageHead(b"\r\n".join(lines) + b"\r\n\r\n")))

    def _read_answer(self, frame: Frame) -> Iterable[Frame]:
        call = self._calls.get(frame.stream)
        if frame.kind in (HEADERS, CONTINUATION):
            return self._read_block(frame)
        if frame.kind == PUSH_PROMISE:
            self._answers.is_broken = True
        if frame.kind != DATA or call is None:
            return (frame,)
        frames = (frame,) if not call.is_struck or call.is_done else self.change_data(call, frame)
        if frame.flags & END_STREAM:
            self._calls.pop(frame.stream, None)
        return frames

    def _read_block(self, frame: Frame) -> Iterable[Frame]:
        self._block.append(frame)
        try:
            block = self._answer_headers.read(frame)
        except hpack.HPACKError:
            self._answers.is_broken = True
            return ()
        if block is None:
            return ()
        frames, self._block = self._block, []
        first, headers = block
        call = self._calls.get(first.stream)
        if call is not None and call.is_struck is None:
            call.is_struck = self._strikes(call, headers)
        changed = None
        if call is not None and call.is_struck and not call.is_done:
            changed = self.change_headers(call, first, headers)
        if first.flags & END_STREAM:
            self._calls.pop(first.stream, None)
        if changed is not None:
            return changed
        if self._is_rewritten:
            return (make_block(first, headers),)
        return frames

    def replace_block(self, first: Frame, headers: HeaderRows) -> Frame:
        """A header block with other headers; from now on every block is written as literals."""
        self._is_rewritten = True
        return make_block(first, headers)

    def drop_block(self) -> None:
        """Say that the client does not get a block."""
        self._is_rewritten = True

    def _strikes(self, call: GrpcCall, headers: HeaderRows) -> bool:
        media = dict(headers).get(b"content-type", b"")
        return (
            media.startswith(b"application/grpc")
            and self._condition.is_met(call.request)
            and not self._condition.passes_first(self.context.memory)
            and self.context.draw_request()
        )


def make_block(first: Frame, headers: HeaderRows) -> Frame:
    """A header block in one frame."""
    return Frame(HEADERS, first.flags & END_STREAM | END_HEADERS, first.stream, encode_headers(headers))


def define_grpc_fault(
    name: str, title: str, example: _Parameters, stage: type[GrpcStage[_Parameters]]
) -> FaultKind[_Parameters]:
    """The kind of fault that strikes single calls on gRPC links."""
    streams = ("downstream",)
    return FaultKind(name, title, example, stage, streams, by_request=True, needs_own_proxy=True)
