"""Seldon MLServer with its own scikit-learn runtime: the Open Inference Protocol.

uvloop is pinned under 0.22: with a later one the default worker of MLServer 1.7.1 ends in `RuntimeError: There is no
current event loop` and the server shuts down.
"""

from __future__ import annotations

import json

from tests.servers.processes import free_port
from tests.servers.row import KNOWN, ROW, Judged, Place, Row

MODEL = {
    "name": "digits",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "inputs": [{"name": "predict", "datatype": "FP64", "shape": [-1, 64]}],
    "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1, 1]}],
    "parameters": {"uri": "./digits.joblib", "version": "1"},
}


def serve(place: Place) -> list[str]:
    ports = {"http_port": place.port, "grpc_port": place.grpc_port, "metrics_port": free_port()}
    settings = {"debug": False, "host": "127.0.0.1", "parallel_workers": 1, **ports}
    (place.folder / "settings.json").write_text(json.dumps(settings))
    (place.folder / "model-settings.json").write_text(json.dumps(MODEL))
    place.train()
    return [place.tool("mlserver"), "start", "."]


CONFIG = f"""
[endpoint]
protocol = "{{}}"
model = "digits"
sample = [{ROW}]
{KNOWN}"""
JUDGED = {
    "smoke": Judged(
        "PASS", warnings={"test_refused": "data_shorter_than_shape", "test_one_shape": "the shape {error}"}
    ),
    "integration": Judged(
        "FAIL",
        blockers={"test_id": "an id in Unicode is neither answered nor refused with a 4xx"},
        warnings={
            "test_refused_values": "rows that are one too short",
            "test_refused_protocol": "data_shorter_than_shape",
            "test_empty_refused": "HTTP 500",
            "test_smuggling": "are executed",
        },
    ),
}
GRPC = {"smoke": Judged("PASS"), "integration": Judged("PASS")}
READY = "/v2/models/digits/ready"
ROWS = [
    Row("mlserver", "mlserver", serve, READY, CONFIG.format("v2"), ("v2",), JUDGED, ci=True),
    Row("mlserver-grpc", "mlserver", serve, READY, CONFIG.format("v2_grpc"), ("v2_grpc",), GRPC, grpc=True, ci=True),
]
