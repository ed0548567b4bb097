"""The HTTP API, line by line of Toxiproxy's contract, on ours and on the real one."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.chaos.proxy.conftest import Served


def _error(answer: Any, status: int, message: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["status"] == status
    assert answer.json()["error"].startswith(message)
    assert answer.text.endswith("}\n")


def test_version(toxiproxy: Served) -> None:
    answer = toxiproxy.http.get("/version")
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.text.startswith('{"version": "')
    assert answer.text.endswith('"}\n')


def test_request_id_on_routes_only(toxiproxy: Served) -> None:
    for path in ("/version", "/proxies/none"):
        assert len(toxiproxy.http.get(path).headers["x-toxiproxy-request-id"]) == 20
    for method, path in (("GET", "/nothing"), ("PUT", "/proxies")):
        assert "x-toxiproxy-request-id" not in toxiproxy.http.request(method, path).headers


def test_browsers_are_refused(toxiproxy: Served) -> None:
    answer = toxiproxy.http.get("/proxies", headers={"User-Agent": "Mozilla/5.0"})
    assert (answer.status_code, answer.text) == (403, "User agent not allowed\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/x", "/proxies/", "/proxies/a/b", "/metrics/", "/proxies/a/toxics/b/c", "/"])
def test_unknown_paths(toxiproxy: Served, path: str) -> None:
    answer = toxiproxy.http.get(path)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


@pytest.mark.parametrize(
    ("method", "path"),
    [("HEAD", "/version"), ("PUT", "/proxies"), ("DELETE", "/proxies"), ("GET", "/reset"), ("GET", "/populate")],
)
def test_wrong_verbs(toxiproxy: Served, method: str, path: str) -> None:
    answer = toxiproxy.http.request(method, path)
    assert (answer.status_code, answer.content) == (405, b"")
    assert "allow" not in answer.headers


def test_double_slash(toxiproxy: Served) -> None:
    head = toxiproxy.raw("GET //proxies HTTP/1.1").lower()
    assert b" 301 " in head.split(b"\r\n")[0]
    assert b"location: /proxies\r\n" in head


def test_create_read_delete(toxiproxy: Served) -> None:
    body = {"NAME": "a b", "Listen": "localhost:0", "UPSTREAM": "127.0.0.1:1", "other": 1, "enabled": None}
    created = toxiproxy.http.post("/proxies", json=body)
    assert created.status_code == 201
    row = created.json()
    assert {k: row[k] for k in ("name", "upstream", "enabled", "toxics")} == {
        "name": "a b",
        "upstream": "127.0.0.1:1",
        "enabled": True,
        "toxics": [],
    }
    host, port = row["listen"].split(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    _error(toxiproxy.http.post("/proxies", json=body), 409, "proxy already exists")
    assert toxiproxy.http.get("/proxies/a%20b").json() == row == toxiproxy.http.get("/proxies").json()["a b"]
    gone = toxiproxy.http.delete("/proxies/a%20b")
    assert (gone.status_code, gone.content) == (204, b"")
    _error(toxiproxy.http.get("/proxies/a%20b"), 404, "proxy not found")
    assert toxiproxy.http.get("/proxies").json() == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "bad request body: EOF"),
        (b"{", "bad request body: "),
        (b'{"name": 5}', "bad request body: "),
        (b"[]", "bad request body: "),
        (b"{}", "missing required field: name"),
        (b'{"name": "a"}', "missing required field: upstream"),
    ],
)
def test_bad_bodies(toxiproxy: Served, body: bytes, message: str) -> None:
    _error(toxiproxy.http.post("/proxies", content=body), 400, message)


def test_trailing_bytes_are_ignored(toxiproxy: Served) -> None:
    body = b'{"name": "t", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"} trailing'
    assert toxiproxy.http.post("/proxies", content=body).status_code == 201


def test_port_in_use(toxiproxy: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        body = {"name": "u", "listen": listen, "upstream": "127.0.0.1:1"}
        answer = toxiproxy.http.post("/proxies", json=body)
        _error(answer, 500, f"listen tcp {listen}: bind: address already in use")
    assert toxiproxy.http.get("/proxies/u").status_code == 404


def test_disabled_create_keeps_the_text(toxiproxy: Served) -> None:
    link = toxiproxy.proxy("127.0.0.1:1", listen="localhost:0", enabled=False)
    assert link.listen == "localhost:0"
    assert toxiproxy.http.get(link.path).json()["enabled"] is False


def test_listen_without_a_port(toxiproxy: Served) -> None:
    link = toxiproxy.proxy("127.0.0.1:1")
    answer = toxiproxy.http.patch(link.path, json={"listen": "localhost"})
    assert answer.status_code == 500
    assert "missing port in address" in answer.json()["error"]
    assert toxiproxy.http.get(link.path).json()["listen"] == link.listen


def test_toxic_defaults(toxiproxy: Served) -> None:
    link = toxiproxy.proxy("127.0.0.1:1")
    assert toxiproxy.http.get(f"{link.path}/toxics").text == "[]"
    row = link.toxic("latency", latency=5, unknown=1)
    assert row == {
        "attributes": {"latency": 5, "jitter": 0},
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
    }
    assert list(row) == ["attributes", "name", "type", "stream", "toxicity"]
    assert link.toxic("latency", stream="UpStream")["name"] == "latency_UpStream"
    listed = [toxic["name"] for toxic in toxiproxy.http.get(link.path).json()["toxics"]]
    assert listed == ["latency_UpStream", "latency_downstream"]
    assert toxiproxy.http.get(f"{link.path}/toxics/latency_downstream").json() == row
    link.remove("latency_downstream")
    _error(toxiproxy.http.get(f"{link.path}/toxics/latency_downstream"), 404, "toxic not found")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"type": "latency", "stream": ""}, 400, "stream was invalid, can be either upstream or downstream"),
        ({"type": "nope", "stream": "x"}, 400, "stream was invalid"),
        ({"type": "nope"}, 400, "invalid toxic type"),
        ({}, 400, "invalid toxic type"),
        ({"type": "latency", "stream": "upstream", "name": "taken"}, 409, "toxic already exists"),
        ({"type": "latency", "attributes": {"latency": 1.5}}, 400, "bad request body: "),
        ({"type": "latency", "attributes": {"latency": "5"}}, 400, "bad request body: "),
        ({"type": "down"}, 400, "invalid toxic type"),
    ],
)
def test_refused_toxics(toxiproxy: Served, body: dict[str, Any], status: int, message: str) -> None:
    link = toxiproxy.proxy("127.0.0.1:1")
    link.toxic("latency", name="taken")
    _error(toxiproxy.http.post(f"{link.path}/toxics", json=body), status, message)


def test_update_of_a_toxic(toxiproxy: Served) -> None:
    link = toxiproxy.proxy("127.0.0.1:1")
    link.toxic("latency", name="t", latency=9, jitter=2)
    answer = link.patch("t", attributes={"LATENCY": 10}, toxicity=0.5)
    assert answer.json()["attributes"] == {"latency": 10, "jitter": 2}
    assert answer.json()["toxicity"] == 0.5
    posted = toxiproxy.http.post(f"{link.path}/toxics/t", json={"attributes": {"jitter": 3}})
    assert posted.json()["attributes"] == {"latency": 10, "jitter": 3}
    bad = link.patch("t", attributes={"latency": 11, "jitter": "x"})
    assert bad.status_code == 400
    latency = toxiproxy.http.get(f"{link.path}/toxics/t").json()["attributes"]["latency"]
    assert latency == (11 if toxiproxy.real else 10)  # the real one applies half of a refused change


def test_populate(toxiproxy: Served) -> None:
    link = toxiproxy.proxy("127.0.0.1:1")
    link.toxic("latency", latency=1)
    same = {"name": link.name, "listen": link.listen, "upstream": "127.0.0.1:1", "enabled": False}
    new = {"name": "new", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:2"}
    answer = toxiproxy.http.post("/populate", json=[same, new])
    assert answer.status_code == 201
    first, second = answer.json()["proxies"]
    assert first["enabled"]
    assert len(first["toxics"]) == 1
    assert second["upstream"] == "127.0.0.1:2"
    changed = toxiproxy.http.post("/populate", json=[{**same, "upstream": "127.0.0.1:3"}]).json()["proxies"][0]
    assert changed["toxics"] == []
    for empty in (b"[]", b"null"):
        assert toxiproxy.http.post("/populate", content=empty).json() == {"proxies": None}


def test_populate_refused(toxiproxy: Served) -> None:
    good = {"name": "g", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:2"}
    answer = toxiproxy.http.post("/populate", json=[good, {"name": "h"}])
    assert answer.headers["content-type"].startswith("application/json")
    expected = {"error": "missing required field: upstream at proxy 2", "status": 400, "proxies": None}
    assert answer.json() == expected
    assert toxiproxy.http.get("/proxies").json() == {}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bad = {**good, "name": "bad", "listen": f"127.0.0.1:{taken.getsockname()[1]}"}
        answer = toxiproxy.http.post("/populate", json=[good, bad])
    assert answer.status_code == answer.json()["status"] == 500
    assert [row["name"] for row in answer.json()["proxies"]] == ["g"]


def test_reset_enables_and_clears(toxiproxy: Served) -> None:
    link = toxiproxy.proxy("127.0.0.1:1", enabled=False)
    link.toxic("latency")
    answer = toxiproxy.http.post("/reset", content=b"ignored")
    assert (answer.status_code, answer.content) == (204, b"")
    row = toxiproxy.http.get(link.path).json()
    assert row["enabled"]
    assert row["toxics"] == []
