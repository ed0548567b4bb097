"""LitServe."""

from __future__ import annotations

from tests.servers.row import KNOWN, ROW, Judged, Place, Row


def serve(place: Place) -> list[str]:
    place.train()
    return [str(place.python), place.app("litserve_app.py"), str(place.port)]


CONFIG = f"""
[endpoint]
protocol = "plain_json"
sample = [{ROW}]
{KNOWN}"""
JUDGED = {
    "smoke": Judged("PASS", warnings={"test_refused": "malformed_json"}),
    "integration": Judged(
        "PASS",
        warnings={
            "test_refused": "truncated_json is not refused with a 4xx, but refused as broken: HTTP 500",
            "test_refused_values": "rows that are one too short",
            "test_empty_refused": "HTTP 500",
            "test_forms_accepted": "a gzip body: a legal form is refused: HTTP 500",
            "test_wrong_bytes_refused": "no Host is not refused with a 4xx: answered 200",
        },
    ),
}
ROWS = [Row("litserve", "litserve", serve, "/health", CONFIG, ("plain_json",), JUDGED)]
