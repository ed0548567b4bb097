"""The control API is no page's to call: foreign Host and Origin are refused, what clients send is not."""

from __future__ import annotations

import httpx
import pytest

from harness.chaos.proxy.origin import find_foreign_origin
from tests.chaos.proxy.conftest import Served, end_child, spawn

LOCAL = ["localhost", "localhost:8474", "LOCALHOST:8474", "localhost.:1", "127.0.0.1:8474", "127.8.9.1", "[::1]:8474"]
FOREIGN = ["evil.example", "evil.example:8474", "localhost.evil.example", "127.0.0.1.evil.example", "x@localhost"]
FOREIGN += ["192.168.0.1:8474", "localhost:99999", "localhost/x", "[::1", "0x7f.1", "localhost:8474,evil.example"]


@pytest.mark.parametrize("host", ["", *LOCAL])
def test_clients_on_this_machine_are_served(host: str) -> None:
    assert find_foreign_origin({"host": host}) == ""
    if host:
        assert find_foreign_origin({"host": host, "origin": f"http://{host}"}) == ""


@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_that_was_made_to_lead_here_is_refused(host: str) -> None:
    assert host in find_foreign_origin({"host": host})


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://localhost:3000", "http://localhost:8474.evil.example"]
)
def test_pages_of_other_sites_are_refused(origin: str) -> None:
    for any_host in (False, True):
        assert "Origin" in find_foreign_origin({"host": "localhost:8474", "origin": origin}, any_host=any_host)


def test_beyond_loopback_every_name_is_served() -> None:
    assert find_foreign_origin({"host": "proxy.internal:8474"}, any_host=True) == ""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:8474"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost"}, 200),
        ({}, 200),
    ],
)
def test_over_the_wire(ours: Served, headers: dict[str, str], status: int) -> None:
    link = ours.proxy("127.0.0.1:1")
    answer = ours.http.post(link.path, json={"enabled": False}, headers=headers)
    assert answer.status_code == status, answer.text
    assert ours.http.get(link.path).json()["enabled"] is (status == 403)
    assert ours.http.get("/version", headers=headers).status_code == status


def test_a_server_for_others_takes_every_host() -> None:
    child, url = spawn("--allow-remote")
    try:
        assert httpx.get(f"{url}/version", headers={"Host": "proxy.internal"}).status_code == 200
        assert httpx.get(f"{url}/version", headers={"Origin": "http://a.example"}).status_code == 403
    finally:
        assert end_child(child) == 0
