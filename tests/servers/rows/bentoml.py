"""BentoML; its answer is a bare JSON array."""

from __future__ import annotations

from tests.servers.row import KNOWN, ROW, Judged, Place, Row


def serve(place: Place) -> list[str]:
    place.train()
    place.app("bentoml_app.py")
    return [place.tool("bentoml"), "serve", "bentoml_app:Digits", "--host", "127.0.0.1", "--port", str(place.port)]


CONFIG = f"""
[endpoint]
protocol = "plain_json"
sample = [{ROW}]

[endpoint.template]
health = "/livez"
{KNOWN}"""
ENV = {"BENTOML_DO_NOT_TRACK": "True"}
JUDGED = {
    "smoke": Judged("PASS", warnings={"test_one_shape": "the error for unknown_path is not a JSON object"}),
    "integration": Judged(
        "PASS",
        warnings={
            "test_refused": "nan is not refused with a 4xx, but refused as broken: HTTP 500",
            "test_refused_values": "rows that are one too short",
            "test_empty_refused": "HTTP 500",
            "test_smuggling": "are executed",
        },
    ),
}
ROWS = [Row("bentoml", "bentoml", serve, "/readyz", CONFIG, ("plain_json",), JUDGED, ENV)]
