"""A curl line is pasted into a shell: the shell must hand curl exactly the request, and run nothing else."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.endpoint import TLS, Credentials, Endpoint, Secret
from harness.core.errors import ErrorClass
from harness.core.exchange import Authorization, Exchange, Request, Response, Timing
from harness.core.replay import build_curl, shorten_body, show_exchange

KEY = "it's-a-key"
HOSTILE = (
    "it's",
    '{"a": "$(touch pwned)"}',
    "`touch pwned`",
    "'; touch pwned; '",
    "a & touch pwned",
    "\\'$HOME",
    "@/etc/hostname",
    "#x !! *",
)


def make_line(request: Request, endpoint: Endpoint, authorization: Authorization = "own") -> str:
    line = build_curl(request, endpoint, authorization)
    assert line is not None
    return line


def words_in_a_shell(line: str, folder: Path) -> list[str]:
    """What a shell passes to `curl` for this line."""
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{line}\n"
    env = {"PATH": os.environ["PATH"], "AIHARNESS_API_KEY": KEY}
    done = subprocess.run(["/bin/sh", "-c", script], cwd=folder, env=env, capture_output=True, timeout=60, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_shell_passes_the_request_and_runs_nothing(tmp_path: Path, hostile: str) -> None:
    endpoint = Endpoint(
        "http://h:1",
        credentials=Credentials("bearer", Secret(KEY)),
        tls=TLS(ca_file=f"/ca {hostile}"),
        headers=(("X-Note", hostile),),
        public_headers=("X-Note",),
    )
    line = make_line(Request("POST", f"/p?x={hostile}", (("x-own", hostile),), hostile.encode()), endpoint)
    words = words_in_a_shell(line, tmp_path)
    assert words[words.index("--data-raw") + 1] == hostile, "--data-binary would read a body that begins with @"
    assert words[words.index("--cacert") + 1] == f"/ca {hostile}"
    assert f"http://h:1/p?x={hostile}" in words
    assert f"x-own: {hostile}" in words
    assert f"X-Note: {hostile}" in words
    assert f"Authorization: Bearer {KEY}" in words, "the shell puts the key in"
    assert KEY not in line
    assert not list(tmp_path.iterdir())


def test_basic_credentials_come_from_the_environment(tmp_path: Path) -> None:
    endpoint = Endpoint("http://h", credentials=Credentials("basic", Secret(KEY), username="a user's"))
    words = words_in_a_shell(make_line(Request("GET", "/"), endpoint), tmp_path)
    assert words[words.index("-u") + 1] == f"a user's:{KEY}"


@given(st.text(st.characters(codec="utf-8").filter(str.isprintable), min_size=1, max_size=60))
def test_any_printable_body_survives_the_shells_quoting(body: str) -> None:
    words = shlex.split(make_line(Request("POST", "/", (), body.encode()), Endpoint("http://h")))
    assert words[words.index("--data-raw") + 1] == body


def test_a_secret_with_a_quote_is_gone_before_the_shells_quoting_can_split_it() -> None:
    endpoint = Endpoint("http://h", credentials=Credentials("bearer", Secret(KEY)))
    line = make_line(Request("POST", f"/{KEY}", (), f'{{"echo": "{KEY}"}}'.encode()), endpoint)
    assert "s-a-key" not in line
    assert shlex.split(line)[-1] == '{"echo": "***"}'


@pytest.mark.parametrize("body", [b"\xff\x00", b"two\nlines\x1b[0m", b"x" * 1_000_000, b'{"a": "\xe2\x80\xae"}'])
def test_bodies_that_no_shell_can_quote_arrive_as_they_were(tmp_path: Path, body: bytes) -> None:
    """The line is pasted into a shell: what `curl` reads there is the body, byte for byte."""
    line = build_curl(Request("POST", "/", (), body), Endpoint("http://h"))
    assert line is not None
    assert line.isprintable()
    assert len(line) < 5000
    script = f'curl() {{ test "$7" = @- && cat; }}\n{line}\n'
    done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert done.stdout == body


@pytest.mark.parametrize("body", [random.Random(1).randbytes(20_000), f'{{"a": "{KEY}\n"}}'.encode()])
def test_no_line_is_better_than_one_that_cannot_be_pasted_or_shows_a_secret(body: bytes) -> None:
    endpoint = Endpoint("http://h", credentials=Credentials("bearer", Secret(KEY)))
    assert build_curl(Request("POST", "/", (), body), endpoint) is None


def test_text_is_cut_with_the_count_of_what_is_left() -> None:
    assert shorten_body("é".encode() * 10, limit=10) == "é" * 10
    assert shorten_body("é".encode() * 40, limit=10) == "é" * 10 + " …[80 bytes in all]"
    assert shorten_body(b"a" * 100, limit=10) == "a" * 10 + " …[100 bytes in all]"


PLAIN_KEY = "sk-0123456789"


@pytest.mark.parametrize("body", ['{"a": "it\'s"}', '{"x": "$(reboot) `id` \\\\ \\n"}', "{'", '""'])
def test_curl_lines_are_safe_to_paste(body: str) -> None:
    endpoint = Endpoint("http://h:1/p", credentials=Credentials("bearer", Secret(PLAIN_KEY)))
    line = make_line(Request("POST", "/v1", (("content-type", "application/json"),), body.encode()), endpoint)
    words = shlex.split(line)
    assert words[words.index("--data-raw") + 1] == body
    assert "http://h:1/p/v1" in words
    assert PLAIN_KEY not in line
    assert "Authorization: Bearer $AIHARNESS_API_KEY" in words


def test_shown_exchanges_are_redacted_and_capped() -> None:
    endpoint = Endpoint("http://h", credentials=Credentials("header", Secret(PLAIN_KEY), header="X-Api-Key"))
    response = Response(500, (("x-echo", PLAIN_KEY), ("set-cookie", "a=b")), f"{PLAIN_KEY} {'x' * 9000}".encode())
    example = show_exchange(
        Exchange(Request("POST", "/"), Timing(0.0), response, error=ErrorClass.STATUS), endpoint, f"saw {PLAIN_KEY}"
    )
    assert PLAIN_KEY not in str(example)
    assert example.response is not None
    assert example.response["headers"]["set-cookie"] == "***"
    assert "bytes in all" in example.response["body"]
    assert shorten_body(b"\xff") == "\ufffd"


def test_the_credential_is_read_from_the_variable_that_the_configuration_names() -> None:
    for source, variable in (("MODEL_KEY", "MODEL_KEY"), ("/run/secrets/key", "AIHARNESS_API_KEY")):
        endpoint = Endpoint("http://h", credentials=Credentials("bearer", Secret(KEY), source=source))
        assert f"Authorization: Bearer ${variable}" in make_line(Request("GET", "/"), endpoint)


@pytest.mark.parametrize("scheme", ["bearer", "header", "basic"])
def test_a_request_without_the_right_credential_is_shown_without_it(scheme: Any) -> None:
    credentials = Credentials(scheme, Secret(KEY), username="u", source="MODEL_KEY")
    endpoint = Endpoint("http://h", credentials=credentials)
    without = make_line(Request("GET", "/"), endpoint, "none")
    assert "Authorization" not in without
    assert "MODEL_KEY" not in without
    other = replace(endpoint, other_credentials=replace(credentials, secret=Secret("of-another"), source="OTHER_KEY"))
    assert "$OTHER_KEY" in make_line(Request("GET", "/"), other, "other")
    assert "MODEL_KEY" not in make_line(Request("GET", "/"), other, "other")
    words = shlex.split(make_line(Request("GET", "/"), endpoint, "wrong"))
    [(name, value)] = credentials.make_wrong().build_headers()
    assert f"{name}: {value}" in words
    assert not any("MODEL_KEY" in word for word in words)
