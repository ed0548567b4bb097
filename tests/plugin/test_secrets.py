"""Credentials planted everywhere a user or a service can put them are in no output."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import GateOutcome, run_gate

PLAIN = "sk-plain-0123456789abcdef"
SECRET = 'sk-"quo\\te<d>&-$ecret/+=0123456789'


class Echo(BaseHTTPRequestHandler):
    """A service that gives every header and body back, in answers and in errors: the worst case for a report."""

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _echo(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode("utf-8", "replace")
        seen = {"error": {"message": f"no: {dict(self.headers)} {body}", "headers": dict(self.headers)}}
        data = json.dumps(seen).encode()
        self.send_response(403)
        self.send_header("content-type", "application/json")
        self.send_header("x-echo", (self.headers.get("authorization") or "none").encode("ascii", "replace").decode())
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _echo


@contextmanager
def echo_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _spellings(secret: str) -> list[str]:
    encoded = base64.b64encode(f"user:{secret}".encode()).decode()
    return [secret, json.dumps(secret)[1:-1], quote(secret, safe=""), encoded, secret.replace("&", "&amp;")]


def _assert_nowhere(outcome: GateOutcome, folder: Path, secret: str = SECRET) -> None:
    texts = {"stdout": outcome.out, "stderr": outcome.err}
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in {"aiharness.toml", "secret.txt"}:
            texts[str(path)] = path.read_text("utf-8", "replace")
    assert len(texts) > 8
    for name, text in texts.items():
        for spelling in _spellings(secret):
            assert spelling not in text, f"the secret is in {name}"


CREDENTIALS = {
    "bearer": 'credentials = { scheme = "bearer", env = "PLANTED" }',
    "header": 'credentials = { scheme = "header", env = "PLANTED", header = "X-Model-Key" }',
    "basic": 'credentials = { scheme = "basic", env = "PLANTED", username = "user" }',
    "file": 'credentials = { scheme = "bearer", file = "secret.txt" }',
}


@pytest.mark.parametrize("secret", [PLAIN, SECRET], ids=["plain", "awkward"])
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_configured_credentials_never_appear(tmp_path: Path, kind: str, secret: str) -> None:
    (tmp_path / "secret.txt").write_text(secret + "\n")
    config = f'[endpoint]\nprotocol = "openai_chat"\nmodel = "m"\n{CREDENTIALS[kind]}\n'
    (tmp_path / "aiharness.toml").write_text(config)
    (tmp_path / "test_mine.py").write_text(
        "import pytest\n@pytest.mark.ai_suite('smoke')\ndef test_mine(ai_client):\n"
        "    exchange = ai_client.ask()\n    print(exchange.response.body.decode())\n"
        "    assert exchange.ok, (exchange, ai_client.endpoint, ai_client.endpoint.credentials)\n"
    )
    with echo_server() as url:
        args = [f"--ai-endpoint={url}", "--ai-report=markdown,terminal", "--alluredir=allure", "--junitxml=pytest.xml"]
        outcome = run_gate(tmp_path, *args, env={"PLANTED": secret})
    assert outcome.status == 1, outcome.out + outcome.err
    assert list((tmp_path / "allure").glob("*-attachment*"))
    _assert_nowhere(outcome, tmp_path, secret)


def test_credentials_in_the_url_never_appear(tmp_path: Path) -> None:
    with echo_server() as url:
        inline = url.replace("http://", f"http://user:{quote(SECRET, safe='')}@")
        outcome = run_gate(tmp_path, f"--ai-endpoint={inline}", "--ai-protocol=openai_chat", "--ai-model=m")
    assert outcome.status == 1, outcome.out + outcome.err
    _assert_nowhere(outcome, tmp_path)


def test_a_wrong_url_does_not_print_its_password(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint=ftp://user:{quote(SECRET, safe='')}@host/")
    assert outcome.status == 4
    for spelling in _spellings(SECRET):
        assert spelling not in outcome.out + outcome.err
