"""The three paths of README.md, copied as they stand and run against the reference service; only the ports differ."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()


def list_blocks(title: str) -> list[str]:
    """The indented blocks of a path, each without its indent: what to write and run, then what comes out."""
    text = README[README.index(f"### {title}") :].partition("\n### ")[0].partition("\n## ")[0]
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    return ["\n".join(line[4:] for line in block.strip("\n").splitlines()) for block in blocks]


def replace_ports(text: str, reference: str) -> str:
    """The text with the reference's URL for that of the service, and free ports for those of the proxy."""
    text = text.replace("http://127.0.0.1:8000", reference).replace("127.0.0.1:8000", reference.removeprefix("http://"))
    with socket.socket() as one, socket.socket() as two:
        for port, listener in (("8474", one), ("8475", two)):
            listener.bind(("127.0.0.1", 0))
            text = text.replace(port, str(listener.getsockname()[1]))
    return text


def run_lines(lines: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "-e", "-c", lines]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=300, check=False
    )


def read_shape(picture: str) -> list[str]:
    """The words with which the lines of a picture begin, which every run prints."""
    return [words[0] for line in picture.splitlines() if (words := re.findall(r"[a-z]{4,}", line))]


@pytest.mark.slow
def test_the_gate_path(tmp_path: Path, reference: str) -> None:
    commands, picture = list_blocks("Gate")
    outcome = run_lines(replace_ports(commands, reference), tmp_path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert (tmp_path / "aiharness.toml").exists()
    assert set(read_shape(picture)) >= {"judged", "target", "plan", "smoke", "report"}
    assert all(word in outcome.stdout for word in read_shape(picture))


@pytest.mark.slow
def test_the_load_path(tmp_path: Path, reference: str) -> None:
    commands, picture = list_blocks("Load")
    outcome = run_lines(replace_ports(commands, reference), tmp_path)
    assert outcome.returncode in (0, 20), outcome.stdout + outcome.stderr  # 20: the machine was busy
    assert list(tmp_path.glob(".aiharness/runs/*/load/steady.json"))
    assert set(read_shape(picture)) >= {"load", "steady", "latency", "service", "send"}
    assert all(word in outcome.stdout + outcome.stderr for word in read_shape(picture))


@pytest.mark.slow
def test_the_game_day_path(tmp_path: Path, reference: str) -> None:
    blocks = list_blocks("Game day")
    config, commands, picture = replace_ports("\n@@\n".join(blocks), reference).split("\n@@\n")
    (tmp_path / "aiharness.toml").write_text(config)
    start, run = commands.splitlines()
    port = int(start.split()[-1])
    arguments = [sys.executable, "-m", "harness", *start.split()[1:]]
    proxy = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, proxy)
        outcome = run_lines(run, tmp_path)
    finally:
        proxy.send_signal(signal.SIGINT)
        proxy.wait(30)
    assert outcome.returncode in (0, 20), outcome.stdout + outcome.stderr  # 20: the machine was busy
    (steps,) = tmp_path.glob(".aiharness/runs/*/faults.jsonl")
    assert "slow front" in steps.read_text()
    assert set(read_shape(picture)) >= {"chaos", "fault"}
    assert all(word in outcome.stdout for word in read_shape(picture))


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until something listens; fails when the process ends before."""
    while process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the proxy ended before it listened")
