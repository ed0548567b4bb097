"""FastAPI and Flask, written the way tutorials do."""

from __future__ import annotations

from tests.servers.row import KNOWN, ROW, Judged, Place, Row

CONFIG = f"""
[endpoint]
protocol = "plain_json"
sample = [{ROW}]
deadlines = {{ first_byte = 5, total = 10 }}
{KNOWN}"""


def fastapi(place: Place) -> list[str]:
    place.train()
    place.app("fastapi_app.py")
    return [place.tool("uvicorn"), "fastapi_app:app", "--host", "127.0.0.1", "--port", str(place.port)]


def flask(place: Place) -> list[str]:
    place.train()
    return [str(place.python), place.app("flask_app.py"), str(place.port)]


def gunicorn(place: Place) -> list[str]:
    place.train()
    place.app("flask_app.py")
    return [place.tool("gunicorn"), "-w", "1", "-b", f"127.0.0.1:{place.port}", "flask_app:app"]


BROKEN = "refused as broken: HTTP 500"
FASTAPI = {
    "smoke": Judged("PASS"),
    "integration": Judged(
        "PASS",
        warnings={
            "test_refused": BROKEN,
            "test_refused_values": "rows that are one too short",
            "test_empty_refused": "HTTP 500",
            "test_generated_requests_answered": "HTTP 500",
            "test_smuggling": "are executed",
        },
    ),
}
FLASK = {"test_refused": BROKEN, "test_refused_values": "rows that are one too short", "test_empty_refused": "HTTP 500"}
SMOKE = {"test_refused": "null_body is not refused", "test_one_shape": "not a JSON object"}
DEVELOPMENT = {
    "smoke": Judged("PASS", warnings={**SMOKE, "test_headers": "'Werkzeug/3.1.9 Python/3.11"}),
    "integration": Judged("PASS", warnings=FLASK),
}
HELD_UP = "a body shorter than its Content-Length: meanwhile a plain request on another connection fails"
GUNICORN = {
    "smoke": Judged("PASS", warnings=SMOKE),
    "integration": Judged("FAIL", blockers={"test_wrong_bytes_harm_nobody": HELD_UP}, warnings=FLASK),
}
ROWS = [
    Row("fastapi", "web", fastapi, "/health", CONFIG, ("plain_json",), FASTAPI),
    Row("flask", "web", flask, "/health", CONFIG, ("plain_json",), DEVELOPMENT),
    Row("gunicorn", "web", gunicorn, "/health", CONFIG, ("plain_json",), GUNICORN),
]
