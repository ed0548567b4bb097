"""grpc_cut: the stream of a gRPC call is reset after some messages of its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from harness.core.fault import Parameter
from harness.core.http2_frames import END_STREAM, Frame, make_reset
from harness.faults._grpc_stage import GrpcCall, GrpcParameters, GrpcStage, HeaderRows, define_grpc_fault

_CODES = {"refused": 0x7, "cancel": 0x8, "internal": 0x2, "calm": 0xB}


@dataclass(frozen=True, slots=True)
class _Parameters(GrpcParameters):
    messages: Annotated[int, Parameter("messages that pass", high=1_000_000)] = 0
    code: Annotated[
        Literal["refused", "cancel", "internal", "calm"],
        Parameter("error of HTTP/2: clients report UNAVAILABLE, CANCELLED, INTERNAL or RESOURCE_EXHAUSTED"),
    ] = "internal"


class _GrpcCut(GrpcStage[_Parameters]):
    def change_data(self, call: GrpcCall, frame: Frame) -> Iterable[Frame]:
        """Reset the stream at the border of a message, when more would follow.

        What follows passes: the client ignores it, but counts it for the flow control of the connection.
        """
        data = frame.strip_padding()
        border = call.find_border(data, self.parameters.messages)
        if border is None or (border == len(data) and data):
            return (frame,)
        before = Frame(frame.kind, 0, frame.stream, data[:border])
        after = Frame(frame.kind, frame.flags & END_STREAM, frame.stream, data[border:])
        return (before, self._reset(call, frame), after)

    def change_headers(self, call: GrpcCall, frame: Frame, headers: HeaderRows) -> Iterable[Frame] | None:
        """Reset the stream in place of its trailers, where all messages have passed."""
        if not frame.flags & END_STREAM or call.find_border(b"", self.parameters.messages) is None:
            return None
        self.drop_block()
        return (self._reset(call, frame),)

    def _reset(self, call: GrpcCall, frame: Frame) -> Frame:
        call.is_done = True
        self.context.record_effect(len(frame.payload))
        return make_reset(frame.stream, _CODES[self.parameters.code])


FAULT = define_grpc_fault(
    "grpc_cut", "the stream of a gRPC call is reset after some messages of its answer", _Parameters(), _GrpcCut
)
