"""`aiharness lift`, as a user types it: a broken file and a dead server keep no fault on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chaos.proxy.conftest import end_child, spawn
from tests.programs import run_module


def lift(folder: Path, *urls: str) -> subprocess.CompletedProcess[str]:
    done = run_module("harness", "lift", *urls, cwd=folder, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def own() -> Iterator[tuple[str, httpx.Client]]:
    """A fault proxy with a fault of ours on its link `a`."""
    child, url = spawn()
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as http:
        http.post("/proxies", json={"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"}).raise_for_status()
        http.post("/proxies/a/toxics", json={"name": "aiharness-x", "type": "latency"}).raise_for_status()
        yield url, http
    assert end_child(child) == 0


def is_lifted(http: httpx.Client) -> bool:
    return bool(http.get("/proxies/a/toxics").json() == [])


def write_run(folder: Path, name: str, *lines: str) -> None:
    run = folder / ".aiharness" / "runs" / name
    run.mkdir(parents=True)
    (run / "faults.jsonl").write_text("\n".join(lines), "utf-8")


def test_a_dead_server_comes_first(own: tuple[str, httpx.Client], tmp_path: Path) -> None:
    url, http = own
    done = lift(tmp_path, "http://127.0.0.1:9", "nonsense", url)
    assert done.returncode == 21
    assert is_lifted(http)
    assert "toxic 'aiharness-x' was removed from proxy 'a'" in done.stdout
    assert "http://127.0.0.1:9: no Toxiproxy or fault proxy answers" in done.stdout


def test_a_broken_configuration_and_damaged_runs_keep_nothing_on(own: tuple[str, httpx.Client], tmp_path: Path) -> None:
    url, http = own
    (tmp_path / "aiharness.toml").write_text("[links.a\n", "utf-8")
    write_run(tmp_path, "1", "garbage", "[]", '{"name": ["x"], "applied_at": {}, "api": "http://127.0.0.1:9"}')
    (tmp_path / ".aiharness" / "runs" / "2" / "faults.jsonl").mkdir(parents=True)
    write_run(tmp_path, "3", json.dumps({"name": "x", "applied_at": 1, "lifted_at": None, "api": url}), '{"na')
    done = lift(tmp_path)
    assert done.returncode == 21
    assert is_lifted(http), done.stdout
    assert "aiharness.toml" in done.stdout
    assert "faults.jsonl cannot be read" in done.stdout


def test_a_url_needs_no_configuration(own: tuple[str, httpx.Client], tmp_path: Path) -> None:
    url, http = own
    (tmp_path / "aiharness.toml").write_text("[links.a\n", "utf-8")
    assert lift(tmp_path, url).returncode == 0
    assert is_lifted(http)


def test_nothing_is_known(tmp_path: Path) -> None:
    done = lift(tmp_path)
    assert done.returncode == 4
    assert "give the URL of a Toxiproxy API" in done.stderr
