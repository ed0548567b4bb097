"""Credentials that are renewed, requests that are signed, and a service behind a unix socket."""

from __future__ import annotations

import hashlib
import hmac
import re
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AwsKeys

from harness.core.endpoint import Credentials, Endpoint, Secret, Signer
from harness.core.errors import ErrorClass, TransportError, UsageError
from harness.core.exchange import Exchange, Request
from harness.core.load import find_load_obstacle
from harness.core.replay import build_curl, show_exchange
from harness.io import reachability
from harness.io.credentials import run_credential_command

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Serve

POST = Request("POST", "/x?a=b", (("content-type", "application/json"),), b'{"a": 1}')


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def echo(conn: Conn) -> None:
    while request := conn.request():
        conn.answer(request)


def test_a_commands_first_line_is_the_secret() -> None:
    assert run_credential_command(python("print('token-1'); print('more')")) == "token-1"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (python("import sys; print('hush'); sys.exit('secret-in-stderr')"), "ended with status 1"),
        (python("pass"), "printed nothing"),
        (("/nonexistent/command",), "cannot be run"),
        (python("import time; time.sleep(60)"), "did not end within 0.1 s"),
    ],
)
def test_a_command_that_gives_no_secret_is_named(command: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        run_credential_command(command, patience=0.1 if "sleep" in command[-1] else 20)
    assert "secret-in-stderr" not in str(caught.value)


def counting(folder: Path) -> tuple[str, ...]:
    """A command that prints another token each time."""
    file = str(folder / "count")
    return python(f"f = open({file!r}, 'a+'); f.write('x'); f.seek(0); print(f'token-{{len(f.read())}}')")


def test_an_old_secret_is_asked_for_again(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    credentials = Credentials("bearer", Secret("token-0"), command=counting(tmp_path), refresh=1.0)
    client = connect(serve(echo).url, credentials=credentials)

    def read_sent_token() -> str:
        exchange = client.exchange(POST)
        assert exchange.response, exchange.detail
        token = re.search(rb"token-\d", exchange.response.body)
        assert token
        return token[0].decode()

    assert [read_sent_token(), read_sent_token()] == ["token-0", "token-0"]
    ends = time.monotonic() + 20
    while (token := read_sent_token()) == "token-0":
        assert time.monotonic() < ends, "the old secret is still used"
        time.sleep(0.05)
    assert token == "token-1"
    everything = show_exchange(client.exchange(POST), client.endpoint, "token-0 and token-1 were seen")
    assert "token-" not in repr(everything)


def test_a_command_that_breaks_later_is_the_harnesss_own_failure(serve: Serve, connect: Connect) -> None:
    credentials = Credentials("bearer", Secret("token-0"), command=python("raise SystemExit(3)"), refresh=0.0)
    exchange = connect(serve(echo).url, credentials=credentials).exchange(POST)
    assert exchange.error is ErrorClass.HARNESS
    assert "ended with status 3" in exchange.detail


def signer(folder: Path, code: str) -> Signer:
    file = folder / "signing.py"
    file.write_text(code)
    return Signer(str(file), "sign")


def test_every_request_is_signed_over_what_is_sent(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    def check_signature(conn: Conn) -> None:
        while request := conn.request():
            head, _, body = request.partition(b"\r\n\r\n")
            wanted = hmac.new(b"key", b"POST" + peer.url.encode() + b"/x?a=b" + body, hashlib.sha256).hexdigest()
            conn.answer(head, status=b"200 OK" if f"authorization: mac {wanted}".encode() in head else b"403 No")

    peer = serve(check_signature)
    code = (
        "import hashlib, hmac\n"
        "def sign(method, url, headers, body):\n"
        "    assert headers['content-type'] == 'application/json'\n"
        "    mac = hmac.new(b'key', method.encode() + url.encode() + body, hashlib.sha256).hexdigest()\n"
        "    return {'authorization': 'mac ' + mac}\n"
    )
    client = connect(peer.url, signer=signer(tmp_path, code))
    exchange = client.exchange(POST)
    assert exchange.ok, exchange.detail
    assert exchange.response
    mac = re.search(r"mac (\w{64})", exchange.response.body.decode())
    assert mac
    assert mac[1] not in repr(show_exchange(exchange, client.endpoint, f"echoed {mac[0]}"))


@pytest.mark.parametrize(
    ("code", "message"),
    [("def other(): ...", "no function 'sign'"), ("1/0", "ZeroDivisionError"), ("def sign(", "SyntaxError")],
)
def test_a_file_without_the_function_is_refused(connect: Connect, tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        connect("http://127.0.0.1:1", signer=signer(tmp_path, code))


@pytest.mark.parametrize("code", ["raise KeyError('my-secret')", "return 5", "return {'authorization': 'a\\nb'}"])
def test_a_function_that_breaks_is_the_harnesss_own_failure(
    serve: Serve, connect: Connect, tmp_path: Path, code: str
) -> None:
    signing = signer(tmp_path, f"def sign(method, url, headers, body):\n    {code}\n")
    exchange = connect(serve(echo).url, signer=signing).exchange(POST)
    assert exchange.error is ErrorClass.HARNESS, exchange.detail
    assert "my-secret" not in exchange.detail


def test_the_documented_signer_signs_for_aws(
    serve: Serve, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path("docs/configuration.md").read_text("utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret-key")

    def verify_signature(conn: Conn) -> None:
        while data := conn.request():
            head, _, body = data.partition(b"\r\n\r\n")
            pairs = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            lines = {name.lower(): value for name, value in pairs}
            given = {name: lines[name] for name in ("content-type", "x-amz-date")}
            request = AWSRequest("POST", peer.url + "/x?a=b", data=body, headers=given)
            request.context["timestamp"] = lines["x-amz-date"]
            auth = SigV4Auth(AwsKeys("AKIDEXAMPLE", "aws-secret-key"), "sagemaker", "eu-central-1")
            wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
            conn.answer(b"", status=b"200 OK" if lines["authorization"].endswith(wanted) else b"403 Forbidden")

    peer = serve(verify_signature)
    exchange = connect(peer.url, signer=signer(tmp_path, code)).exchange(POST)
    assert exchange.ok, exchange.detail


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...

    def address_string(self) -> str:
        return "unix"


@pytest.fixture
def unix_socket(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "s")
    with socketserver.ThreadingUnixStreamServer(path, Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield path
        server.shutdown()


def test_a_unix_socket(connect: Connect, unix_socket: str) -> None:
    client = connect("http://model.local", unix_socket=unix_socket)
    exchange = client.exchange(POST)
    assert exchange.ok, exchange.detail
    assert exchange.response
    assert exchange.response.body == POST.body
    assert f"--unix-socket {unix_socket}" in str(build_curl(POST, client.endpoint))
    reachability.try_connection(client.endpoint, 1.0)


def test_a_unix_socket_that_is_not_there(connect: Connect, tmp_path: Path) -> None:
    endpoint = Endpoint("http://model.local", unix_socket=str(tmp_path / "none"))
    exchange: Exchange = connect(endpoint.url, unix_socket=endpoint.unix_socket).exchange(POST)
    assert exchange.error is ErrorClass.CONNECT
    with pytest.raises(TransportError):
        reachability.try_connection(endpoint, 1.0)


def test_what_the_load_path_cannot_do_is_refused() -> None:
    short = Credentials("bearer", Secret("token"), command=("true",), refresh=60)
    assert find_load_obstacle(Endpoint("http://h")) is None
    assert find_load_obstacle(Endpoint("http://h", signer=Signer("a.py", "sign"))) is None
    assert find_load_obstacle(Endpoint("http://h", credentials=short), 59) is None
    assert "lasts 60 s" in (find_load_obstacle(Endpoint("http://h", credentials=short), 61) or "")
