"""Services that make it hard for a load, each of which counts what it did: the result must say the same."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.stats.histogram import Histogram
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.hard_service import CHAT, PLAIN, SPARED, HardService, Request, configure, load, make_event, serve_hard
from tests.load.loads import STEADY, environment, free_port, locust, ports, result_of

pytestmark = pytest.mark.slow


def test_closed_connections_and_a_storm_of_503_are_counted_as_they_were(tmp_path: Path) -> None:
    async def act(request: Request) -> str:
        if request.n > SPARED and request.n % 3:
            request.answer(503, {"error": "overloaded"}, "retry-after: 30\r\n", closes=request.n % 2 == 0)
            return "refused"
        return request.answer(closes=request.n % 2 == 0)

    with serve_hard(act) as service:
        result = load(tmp_path, service, "--rate=60", "--duration=1.5", *PLAIN)
    assert result["sent"] == result["completed"] == 90, "Retry-After delays no arrival of an open loop"
    assert result["errors"] == {"http_status": service.counts["refused"]}
    assert result["failed"] == service.counts["refused"] > 40
    assert 0 <= service.counts["answered"] - (90 - result["failed"]) <= SPARED, "none is sent twice"
    assert result["gone"] is None, "a service that refuses is there"


def test_streams_of_every_form_are_counted_as_they_were(tmp_path: Path) -> None:
    """Endless, cut at the terminator, one event in many reads, many events in one read, several tokens in an event."""
    events = [make_event(None), *(make_event("word ") for _ in range(4)), make_event("", "stop"), b"data: [DONE]\n\n"]

    async def act(request: Request) -> str:
        if not request.body.get("stream"):
            return request.answer()
        forms = ("endless", "cut", "in many reads", "in one read", "plain")
        did = forms[request.n % 5] if request.n > SPARED else "plain"
        if did == "endless":
            while True:
                await request.send(events[1], pause=0.05)
        elif did == "cut":
            await request.send(b"".join(events[:5]) + events[-1])
        elif did == "in one read":
            await request.send(b"".join(events))
        else:
            for event in events:
                await request.send(event, pieces=7 if did == "in many reads" else 1, pause=0.001)
        request.end_stream()
        return did

    with serve_hard(act) as service:
        result = load(tmp_path, service, "--rate=40", "--duration=1.5", *CHAT, total=1.5)
        counts = service.counts
        ends = time.monotonic() + 30
        while counts["left"] < result["errors"]["total_timeout"] and time.monotonic() < ends:
            time.sleep(0.05)  # the last endless streams notice that nobody reads
    assert result["sent"] == result["completed"] == 60
    assert sum(result["errors"].values()) == result["failed"]
    cut = {name: number for name, number in result["errors"].items() if name != "total_timeout"}
    assert list(cut) == ["incomplete"], "a stream without a finish reason is no answer, whatever ends it"
    whole = counts["in many reads"] + counts["in one read"] + counts["plain"]
    for stated, true in ((result["errors"]["total_timeout"], counts["left"]), (cut["incomplete"], counts["cut"])):
        assert 10 <= stated <= true <= stated + 2
    good = 60 - result["failed"]
    assert 0 <= whole - good <= SPARED
    ttft = Histogram.from_sparse(result["histograms"]["ttft"])
    assert (ttft.infinite_count, ttft.n) == (result["failed"], 60), (
        "what failed has no time, and is in every percentile"
    )


def test_a_thousand_slow_streams_are_in_flight_at_once(tmp_path: Path) -> None:
    """Each stream goes on when a thousand are open: a client with fewer places would never end one. What is asked
    beside the load comes one at a time: a stream that stays alone goes on."""
    everybody, company = asyncio.Event(), asyncio.Event()
    is_open: set[Request] = set()
    peak = 0

    async def act(request: Request) -> str:
        nonlocal peak
        if not request.body.get("stream"):
            return request.answer()
        is_open.add(request)
        peak = max(peak, len(is_open))
        await request.send(make_event(None))
        if len(is_open) > 1:
            company.set()
        if len(is_open) == 1000:
            everybody.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(company.wait(), 1)
            await asyncio.wait_for(everybody.wait(), 30)
        await request.send(make_event("word "))
        await request.send(make_event("word ") + make_event("", "stop") + b"data: [DONE]\n\n")
        request.end_stream()
        is_open.discard(request)
        return "answered"

    with serve_hard(act) as service:
        result = load(tmp_path, service, "--rate=1000", "--duration=1", *CHAT, "-u", "1000", total=60)
    assert result["sent"] == result["completed"] == 1000
    assert result["failed"] == 0, result["errors"]
    assert service.counts["left"] == 0
    assert peak >= 999


def test_a_freeze_has_its_exact_place_in_the_percentiles(tmp_path: Path) -> None:
    """The service knows when it answered; of the constant schedule it knows all but the zero, which is that of the
    request that was sent with the least delay. What the client says of its own delays is allowed."""
    rate, duration = 100.0, 4.0
    log: list[tuple[float, float]] = []

    async def act(request: Request) -> str:
        if len(log) == SPARED + 150:
            time.sleep(2.0)  # nothing else is done meanwhile
        log.append((request.at, time.monotonic()))
        return request.answer()

    with serve_hard(act) as service:
        result = load(tmp_path, service, f"--rate={rate:g}", f"--duration={duration:g}", *PLAIN, "-u", "400")
    sent = int(rate * duration)
    assert result["sent"] == result["completed"] == result["intended"] == sent
    assert result["failed"] == result["waited"] == 0
    came, answered = zip(*log[-sent:], strict=True)
    zero = min(at - k / rate for k, at in enumerate(sorted(came)))
    true = sorted(at - (zero + k / rate) for k, at in enumerate(sorted(answered)))[int(0.99 * sent)]
    stated = Histogram.from_sparse(result["histograms"]["latency"]).quantile(0.99)
    assert true > 1.9
    assert abs(stated - true) <= 0.03 * true + result["stall"] + result["generator"]["lag_p99"]


def test_a_service_that_is_down_at_the_start_is_an_error_and_gets_no_load(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    configure(tmp_path)
    status, output = locust(tmp_path, url, "--rate=20", "--duration=1", *PLAIN)
    assert status == 21, output
    assert "Nothing listens at this address" in output
    assert not (tmp_path / "run" / "load").exists()
    with (tmp_path / "aiharness.toml").open("a") as file:
        file.write("[load]\nrate = 20\nduration = 1\nwarm_up = 0\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={url}", suite="load")
    assert outcome.status == 21, outcome.out
    assert not (outcome.run_dir / "load" / "steady.json").exists()


def test_a_service_that_is_down_in_the_middle_and_back_is_judged_by_what_it_answered(tmp_path: Path) -> None:
    async def come_back(service: HardService) -> None:
        await asyncio.sleep(0.8)
        await service.listen(service.port)

    tasks: list[asyncio.Task[None]] = []

    async def act(request: Request) -> str:
        service = request.service
        if service.counts["answered"] == SPARED + 20 and not tasks:
            service.drop_all()
            tasks.append(asyncio.get_running_loop().create_task(come_back(service)))
            return "dropped"
        return request.answer()

    with serve_hard(act) as service:
        result = load(tmp_path, service, "--rate=50", "--duration=3", *PLAIN)
    assert result["sent"] == result["completed"] == 150
    assert result["gone"] is None, "it is back within 5 s"
    assert result["failed"] >= 10
    assert 0 <= service.counts["answered"] - (150 - result["failed"]) <= SPARED


JUMP = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(STEADY.parent)!r})
from harness.load.child import open_loop
from harness.load.child.open_loop import ArrivalUser

_real, _mark = time.time, Path("jump")
time.time = lambda: _real() + (float(_mark.read_text()) if _mark.exists() else 0)


class Steady(ArrivalUser):
    pass
"""


