"""A proxy that is disabled for a while listens again by itself, wherever its runner is."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from tests.chaos.proxy.conftest import Link, Served


def set_link(link: Link, **body: Any) -> dict[str, Any]:
    answer = link.server.http.patch(link.path, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def await_enabled(link: Link) -> None:
    ends = time.monotonic() + 8
    while not link.server.http.get(link.path).json()["enabled"]:
        assert time.monotonic() < ends, "it is still disabled"
        time.sleep(0.02)


def test_it_listens_again_when_the_lease_ends(ours: Served, echo: str) -> None:
    link = ours.proxy(echo)
    began = time.monotonic()
    assert set_link(link, enabled=False, lease_ms=300)["lease_ms"] == 300
    with pytest.raises(ConnectionRefusedError):
        link.connect()
    await_enabled(link)
    assert time.monotonic() - began >= 0.29
    assert "lease_ms" not in ours.http.get(link.path).json()
    link.connect().close()


def test_renewed_it_stays_down_and_enabled_it_has_no_lease(ours: Served, echo: str) -> None:
    link = ours.proxy(echo)
    set_link(link, enabled=False, lease_ms=60_000)
    assert set_link(link, lease_ms=50_000)["lease_ms"] == 50_000
    assert set_link(link, upstream="127.0.0.1:1")["lease_ms"] == 50_000
    assert "lease_ms" not in set_link(link, enabled=True, lease_ms=100)
    set_link(link, enabled=False, lease_ms=60_000)
    row = set_link(link, enabled=False)
    assert (row["enabled"], "lease_ms" in row) == (False, False)


def test_an_address_that_is_taken_meanwhile_is_tried_again(ours: Served, echo: str) -> None:
    link = ours.proxy(echo)
    set_link(link, enabled=False, lease_ms=200)
    host, port = link.listen.rsplit(":", 1)
    with socket.create_server((host, int(port))):
        time.sleep(0.5)
        assert ours.http.get(link.path).json()["enabled"] is False
    await_enabled(link)


@pytest.mark.parametrize("lease", [-1, 1e9, "x", True])
def test_no_lease_of_any_other_length(ours: Served, echo: str, lease: object) -> None:
    link = ours.proxy(echo)
    answer = ours.http.patch(link.path, json={"enabled": False, "lease_ms": lease})
    assert answer.status_code == 400
    assert ours.http.get(link.path).json()["enabled"] is True


def test_no_port_beyond_65535(ours: Served, echo: str) -> None:
    link = ours.proxy(echo)
    for wrong in ("127.0.0.1:99999", "127.0.0.1:65536", "127.0.0.1:" + "9" * 5000):
        for body in ({"upstream": wrong}, {"listen": wrong}):
            answer = ours.http.patch(link.path, json=body)
            assert answer.status_code in (400, 500)
            assert "invalid port, it must be from 0 to 65535" in answer.json()["error"]
            assert ours.http.post("/proxies", json={"name": "n", "upstream": echo, **body}).status_code in (400, 500)
    assert ours.http.get(link.path).json()["upstream"] == echo
    link.connect().close()
