"""The example of CONTRIBUTING's "Add a fault", offered by an outside package: every part of the harness knows it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import ConfigError
from harness.core.registry import list_plugins
from tests.chaos.proxy.conftest import Served, ended, exactly, serve, spawn

ROOT = Path(__file__).parents[2]


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a distribution that offers `stall`, and `broken`, which cannot be imported."""
    recipe = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Add a fault")[2]
    block = re.search(r"\n((?:    .*\n|\n)+)", recipe[recipe.index("stall.py") :])
    assert block is not None
    (tmp_path / "outside_faults").mkdir()
    lines = [line.removeprefix("    ") for line in block[1].strip("\n").splitlines()]
    (tmp_path / "outside_faults" / "stall.py").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "outside_faults" / "broken.py").write_text("import a_module_that_is_missing\n", "utf-8")
    metadata = tmp_path / "outside-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n", "utf-8")
    points = "[harness.faults]\nstall = outside_faults.stall\nbroken = outside_faults.broken\n"
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
            assert "stall" in http.get("/aiharness").json()["toxics"]
            link = Served(url, False, http).proxy(address)
            assert link.toxic("stall", name="s", bytes=4)["attributes"] == {"bytes": 4}
            with link.connect(0.5) as peer:
                peer.sendall(b"carried")
                assert exactly(peer, 4) == b"carr"
                with pytest.raises(TimeoutError):
                    peer.recv(1)
            assert link.counts("s")["affected"] == 1
            link.toxic("stall", status=400, bytes=-1)
    finally:
        assert ended(child) == 0
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
        ("stall", 5, ""),
        ("stall", -5, "a.toml:8: fault[0].attributes: attribute bytes must be a whole number from 0 to"),
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
        assert {"stall", "latency"} <= set(list_plugins("faults"))
        options = Options(suites=("chaos",), config="a.toml")
        if message:
            with pytest.raises(ConfigError, match=re.escape(message)):
                resolve_settings(options, {}, [])
        else:
            (fault,) = resolve_settings(options, {}, []).faults
            assert fault.attributes == {"bytes": 5}
    finally:
        for name in [name for name in sys.modules if name.startswith("outside_faults")]:
            del sys.modules[name]


@pytest.mark.slow
def test_it_conforms(outside: Path) -> None:
    (outside / "outside_faults" / "broken.py").write_text("", "utf-8")
    (outside / "outside-1.0.dist-info" / "entry_points.txt").write_text(
        "[harness.faults]\nstall = outside_faults.stall\n", "utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "stall"]
    command.append("tests/faults/test_fault_conformance.py")
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 0, process.stdout
    assert re.search(r"\b1\d passed", process.stdout)
