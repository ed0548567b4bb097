"""Lifting: every fault of ours is tried under any name, and what remains is named with the call that ends it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from harness.chaos import injector
from harness.chaos.injector import Injector, lift_faults
from harness.chaos.lifting import lift_ours
from harness.chaos.toxiproxy_api import ToxiproxyApi, quote_name
from harness.core.errors import UsageError
from harness.core.experiment import Link
from tests.chaos.chaosparts import Toxiproxy, fault
from tests.chaos.proxy.conftest import end_child, spawn

NAMES = ["plain", "a?b", "a#b", "team/a", "..", ".", "...", "a b", "100%", "%2F", "new\nline", "\x00\x1b[31m", "é"]
HTTP = httpx.Client(trust_env=False, timeout=20)
LISTEN = "127.0.0.2:0" if sys.platform == "linux" else "127.0.0.1:0"
"""An address of our own: a link that is down gives up its port, which another process may take meanwhile."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    child, url = spawn()
    yield url
    HTTP.close()
    assert end_child(child) == 0


@pytest.fixture
def own(server: str) -> Iterator[str]:
    """A fault proxy, without any proxy in it afterwards."""
    yield server
    for name in HTTP.get(f"{server}/proxies").json():
        HTTP.delete(f"{server}/proxies/{quote_name(name)}").raise_for_status()


def create(url: str, name: str, *toxics: str, enabled: bool = True) -> None:
    body = {"name": name, "listen": LISTEN, "upstream": "127.0.0.1:9"}
    HTTP.post(f"{url}/proxies", json=body).raise_for_status()
    for toxic in toxics:
        row = {"name": toxic, "type": "latency"}
        HTTP.post(f"{url}/proxies/{quote_name(name)}/toxics", json=row).raise_for_status()
    if not enabled:
        HTTP.post(f"{url}/proxies/{quote_name(name)}", json={"enabled": False}).raise_for_status()


def test_any_name_is_lifted(own: str) -> None:
    for name in NAMES:
        create(own, name, "aiharness-down-x", f"aiharness-{name}", "theirs", enabled=False)
    lines = lift_faults([own])
    assert len(lines) == 3 * len(NAMES)
    assert not any(character in line for line in lines for character in "\n\x1b")
    rows = HTTP.get(f"{own}/proxies").json()
    assert set(rows) == set(NAMES)
    for row in rows.values():
        assert (row["enabled"], [toxic["name"] for toxic in row["toxics"]]) == (True, ["theirs"])


@pytest.mark.parametrize("name", NAMES)
def test_a_link_of_any_name_is_disturbed_and_lifted(own: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injector, "LEASE", 60_000)
    link = Link("l", own, name, LISTEN, "127.0.0.1:9")
    with Injector(link) as own_injector:
        own_injector.settle()
        for kind in ("latency", "down"):
            with own_injector.apply(fault(kind, link="l")) as active:
                active.renew()
                assert HTTP.get(f"{own}/proxies").json()[name]["toxics"]
    row = HTTP.get(f"{own}/proxies").json()[name]
    assert (row["enabled"], row["toxics"]) == (True, [])


class Stubborn(BaseHTTPRequestHandler):
    """Forwards to the API at `behind`, except what concerns the proxies whose names begin with `bad`."""

    behind = ""

    def answer(self) -> None:
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(size)
        if "/bad" in self.path:
            status, text = 500, b'{"error": "no", "status": 500}'
        else:
            passed = HTTP.request(self.command, self.behind + self.path, content=body)
            status, text = passed.status_code, passed.content
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = do_PATCH = answer

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def stubborn(own: str) -> Iterator[str]:
    Stubborn.behind = own
    server = HTTPServer(("127.0.0.1", 0), Stubborn)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_first_failure_ends_nothing(own: str, stubborn: str) -> None:
    create(own, "bad one", "aiharness-down-x", "aiharness-a", enabled=False)
    create(own, "good", "aiharness-a")
    create(own, "bad?two", "aiharness-b")
    create(own, "zeal", "aiharness-down-z", enabled=False)
    with pytest.raises(UsageError) as problem:
        lift_faults(
            ["http://127.0.0.1:9", stubborn, "http://127.0.0.1:99999", "http://192.0.2.1:1", own + "/x", "http://[::1"]
        )
    text = str(problem.value)
    rows = HTTP.get(f"{own}/proxies").json()
    assert not rows["good"]["toxics"]
    assert (rows["zeal"]["enabled"], rows["zeal"]["toxics"]) == (True, [])
    for part in ("toxic 'aiharness-a' was removed from proxy 'good'", "proxy 'zeal' was enabled again"):
        assert part in text
    left = [line for line in text.splitlines() if " is still " in line]
    assert [re.search(r"(proxy|toxic) '.*? is still", line)[0] for line in left] == [  # type: ignore[index]
        "proxy 'bad one' is still",
        "toxic 'aiharness-a' is still",
        "toxic 'aiharness-b' is still",
    ]
    for url in ("127.0.0.1:9: no Toxiproxy", "127.0.0.1:99999", "192.0.2.1", "is not a URL"):
        assert url in text
    for line in left:
        command = shlex.split(line.partition("this ends it: ")[2])
        command[-1] = command[-1].replace(stubborn, own)
        subprocess.run([*command, "--silent", "--fail", "--max-time", "10"], check=True, stdout=subprocess.DEVNULL)
    rows = HTTP.get(f"{own}/proxies").json()
    assert rows["bad one"]["enabled"]
    assert [toxic["name"] for toxic in rows["bad one"]["toxics"]] == ["aiharness-down-x"]
    assert lift_faults([own]) == [f"{own}: toxic 'aiharness-down-x' was removed from proxy 'bad one'"]


def test_a_name_to_which_a_plain_toxiproxy_has_no_path(reference: str) -> None:
    real = Toxiproxy(reference.removeprefix("http://"))
    try:
        for name in ("a?b", "a#b", "team/a", ".."):
            real.add(name, "127.0.0.1:9")
        with closing(ToxiproxyApi(real.link())) as api:
            for name in ("a?b", "a#b"):
                row = {"name": "aiharness-a", "type": "noop"}
                api.call("POST", f"/proxies/{quote_name(name)}/toxics", json=row)
            rows = api.call("GET", "/proxies").json()
            for name in ("team/a", ".."):
                rows[name]["toxics"] = [{"name": "aiharness-a"}]  # nobody can put one there but a file of its own
            api.call = lambda *call, known=api.call, **more: (  # type: ignore[method-assign]
                httpx.Response(200, json=rows) if call == ("GET", "/proxies") else known(*call, **more)
            )
            done, left = lift_ours(api, None)
        assert done == [f"toxic 'aiharness-a' was removed from proxy {name!r}" for name in ("a#b", "a?b")]
        assert len(left) == 2
        for line in left:
            assert f"curl --path-as-is -X POST {real.api}/reset" in line
    finally:
        real.close()
