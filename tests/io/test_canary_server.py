from __future__ import annotations

import socket
import urllib.request

import httpx

from harness.io.canary_server import CanaryServer


def test_a_fetch_is_seen_with_its_caller_and_nothing_else_is() -> None:
    with CanaryServer() as canary:
        assert canary.wait_for_hits(["a", "b"], 0.0) == {}
        answer = httpx.get(f"http://127.1:{canary.port}/x/a?c", headers={"user-agent": "curl/8" * 99}, trust_env=False)
        assert answer.content.startswith(b"\x89PNG")
        hits = canary.wait_for_hits(["a", "b"], 5.0)
        assert list(hits) == ["a"]
        assert hits["a"][0].startswith("curl/8")
        assert len(hits["a"][0]) == 60
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{canary.port}/?b", method="HEAD")):
            assert set(canary.wait_for_hits(["b"], 5.0)) == {"b"}


def test_a_broken_request_breaks_nothing() -> None:
    with CanaryServer() as canary:
        with socket.create_connection(("127.0.0.1", canary.port), timeout=5) as line:
            line.sendall(b"no request\r\n\r\n")
            line.recv(100)
        assert httpx.get(f"http://127.0.0.1:{canary.port}/a", trust_env=False).status_code == 200
