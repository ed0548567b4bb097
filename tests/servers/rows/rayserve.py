"""Ray Serve."""

from __future__ import annotations

from tests.servers.row import KNOWN, ROW, Judged, Place, Row

APPLICATION = """
http_options: {{host: 127.0.0.1, port: {}}}
applications:
- {{name: digits, route_prefix: /predict, import_path: "rayserve_app:app"}}
"""


def serve(place: Place) -> list[str]:
    place.train()
    place.app("rayserve_app.py")
    (place.folder / "serve.yaml").write_text(APPLICATION.format(place.port))
    return [str(place.python), place.app("rayserve_run.py"), "serve.yaml"]


CONFIG = f"""
[endpoint]
protocol = "plain_json"
sample = [{ROW}]

[endpoint.template]
health = "/-/healthz"
{KNOWN}"""
ENV = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_gcs_server_port_wait_time_s": "120"}
JUDGED = {
    "smoke": Judged("PASS", warnings={"test_refused": "malformed_json", "test_one_shape": "not a JSON object"}),
    "integration": Judged(
        "PASS",
        warnings={
            "test_refused": "method_put is not refused with a 4xx, but accepted: answered 200",
            "test_refused_values": "rows that are one too short",
            "test_empty_refused": "HTTP 500",
            "test_forms_accepted": "HTTP/1.0: the answer is in a transfer coding",
            "test_wrong_bytes_refused": "no Host is not refused with a 4xx: answered 200",
        },
    ),
}
ROWS = [Row("rayserve", "rayserve", serve, "/-/healthz", CONFIG, ("plain_json",), JUDGED, ENV, seconds=300)]
