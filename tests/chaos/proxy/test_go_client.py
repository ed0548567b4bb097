"""Toxiproxy's official Go client: its own tests, and those of the API, against ours as against the real one.

Only where the tests start a server of their own they are changed: they get the URL of ours.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.chaos.proxy.conftest import FOLDER, Served, build_once, free_port

MODULE = "github.com/Shopify/toxiproxy/v2@v2.12.0"
START = """
func WithServer(t *testing.T, f func(string)) {
	defer func() {
		proxies, err := client.Proxies()
		if err != nil {
			t.Error("Failed to clear collection", err)
		}
		for _, proxy := range proxies {
			proxy.Delete()
		}
	}()
	f("URL")
}

func AssertProxyUp(t *testing.T, addr string, up bool) {
	conn, err := net.Dial("tcp", addr)
	if err != nil && up {
		t.Error("Expected proxy to be up:", err)
	} else if err == nil && !up {
		t.Error("Expected proxy to be down")
	}
	if err == nil {
		conn.Close()
	}
}
"""
UNUSED = ("flag", "os", "time", "github.com/prometheus/client_golang/prometheus", "github.com/rs/zerolog")
PORT = re.compile(r"localhost:(\d{4})\b|127\.0\.0\.1:(\d{4})\b")


@pytest.fixture(scope="module")
def module() -> Path:
    """The client's module as Go has downloaded it."""
    command = ["go", "mod", "download", "-json", MODULE]
    if shutil.which("go") is None and not os.environ.get("CI"):
        pytest.skip(f"needs Go, which runs: {' '.join(command)}")
    done = subprocess.run(command, check=True, timeout=300, capture_output=True, text=True, cwd="/")
    return Path(json.loads(done.stdout)["Dir"])


def write_tests(module: Path, folder: Path, url: str) -> None:
    """A module of the client and the tests, which need nothing else."""
    (folder / "client").mkdir()
    for path in (module / "client").glob("*.go"):
        (folder / "client" / path.name).write_text(path.read_text("utf-8"), "utf-8")
    text = (module / "api_test.go").read_text("utf-8").replace("http://127.0.0.1:8475", url)
    text = text.replace("http://localhost:8475", url)
    for name in UNUSED:
        text = text.replace(f'\t"{name}"\n', "", 1)
    text = text.replace('\t"github.com/Shopify/toxiproxy/v2"\n', "", 1).replace('\t"io"\n', '\t"io"\n\t"net"\n', 1)
    text = text.replace("var testServer *toxiproxy.ApiServer\n", "")
    begin, end = text.index("func WithServer"), text.index("func TestRequestId")
    text = text[:begin] + START.replace("URL", url) + text[end:]
    ports = {number: str(free_port()) for pair in PORT.findall(text) for number in pair if number}
    text = PORT.sub(lambda place: place[0][:-4] + ports[place[0][-4:]], text)
    (folder / "api_test.go").write_text(text, "utf-8")
    (folder / "go.mod").write_text("module github.com/Shopify/toxiproxy/v2\n\ngo 1.23.0\n", "utf-8")


@pytest.mark.environment
def test_its_own_tests_pass(module: Path, toxiproxy: Served, tmp_path: Path) -> None:
    write_tests(module, tmp_path, toxiproxy.url)
    # The version is its own; that it has the same form is in test_api_conformance.py.
    command = ["go", "test", "-count=1", "-v", "-skip", "TestVersionEndpointReturnsVersion", "./..."]
    done = subprocess.run(command, cwd=tmp_path, timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.findall(r"^--- PASS: (\w+)", done.stdout, re.MULTILINE)
    assert {"TestClient_Headers", "TestPopulateExistingProxy", "TestResetState", "TestInvalidStream"} <= set(passed)
    assert len(passed) >= 30
    assert "--- SKIP" not in done.stdout


SESSION = """list
create -l 127.0.0.1:0 -u 127.0.0.1:1 one
inspect one
toxic add -t latency -a latency=100 -a jitter=5 one
toxic add -t bandwidth -a rate=7 --toxicity 0.5 -u one
toxic add -t slicer -n cut -a average_size=64 -a size_variation=8 -a delay=3 one
toxic add -t slow_close -a delay=5 one
toxic add -t limit_data -a bytes=9 one
toxic add -t timeout -a timeout=4 one
toxic add -t reset_peer -a timeout=4 one
toxic add -t noop one
toxic add -t nonsense one
toxic update -n latency_downstream -a latency=50 one
inspect one
toxic remove -n cut one
toxic remove -n cut one
toggle one
list
toggle one
create -l 127.0.0.1:0 -u 127.0.0.1:1 one
delete one
delete one
inspect one
list"""


@pytest.mark.environment
def test_its_cli_says_the_same_of_both(ours: Served, real: Served) -> None:
    cli = build_once(FOLDER, "cli")
    texts = []
    for server in (ours, real):
        lines = []
        for line in SESSION.splitlines():
            command = [str(cli), "-h", server.url, *line.split()]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            lines.append(f"{line}: {done.returncode}\n{done.stdout}{done.stderr}")
        texts.append(re.sub(r"127\.0\.0\.1:\d{5}", "LISTEN", "\n".join(lines)))
    assert texts[0] == texts[1]
    assert "latency_downstream" in texts[0]
