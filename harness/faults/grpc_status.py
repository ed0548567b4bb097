"""grpc_status: a gRPC call ends with another status, or without any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

from harness.core.fault import Parameter
from harness.core.http2_frames import DATA, END_STREAM, Frame
from harness.faults._grpc_stage import GrpcCall, GrpcParameters, GrpcStage, HeaderRows, define_grpc_fault


@dataclass(frozen=True, slots=True)
class _Parameters(GrpcParameters):
    status: Annotated[int, Parameter("the code: 14 UNAVAILABLE, 8 RESOURCE_EXHAUSTED, ...", low=1, high=16)] = 14
    text: Annotated[str, Parameter("the message of the status")] = "injected status"
    trailers: Annotated[
        Literal["changed", "missing"], Parameter("`missing`: the call ends without trailers, and so without a status")
    ] = "changed"


class _GrpcStatus(GrpcStage[_Parameters]):
    def change_headers(self, call: GrpcCall, frame: Frame, headers: HeaderRows) -> Iterable[Frame] | None:
        """Replace the status in the trailers; messages of the answer pass, as from a server that fails late."""
        if not frame.flags & END_STREAM:
            return None
        self.context.record_effect(len(frame.payload))
        if self.parameters.trailers == "missing" and not any(name == b":status" for name, _ in headers):
            self.drop_block()
            return (Frame(DATA, END_STREAM, frame.stream, b""),)
        others = [(name, value) for name, value in headers if not name.startswith(b"grpc-")]
        if self.parameters.trailers == "changed":
            others.append((b"grpc-status", str(self.parameters.status).encode()))
            others.append((b"grpc-message", quote(self.parameters.text, safe=" ").encode()))
        return (self.replace_block(frame, others),)


FAULT = define_grpc_fault(
    "grpc_status", "a gRPC call ends with another status, or without any", _Parameters(), _GrpcStatus
)
