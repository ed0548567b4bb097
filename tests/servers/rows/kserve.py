"""KServe's Python SDK, which speaks the Open Inference Protocol and V1 at one port."""

from __future__ import annotations

from tests.servers.row import KNOWN, ROW, Judged, Place, Row


def serve(place: Place) -> list[str]:
    place.train()
    app = place.app("kserve_app.py")
    return [str(place.python), app, "--http_port", str(place.port), "--grpc_port", str(place.grpc_port)]


CONFIG = f"""
[endpoint]
protocol = "{{}}"
model = "digits"
sample = [{ROW}]
{KNOWN}"""
READY, DETECTED = "/v2/models/digits/ready", ("v2", "tfserving")
SHARED = {
    "test_refused_values": "rows that are one too short",
    "test_empty_refused": "HTTP 500",
    "test_wrong_bytes_refused": "no Host is not refused with a 4xx: answered 200",
}
V2 = {
    "smoke": Judged(
        "PASS", warnings={"test_refused": "data_shorter_than_shape", "test_one_shape": "the shape {error}"}
    ),
    "integration": Judged("PASS", warnings={**SHARED, "test_refused_protocol": "data_shorter_than_shape"}),
}
GRPC = {"smoke": Judged("PASS"), "integration": Judged("PASS")}
V1 = {
    "smoke": Judged("PASS", warnings={"test_refused": "null_body"}),
    "integration": Judged(
        "PASS",
        warnings={
            **SHARED,
            "test_refused": "missing_field is not refused with a 4xx, but refused as broken: HTTP 500",
            "test_forms_accepted": "a charset in the content type: a legal form is refused: HTTP 500",
        },
    ),
}
ROWS = [
    Row("kserve-v2", "kserve", serve, READY, CONFIG.format("v2"), DETECTED, V2),
    Row("kserve-grpc", "kserve", serve, READY, CONFIG.format("v2_grpc"), ("v2_grpc",), GRPC, grpc=True),
    Row("kserve-v1", "kserve", serve, READY, CONFIG.format("tfserving"), DETECTED, V1),
]
