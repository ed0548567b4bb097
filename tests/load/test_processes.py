"""Loads of several processes, and loads that are stopped: the counts add up, and nobody is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.loads import (
    STEADY,
    children,
    command,
    configure,
    environment,
    free_port,
    later,
    locust,
    nobody,
    ports,
    result_of,
)

KEY = "sk-load-4f1c9a7be2"
PLAIN = ("--protocol=plain_json", "--warm-up=0.2")


@contextmanager
def start_process(words: list[str], folder: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended at the latest with the block; what it says goes to `output` in its folder."""
    with (folder / "output").open("w") as output:
        child = subprocess.Popen(
            words, cwd=folder, env=environment() | env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            text=True, start_new_session=True,
        )  # fmt: skip
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.05)


def under_way(folder: Path) -> bool:
    try:
        return bool(result_of(folder / "run")["completed"])
    except (OSError, ValueError):
        return False


def workers_of(marker: str) -> list[int]:
    """The forked processes among those with this text in their command line: their parent is one of them too."""
    pids = children(marker)
    return [pid for pid in pids if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) in pids]


def test_forked_workers_send_one_schedule_and_their_counts_are_merged(reference: str, tmp_path: Path) -> None:
    chat = ("--protocol=openai_chat", "--model=tiny-chat", "--stream", "--arrivals=poisson", "--warm-up=0")
    status, output = locust(tmp_path, reference, "--rate=60", "--duration=2", "--processes=2", *chat, *ports())
    result = result_of(tmp_path / "run")
    assert result["sent"] == result["completed"] == result["judged"] == 120, output
    latency = result["blocks"]["latency"]
    assert sum(latency["n"]) == 120
    # Over the p90 of the whole sample lie at most 10 % of it, and less than that only by a bucket's width.
    assert 4 <= sum(latency["over_quantiles"][-1]) <= 12
    lines = [json.loads(line) for line in (tmp_path / "run" / "series.jsonl").read_text().splitlines()]
    assert sum(line["requests"] for line in lines) == 120
    assert status == 0 or (status == 20 and (result["client_bound"] or result["late"])), output
    assert nobody(f"{STEADY} --host {reference}")


def test_workers_started_apart_read_their_own_key(tmp_path: Path) -> None:
    """The master's key never crosses the wire: a worker without its own cannot take part, one with it can."""
    with ReferenceProcess(ServiceSettings(api_key=KEY)) as server, ExitStack() as stack:
        masters = {}
        for name, own in {"keyed": {"AIHARNESS_API_KEY": KEY}, "bare": {}}.items():
            port, far = free_port(), tmp_path / f"{name}-worker"
            asked = ["--headless", "--rate=20", "--duration=1", *PLAIN, "--master", f"--master-bind-port={port}"]
            taken = ["--worker", "--master-host=127.0.0.1", f"--master-port={port}"]
            (tmp_path / name).mkdir()
            far.mkdir()
            stack.enter_context(start_process([*command(server.url, *taken)], far, **own))
            words = [*command(server.url, *asked)]
            masters[name] = stack.enter_context(start_process(words, tmp_path / name, AIHARNESS_API_KEY=KEY))
        status = {name: master.wait(40) for name, master in masters.items()}
    results = {name: result_of(tmp_path / name / "run") for name in masters}
    assert results["keyed"]["completed"] == 20
    assert results["keyed"]["errors"] == {}
    assert status["keyed"] in (0, 20)
    assert "it has none" in results["bare"]["problem"]
    assert results["bare"]["sent"] == 0
    assert status["bare"] == 21


def test_a_killed_worker_is_named_and_its_share_is_missing(reference: str, tmp_path: Path) -> None:
    """The two others go on; what the killed one had not sent is not sent by them, and nothing passes without it."""
    marker, killed = f"{STEADY} --headless --host {reference}", []

    def kill_one(_: dict[str, Any]) -> None:
        killed.append(workers_of(marker)[0])
        os.kill(killed[0], signal.SIGKILL)

    thread = later(tmp_path, kill_one)
    outcome = run_gate(configure(tmp_path, 60, 12, processes=3), f"--ai-endpoint={reference}", suite="load")
    thread.join()
    assert outcome.status == 20, outcome.out
    result = result_of(outcome.run_dir)
    lost = [worker for worker in result["workers"] if worker["is_lost"]]
    assert [f"process {killed[0]} of" in worker["name"] for worker in lost] == [True]
    assert sum(worker["planned"] for worker in result["workers"]) == result["intended"] == 720
    for worker in result["workers"]:
        assert worker["planned"] == 240
        assert worker["is_lost"] or worker["sent"] == worker["completed"] == 240
    assert result["completed"] == 480 + lost[0]["completed"] < 720
    assert sum(result["blocks"]["error_rate"]["n"]) == result["judged"] <= result["completed"]
    unsent = f"and {240 - lost[0]['sent']} count as not sent"
    for check in ("test_kept_up", "test_intact", "test_answered", "test_objective[latency-p90]"):
        row = next(row for row in outcome.gate["checks"] if row["id"].endswith(check))  # type: ignore[index]
        assert row["verdict"] == "INCONCLUSIVE", row
        assert f"(process {killed[0]} of" in row["reason"]
        assert unsent in row["reason"]
    assert nobody(marker)


