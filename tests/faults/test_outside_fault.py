"""The fault of CONTRIBUTING.md, offered by an outside package: the proxy and the configuration know it."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

import httpx
import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import ConfigError
from harness.core.registry import list_plugins
from tests.chaos.proxy.conftest import Served, end_child, exactly, serve, spawn
from tests.recipes import read_recipes


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a distribution that offers `lose_start`, and `broken`, which cannot be imported."""
    (tmp_path / "outside_faults").mkdir()
    (text,) = read_recipes()["a fault"].files.values()
    (tmp_path / "outside_faults" / "lose_start.py").write_text(text, "utf-8")
    (tmp_path / "outside_faults" / "broken.py").write_text("import a_module_that_is_missing\n", "utf-8")
    metadata = tmp_path / "outside-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n", "utf-8")
    points = "[harness.faults]\nlose_start = outside_faults.lose_start\nbroken = outside_faults.broken\n"
    (metadata / "entry_points.txt").write_text(points, "utf-8")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    return tmp_path


def answer(peer: socket.socket) -> None:
    peer.sendall(peer.recv(100))
    peer.recv(1)


def test_the_proxy_offers_it_and_a_broken_one_harms_nobody(outside: Path, capfd: pytest.CaptureFixture[str]) -> None:
    address, end = serve(answer)
    child, url = spawn()
    try:
        with httpx.Client(base_url=url, timeout=10) as http:
            assert "lose_start" in http.get("/aiharness").json()["toxics"]
            link = Served(url, False, http).proxy(address)
            assert link.toxic("lose_start", name="l", bytes=4)["attributes"] == {"bytes": 4}
            with link.connect(10) as peer:
                peer.sendall(b"carried")
                assert exactly(peer, 3) == b"ied"
            assert link.counts("l")["affected"] == 1
            link.toxic("lose_start", status=400, bytes=-1)
    finally:
        assert end_child(child) == 0
        end()
    assert "fault 'broken' of outside_faults.broken cannot be imported" in capfd.readouterr().err


CONFIG = """[endpoint]
url = "http://127.0.0.1:1"
[links.a]
api = "http://127.0.0.1:8474"
[[fault]]
link = "a"
kind = "{}"
attributes = {{ bytes = {} }}
"""


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("lose_start", 5, ""),
        ("lose_start", -5, "a.toml:8: fault[0].attributes: attribute bytes must be a whole number from 0 to"),
        ("broken", 5, "a.toml:7: fault[0].kind: fault 'broken' of outside_faults.broken cannot be imported"),
    ],
)
def test_the_configuration_knows_it(
    outside: Path, monkeypatch: pytest.MonkeyPatch, kind: str, value: int, message: str
) -> None:
    monkeypatch.syspath_prepend(outside)
    monkeypatch.chdir(outside)
    (outside / "a.toml").write_text(CONFIG.format(kind, value), "utf-8")
    try:
        assert {"lose_start", "latency"} <= set(list_plugins("faults"))
        options = Options(suites=("chaos",), config="a.toml")
        if message:
            with pytest.raises(ConfigError, match=re.escape(message)):
                resolve_settings(options, {}, [])
        else:
            (experiment,) = resolve_settings(options, {}, []).experiments
            (fault,) = experiment.faults
            assert fault.attributes == {"bytes": 5}
    finally:
        for name in [name for name in sys.modules if name.startswith("outside_faults")]:
            del sys.modules[name]
