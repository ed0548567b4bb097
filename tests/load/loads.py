"""What the tests of whole loads share: a configuration, stock locust as a user calls it, and looks at what runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

STEADY = Path(__file__).parents[2] / "scenarios" / "steady.py"
CONFIG = """
[endpoint]
protocol = "plain_json"
[load]
rate = {rate}
processes = {processes}
duration = {duration}
warm_up = 0.5
[[objective]]
suite = "load"
metric = "latency p90"
limit = "<= 2s"
[[objective]]
suite = "load"
metric = "error_rate"
limit = "<= 20%"
"""


def configure(folder: Path, rate: float = 40, duration: float = 2, processes: int = 1) -> Path:
    """Write an aiharness.toml into a folder and return the folder."""
    (folder / "aiharness.toml").write_text(CONFIG.format(rate=rate, duration=duration, processes=processes))
    return folder


def result_of(run: Path) -> dict[str, Any]:
    """The load's result in a run directory."""
    result: dict[str, Any] = json.loads((run / "load" / "steady.json").read_text())
    return result


def later(folder: Path, act: Callable[[dict[str, Any]], None]) -> threading.Thread:
    """Act once, as soon as the load in this run has ended some requests."""

    def wait() -> None:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            try:
                result = result_of(folder / "run")
            except (OSError, ValueError):
                result = {}
            if result.get("completed"):
                act(result)
                return
            time.sleep(0.05)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def children(marker: str) -> list[int]:
    """Processes whose command line holds this text."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker in entry.read_bytes().replace(b"\0", b" ").decode():
                pids.append(int(entry.parent.name))
        except OSError:
            continue
    return [pid for pid in pids if pid != os.getpid()]


def command(url: str, *options: str) -> Sequence[str]:
    """Stock locust as a user calls it; later options win over those given here."""
    return [sys.executable, "-m", "locust", "-f", str(STEADY), "--host", url, "--run-dir", "run", "-u", "60",
            "-r", "1000", *options]  # fmt: skip


def environment() -> dict[str, str]:
    """The environment without what would set locust or us."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AIHARNESS_", "LOCUST_", "COV_", "PYTEST_"))}


def locust(folder: Path, url: str, *options: str, timeout: float = 120) -> tuple[int, str]:
    """The exit status of `locust --headless`, and all it said."""
    done = subprocess.run(
        command(url, "--headless", *options),
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def nobody(marker: str, seconds: float = 20.0) -> bool:
    """Whether every process with this text in its command line ends within a time."""
    ends = time.monotonic() + seconds
    while children(marker) and time.monotonic() < ends:
        time.sleep(0.05)
    return not children(marker)


def free_port() -> str:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def ports() -> tuple[str, str]:
    """Options that give a master and its workers a port of their own."""
    port = free_port()
    return f"--master-bind-port={port}", f"--master-port={port}"