def test_a_load_that_lost_every_worker_is_an_error_that_ends(reference: str, tmp_path: Path) -> None:
    marker = f"{STEADY} --headless --host {reference}"

    def kill_all(_: dict[str, Any]) -> None:
        for pid in workers_of(marker):
            os.kill(pid, signal.SIGKILL)

    thread = later(tmp_path, kill_all)
    outcome = run_gate(configure(tmp_path, 40, 300, processes=2), f"--ai-endpoint={reference}", suite="load")
    thread.join()
    assert outcome.status == 21, outcome.out
    assert "all load workers died" in outcome.check("test_generator.py::test_kept_up")["reason"]
    assert nobody(marker)


@pytest.mark.parametrize("number", sample_cases([signal.SIGINT, signal.SIGKILL], signal.SIGKILL))
def test_a_gate_stopped_under_load_leaves_nobody(reference: str, tmp_path: Path, number: signal.Signals) -> None:
    words = [sys.executable, "-m", "pytest", "--ai-suite=load", f"--ai-run-dir={tmp_path / 'run'}",
             f"--ai-endpoint={reference}", "-p", "no:cacheprovider"]  # fmt: skip
    with start_process(words, configure(tmp_path, 40, 30, processes=2)) as gate:
        until(lambda: under_way(tmp_path))
        assert len(children(f"{STEADY} --headless --host {reference}")) == 3
        gate.send_signal(number)
        status = gate.wait(20)
    assert nobody(f"{STEADY} --headless --host {reference}")
    if number is signal.SIGINT:
        assert status == 2, (tmp_path / "output").read_text()
        assert json.loads((tmp_path / "run" / "gate.json").read_text())["run"]["partial"]


@pytest.mark.catalogue
def test_a_stopped_master_takes_its_workers_along(reference: str, tmp_path: Path) -> None:
    words = command(reference, "--headless", "--rate=40", "--duration=30", "--processes=2", *PLAIN, *ports())
    with start_process([*words], tmp_path) as master:
        until(lambda: under_way(tmp_path))
        master.send_signal(signal.SIGINT)
        status = master.wait(20)
        assert nobody(f"{STEADY} --host {reference}")
    assert status == 20, (tmp_path / "output").read_text()
    assert not result_of(tmp_path / "run")["finished"]


def test_locusts_own_page_starts_our_schedule_again_and_again(reference: str, tmp_path: Path) -> None:
    port = free_port()

    def page(path: str, form: dict[str, str] | None = None) -> str:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=5) as answer:
            return str(answer.read().decode())

    def there() -> bool:
        try:
            return "locust" in page("/").lower()
        except OSError:
            return False

    def swarm(run: str, **changed: str) -> None:
        form = {
            "user_count": "20",
            "spawn_rate": "100",
            "host": reference,
            "warm_up": "0",
            "rate": "30",
            "run_dir": run,
        }
        assert json.loads(page("/swarm", form | changed))["success"]

    def count_sent() -> int:
        shown = json.loads(page("/stats/requests"))["stats"]
        return next((row["num_requests"] for row in shown if row["name"] == "plain_json /predict"), 0)

    def heard(words: str) -> bool:
        return words in (tmp_path / "output").read_text()

    words = command(reference, f"--web-port={port}", "--web-host=127.0.0.1", *PLAIN)
    with start_process([*words], tmp_path) as server:
        until(there)
        swarm("one", duration="1")
        until(lambda: heard("one/load/steady.json"))
        until(lambda: count_sent() == 30)
        assert result_of(tmp_path / "one")["finished"]
        swarm("two", duration="30")
        until(lambda: (tmp_path / "two" / "load" / "steady.json").exists())
        assert json.loads(page("/stop", {}))["success"]
        assert heard("two/load/steady.json")
        assert not result_of(tmp_path / "two")["finished"]
        swarm("three", duration="long")
        until(lambda: heard("duration is not a valid number"))
        assert there()
        server.terminate()
        server.wait(20)
