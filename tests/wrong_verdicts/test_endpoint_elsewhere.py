"""An endpoint that answers elsewhere, or only with a query: where to is said once, the query goes with everything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.services import serving_handler

Handle = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def handling(handle: Handle) -> Iterator[str]:
    """A server that gives every request to `handle`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            handle(self, self.rfile.read(int(self.headers.get("content-length", "0"))))

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            return

    with serving_handler(Handler) as url:
        yield url


def reply(handler: BaseHTTPRequestHandler, status: int, value: object = None, location: str = "") -> None:
    data = json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(data)))
    if location:
        handler.send_header("location", location)
    handler.end_headers()
    handler.wfile.write(data)


PROTOCOLS = ("auto", "openai_chat", "plain_json")
PREFIXES = (
    ("https://models.example/api", "give https://models.example/api"),
    ("//models.example", "give http://models.example"),
    ("https://anna:secretpw@models.example", "give https://***@models.example"),
)
REDIRECTS = [(protocol, *prefix) for protocol in PROTOCOLS for prefix in PREFIXES]


@pytest.mark.parametrize(("protocol", "prefix", "advice"), sample_cases(REDIRECTS, *REDIRECTS[::4]))
def test_a_redirect_says_where_to_and_says_it_once(tmp_path: Path, protocol: str, prefix: str, advice: str) -> None:
    with handling(lambda handler, body: reply(handler, 308, location=f"{prefix}{handler.path}?x=1")) as url:
        args = (f"--ai-endpoint={url}", f"--ai-protocol={protocol}", "--ai-model=m", "--ai-only-packaged")
        outcome = run_gate(tmp_path, *args)
    assert outcome.status == 21, outcome.out
    reason = outcome.check("test_predicts")["reason"]
    assert reason.startswith("the endpoint redirects "), reason
    assert reason.endswith(advice), reason
    assert len(reason) < 300
    assert "secretpw" not in outcome.out
    mentions = "".join(outcome.out.split()).count("theendpointredirects")
    assert mentions <= 5, (
        outcome.out
    )  # the header, pytest's first error, the headline, the first check, pytest's summary


@pytest.mark.parametrize("location", ["/login", "file:///etc/passwd", "\x1b]0;x\x07", "https://[", "//"])
def test_a_hostile_redirect_is_one_line(tmp_path: Path, location: str) -> None:
    with handling(lambda handler, body: reply(handler, 302, location=location)) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", "--ai-only-packaged")
    assert outcome.status == 21, outcome.out
    assert "Traceback" not in outcome.out + outcome.err
    assert "\x1b]" not in outcome.out


def test_a_path_that_may_be_an_operation_is_named(tmp_path: Path) -> None:
    with handling(lambda handler, body: reply(handler, 404)) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}/score/now", "--ai-only-packaged")
    assert outcome.status == 21
    assert (
        "the URL ends in /score/now: if that is the path of one operation" in outcome.check("test_predicts")["reason"]
    )


QUERY = """
[endpoint]
protocol = "plain_json"
sample = [[1.0, 2.0]]
query = { "api-version" = "2024-02-01", "code" = "s3cr/t+k=y" }
"""


@pytest.mark.parametrize("suite", ["smoke", "integration"])
def test_the_query_goes_with_every_request_and_its_secret_is_kept(tmp_path: Path, suite: str) -> None:
    lacking: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if "api-version=2024-02-01&code=s3cr%2Ft%2Bk%3Dy" not in handler.path:
            lacking.append(handler.path)
            reply(handler, 400, {"error": "api-version is missing"})
        elif handler.command == "GET" or not handler.path.startswith("/predict?"):
            reply(handler, 404, {"error": "no"})
        else:
            reply(handler, 200, {"predictions": [0.5] * len(json.loads(body)["instances"])})

    (tmp_path / "aiharness.toml").write_text(QUERY)
    chosen = ["-k", "test_http or test_repeat or test_disconnect"] if suite == "integration" else []
    with handling(answer) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", "--ai-only-packaged", *chosen, suite=suite)
    assert not lacking
    assert outcome.check("test_predicts" if suite == "smoke" else "test_same_form")["verdict"] == "PASS", outcome.out
    written = "".join(path.read_text("utf-8", "replace") for path in outcome.run_dir.rglob("*") if path.is_file())
    for secret in ("s3cr/t+k=y", "s3cr%2Ft%2Bk%3Dy"):
        assert secret not in written + outcome.out + outcome.err
    assert "api-version=2024-02-01" in written


def test_a_query_in_the_url_is_refused_with_the_setting(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9?api-version=1")
    assert outcome.status == 4
    assert '[endpoint] query = { "api-version" = "..." }' in outcome.out + outcome.err