@pytest.mark.parametrize(("processes", "jump"), sample_cases([(1, -3600), (2, 3600)], (2, 3600)))
def test_a_jump_of_the_clock_is_in_no_time(tmp_path: Path, processes: int, jump: int) -> None:
    """An hour is put on the clock of the day while the load goes on: everything is timed by the other one."""
    (tmp_path / "steady.py").write_text(JUMP)
    configure(tmp_path)

    async def act(request: Request) -> str:
        if request.n == SPARED + 20:
            (tmp_path / "jump").write_text(str(jump))
        return request.answer()

    options = ["--headless", "-u", "40", "-r", "1000", "--run-dir", "run", "--rate=40", "--duration=4", *PLAIN]
    if processes > 1:
        options += [f"--processes={processes}", *ports()]
    with serve_hard(act) as service:
        command = [sys.executable, "-m", "locust", "-f", "steady.py", "--host", service.url, *options]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=90, check=False
        )
        result = result_of(tmp_path / "run")
    assert (tmp_path / "jump").exists()
    assert result["completed"] == result["sent"] == 160, done.stdout + done.stderr
    assert result["failed"] == 0
    assert result["skew"] == 0
    assert 0 <= service.counts["answered"] - 160 <= SPARED
    assert Histogram.from_sparse(result["histograms"]["latency"]).quantile(1.0) < 600, "no request took an hour"
