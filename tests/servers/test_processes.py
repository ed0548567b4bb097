"""Servers as children: ready or told why not, and never a process left behind. Quick, and part of `make test`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
import pytest

from tests.servers.processes import ServerProcess, free_port

SERVE = "{python} -m http.server --bind 127.0.0.1 {port}"


def _server(folder: Path, script: str, *, seconds: float = 30) -> ServerProcess:
    """A shell as the leader of the group: what it starts is what could be left behind."""
    port = free_port()
    serve = SERVE.format(python=sys.executable, port=port)
    command = ["sh", "-c", script.format(serve=serve, deaf=f"sh -c \"trap '' TERM; {serve} & wait; wait\"")]
    env = {"PATH": os.environ["PATH"]}
    return ServerProcess(command, port, folder / "log", health="/", env=env, seconds=seconds)


@pytest.mark.parametrize(
    "script",
    ["{serve} & wait", "trap '' TERM; {serve} & wait; wait", "setsid {serve} & wait", "setsid {deaf} & wait"],
    ids=["willing", "deaf to SIGTERM", "in a session of its own", "deaf there"],
)
def test_the_whole_group_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr("tests.servers.processes.STOP_SECONDS", 0.5)
    with _server(tmp_path, script) as server:
        assert server.group_alive()
        assert httpx.get(server.url, trust_env=False).status_code == 200
    assert not server.group_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)


def test_a_server_that_ends_shows_its_last_words(tmp_path: Path) -> None:
    server = _server(tmp_path, "echo no such model >&2; exit 3")
    with pytest.raises(AssertionError, match=r"not ready(?s:.*)no such model"), server:
        pass
    assert not server.group_alive()


def test_a_server_that_never_gets_ready_is_stopped(tmp_path: Path) -> None:
    server = _server(tmp_path, "echo still loading; sleep 600 & wait", seconds=0.3)
    with pytest.raises(AssertionError, match=r"not ready within 0\.3 s:\nstill loading"), server:
        pass
    assert not server.group_alive()


def test_a_test_that_fails_stops_its_server(tmp_path: Path) -> None:
    server = _server(tmp_path, "{serve} & wait")
    with pytest.raises(ZeroDivisionError), server:
        raise ZeroDivisionError
    assert not server.group_alive()
