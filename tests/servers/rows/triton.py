"""Triton Inference Server, as pytriton starts it: the Open Inference Protocol."""

from __future__ import annotations

import sysconfig

from tests.servers.processes import free_port
from tests.servers.row import KNOWN, ROW, Judged, Place, Row


def serve(place: Place) -> list[str]:
    place.train()
    ports = [str(port) for port in (place.port, place.grpc_port, free_port())]
    return [str(place.python), place.app("triton_app.py"), *ports]


CONFIG = f"""
[endpoint]
protocol = "{{}}"
model = "digits"
sample = [{ROW}]
{KNOWN}"""
# Triton's stub links libpython: it must find the one that the environment's standard library belongs to.
ENV = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}
SHOWN = "shows a Python traceback"
SHARED_BATCH = {"test_own_answers": "it fails beside others: HTTP 500"}
"""A row with NaN fails the requests whose batch it shares; requests share one in some rounds only."""
JUDGED = {
    "smoke": Judged("PASS", warnings={"test_refused": "malformed_json is not refused with a 4xx: HTTP 500"}),
    "integration": Judged(
        "FAIL",
        blockers={
            "test_survives[nan]": SHOWN,
            "test_survives[infinity]": SHOWN,
            "test_survives[method_head]": 'illegal status line: bytearray(b\'{"error":"Method Not Allowed"}HTTP',
        },
        warnings={
            "test_refused": "invalid_utf8 is not refused with a 4xx, but accepted: answered 200",
            "test_forms_accepted": "an empty line before the request: neither answered nor refused",
            "test_refused_values": "ragged rows is not refused with a 4xx, but refused as broken",
            "test_generated_requests_answered": "bare NaN in the body",
        },
        sometimes=SHARED_BATCH,
    ),
}
GRPC = {"smoke": Judged("PASS"), "integration": Judged("PASS")}
READY = "/v2/models/digits/ready"
ROWS = [
    Row("triton", "triton", serve, READY, CONFIG.format("v2"), ("v2",), JUDGED, ENV),
    Row("triton-grpc", "triton", serve, READY, CONFIG.format("v2_grpc"), ("v2_grpc",), GRPC, ENV, grpc=True),
]
