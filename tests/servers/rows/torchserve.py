"""TorchServe. PyYAML is among its requirements because it needs it and does not say so."""

from __future__ import annotations

import shutil

from tests.servers.environments import lacking
from tests.servers.processes import free_port
from tests.servers.row import KNOWN, ROW, Judged, Place, Row

PROPERTIES = """
inference_address=http://127.0.0.1:{}
management_address=http://127.0.0.1:{}
metrics_address=http://127.0.0.1:{}
grpc_inference_port={}
grpc_management_port={}
disable_token_authorization=true
default_workers_per_model=1
model_store=store
"""


def serve(place: Place) -> list[str]:
    """Each API at a port of its own, as it comes."""
    return start(place, free_port())


def start_managed(place: Place) -> list[str]:
    """The management API at the same port as the inference API."""
    return start(place, place.port)


def start(place: Place, management: int) -> list[str]:
    if not shutil.which("java"):
        lacking("Java", "apt-get install openjdk-17-jre-headless")
    ports = [place.port, management, *(free_port() for _ in range(3))]
    (place.folder / "ts.properties").write_text(PROPERTIES.format(*ports))
    (place.folder / "store").mkdir()
    place.call(str(place.python), place.app("torchserve_train.py"), "digits.pt")
    archive = ["--model-name", "digits", "--version", "1.0", "--serialized-file", "digits.pt"]
    handler = ["--handler", place.app("torchserve_handler.py"), "--export-path", "store"]
    place.call(place.tool("torch-model-archiver"), *archive, *handler)
    command = [place.tool("torchserve"), "--start", "--foreground", "--ncs", "--ts-config", "ts.properties"]
    return [*command, "--model-store", "store", "--models", "digits=digits.mar"]


CONFIG = f"""
[endpoint]
protocol = "torchserve"
sample = {ROW}

[endpoint.template]
path = "/predictions/digits"
body = '{{"instances": [{{{{input}}}}]}}'
{KNOWN}"""
BY_NAME = CONFIG.replace('path = "/predictions/digits"\n', "").replace("[endpoint]", '[endpoint]\nmodel = "digits"', 1)
ENV = {"LOG_LOCATION": "logs", "METRICS_LOCATION": "logs"}
NAN = "is answered 200 with NaN, which is not a finite number"
JUDGED = {
    "smoke": Judged(
        "PASS",
        warnings={
            "test_headers": "a JSON body is labelled with no content type",
            "test_refused": "malformed_json is not refused with a 4xx: HTTP 503",
        },
    ),
    "integration": Judged(
        "FAIL",
        blockers={
            "test_survives[nan]": NAN,
            "test_survives[infinity]": NAN,
            "test_survives[overflow]": NAN,
            "test_survives_values": f"1e308 for a number {NAN}",
        },
        warnings={
            "test_refused": "method_put is not refused with a 4xx, but accepted: answered 200",
            "test_refused_values": "rows that are one too short",
            "test_forms_accepted": "a gzip body: a legal form is refused: HTTP 503",
            "test_smuggling": "are executed",
        },
    ),
}
ROWS = [
    Row("torchserve", "torchserve", serve, "/ping", CONFIG, ("torchserve",), JUDGED, ENV),
    Row("torchserve-managed", "torchserve", start_managed, "/ping", BY_NAME, ("torchserve",), JUDGED, ENV),
]
