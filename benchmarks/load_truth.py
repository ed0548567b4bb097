"""What a load says beside what happened: time to first token and gaps of our load path, against a server that knows.

The server (`truth/server.c`) writes 64 events per stream, the first after 20 ms, the others 5 ms apart, and keeps the
true times of its writes. Server and client run on a core each; where the user may ask for it (root), before all others
there, whose work then costs them CPU and no time. One row for each client and rate: events per second,
the true quantiles and those that the client states, the CPU that it cost, start-up included, and how busy others kept
the machine (above a tenth, the row tells little). The C loop (`truth/client.c`) is the floor: it decodes nothing.

    python -m benchmarks.load_truth                          ours, FastHttpUser, the C loop
    python -m benchmarks.load_truth --aiperf FOLDER          AIPerf too, from that virtual environment; it loads the
                                                             tokenizer from the network, or from --tokenizer FOLDER
    python -m benchmarks.load_truth --rates 300 600          streams per second (64 events each)

Needs gcc and two cores. Exit status 1 if an error of ours is over its limit where the machine was quiet.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[1]
EVENTS, TTFT, GAP = 64, 0.020, 0.005
SECONDS = 8.0
RATES = (300, 600, 1000, 2000)
QUIET = 0.10
"""The share of the two cores that others may take in a row that counts."""
STREAM_SECONDS = TTFT + (EVENTS - 1) * GAP

_START_UP = "import harness.load.child.open_loop, locust.contrib.fasthttp"
"""What compiles before the first row what every row uses."""

_FAST_USER = """
import json, time
from locust import FastHttpUser, constant, events, task
TTFT, GAP = [], []
BODY = {"model": "truth", "messages": [{"role": "user", "content": "hello"}], "stream": True, "max_tokens": 64}
class Fast(FastHttpUser):
    wait_time = constant(0)
    @task
    def ask(self):
        last = begin = time.perf_counter()
        samples = TTFT
        with self.client.post("/v1/chat/completions", json=BODY, stream=True, catch_response=True) as answer:
            for line in iter(lambda: answer._response.readline(b"\\n"), b""):
                if b'"content"' in line:
                    now = time.perf_counter()
                    samples.append(now - last)
                    last, samples = now, GAP
@events.quit.add_listener
def show(**_):
    cut = lambda values, q: sorted(values)[int(q * (len(values) - 1))] * 1000 if values else 0
    print("TIMES", json.dumps([cut(TTFT, .5), cut(TTFT, .99), cut(GAP, .5), cut(GAP, .99)]))
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Quantiles in milliseconds of the time to first token and of the gap; None: not stated."""

    ttft_p50: float | None
    ttft_p99: float | None
    gap_p50: float | None
    gap_p99: float | None

    def describe(self) -> str:
        """The four numbers in a row's columns."""
        values = (self.ttft_p50, self.ttft_p99, self.gap_p50, self.gap_p99)
        return "  ".join("     -" if value is None else f"{value:6.1f}" for value in values)


@dataclass(frozen=True, slots=True)
class Row:
    """One client at one rate: its name, the events that the server wrote, seconds, CPU seconds, the share of others."""

    client: str
    events: int
    seconds: float
    cpu: float
    others: float
    truth: Times
    stated: Times

    def describe(self) -> str:
        """The row of the table."""
        per_cpu = self.events / self.cpu if self.cpu else 0.0
        figures = f"{self.events / SECONDS:9,.0f}  {self.truth.describe()}  | {self.stated.describe()}"
        return f"{self.client:<14}{figures}  {per_cpu / 1000:7.1f}k  {self.others:5.0%}"

    def list_errors(self) -> list[str]:
        """What ours misstates by more than its limit, which is wider above 100,000 events/s."""
        limits = (0.3, 2.0, 1.5, 1.5) if self.events / SECONDS < 100_000 else (3.0, 3.0, 3.0, 3.0)
        names = ("TTFT p50", "TTFT p99", "gap p50", "gap p99")
        truth = (self.truth.ttft_p50, self.truth.ttft_p99, self.truth.gap_p50, self.truth.gap_p99)
        stated = (self.stated.ttft_p50, self.stated.ttft_p99, self.stated.gap_p50, self.stated.gap_p99)
        errors = []
        for name, limit, true, ours in zip(names, limits, truth, stated, strict=True):
            if true is None or ours is None or abs(ours - true) > limit:
                errors.append(f"{name} is {ours} ms, the truth {true} ms, more than {limit} ms apart")
        return errors


def build(folder: Path, name: str) -> Path:
    """Compile one of the C programs."""
    program = folder / name
    subprocess.run(["gcc", "-O2", "-o", program, HERE / "truth" / f"{name}.c"], check=True)
    return program


def run_first(core: int) -> tuple[str, ...]:
    """The command that runs another one on a core; before all others there, where this user may do that."""
    pin = ("taskset", "-c", str(core))
    is_allowed = subprocess.run(["chrt", "-r", "50", "true"], capture_output=True, check=False).returncode == 0
    return (*pin, "chrt", "-r", "50") if is_allowed else pin


def choose_environment(folder: Path) -> dict[str, str]:
    """Environment variables with which Python keeps what it compiled, as it does for users, but in this folder."""
    others = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**others, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


@contextlib.contextmanager
def serve(program: Path, *options: str) -> Iterator[str]:
    """The address of the server, on the first core."""
    process = subprocess.Popen(
        [*run_first(0), program, "--ttft", f"{TTFT * 1000:g}", "--gap", f"{GAP * 1000:g}", *options],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def read_truth(url: str) -> dict[str, Any]:
    """What the server counted."""
    with urllib.request.urlopen(f"{url}/truth", timeout=10) as answer:
        truth: dict[str, Any] = json.load(answer)
    return truth


def _read_busy() -> float:
    """CPU seconds that all processes of the machine took since it started."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _count_child_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(client: str, server: Path, command: Sequence[str | Path], url: str, folder: Path) -> tuple[Row, str]:
    """Run a client on the second core; the row without what it states, and what it printed."""
    urllib.request.urlopen(urllib.request.Request(f"{url}/reset", method="POST"), timeout=10).close()
    busy, cpu, started = _read_busy(), _count_child_cpu(), time.monotonic()
    server_cpu = _read_server_cpu(server)
    process = subprocess.run(
        [*run_first(1), *command], env=choose_environment(folder),
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - started
    cpu = _count_child_cpu() - cpu
    others = _read_busy() - busy - cpu - (_read_server_cpu(server) - server_cpu)
    truth = read_truth(url)
    times = Times(truth["ttft"]["p50"], truth["ttft"]["p99"], truth["gap"]["p50"], truth["gap"]["p99"])
    nothing = Times(None, None, None, None)
    row = Row(client, truth["events"], seconds, cpu, max(0.0, others) / (2 * seconds), times, nothing)
    return row, process.stdout + process.stderr


def _read_server_cpu(program: Path) -> float:
    """CPU seconds of the running server."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if os.readlink(stat.parent / "exe") == str(program):
                fields = stat.read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def measure_ours(server: Path, url: str, folder: Path, rate: float) -> Row:
    """Ours, open loop at this many streams per second."""
    run = folder / f"run-{rate:g}"
    (folder / "aiharness.toml").touch()
    slots = int(2 * rate * STREAM_SECONDS) + 200
    command: list[str | Path] = [
        sys.executable, "-m", "locust", "-f", ROOT / "scenarios" / "steady.py", "--headless", "--host", url,
        "-u", str(slots), "-r", str(slots), "--only-summary", "--protocol=openai_chat", "--model=truth", "--stream",
        f"--rate={rate:g}", f"--duration={SECONDS:g}", "--warm-up=0", "--arrivals=constant", f"--run-dir={run}",
    ]  # fmt: skip
    row, output = measure("ours", server, command, url, folder)
    file = run / "load" / "steady.json"
    if not file.exists():
        raise SystemExit(output)
    figures = json.loads(file.read_text())
    stated = {figure["metric"]: figure for figure in figures["peer_figures"] + figures["figures"]}
    ttft, gap = stated["sent_ttft"], stated["inter_token"]
    values = (ttft["p50"], ttft["p99"], gap["p50"], gap["p99"])
    return replace_times(row, [None if value is None else value * 1000 for value in values])


def measure_fast_user(server: Path, url: str, folder: Path, rate: float) -> Row:
    """Locust's own faster client, closed loop with as many users as streams are open at this rate."""
    file = folder / "fast.py"
    file.write_text(_FAST_USER)
    users = str(round(rate * STREAM_SECONDS))
    command: list[str | Path] = [
        sys.executable, "-m", "locust", "-f", file, "--headless", "--host", url, "-u", users, "-r", "10000",
        "--run-time", f"{SECONDS:g}s", "--only-summary",
    ]  # fmt: skip
    row, output = measure("FastHttpUser", server, command, url, folder)
    lines = [line.removeprefix("TIMES ") for line in output.splitlines() if line.startswith("TIMES ")]
    return replace_times(row, json.loads(lines[0])) if lines else row


def measure_c_loop(server: Path, url: str, folder: Path, rate: float) -> Row:
    """The C loop, closed loop."""
    port, streams = url.rpartition(":")[2], str(round(rate * STREAM_SECONDS))
    row, output = measure("C loop", server, [folder / "client", port, streams, f"{SECONDS:g}"], url, folder)
    stated = json.loads(output)
    ttft, gap = stated["ttft"], stated["gap"]
    return replace_times(row, [ttft["p50"], ttft["p99"], gap["p50"], gap["p99"]])


def measure_aiperf(server: Path, url: str, folder: Path, rate: float, environment: Path, tokenizer: str) -> Row:
    """AIPerf with one worker and one record processor, closed loop."""
    out = folder / "aiperf"
    shutil.rmtree(out, ignore_errors=True)
    command: list[str | Path] = [
        environment / "bin" / "aiperf", "profile", "--model", "truth", "--url", url, "--endpoint-type", "chat",
        "--streaming", "--tokenizer", tokenizer, "--use-server-token-count", "--concurrency",
        str(round(rate * STREAM_SECONDS)), "--benchmark-duration", f"{SECONDS:g}", "--isl", "16", "--osl", str(EVENTS),
        "--workers-max", "1", "--record-processors", "1", "--ui", "none", "--num-dataset-entries", "50",
        "--artifact-dir", out,
    ]  # fmt: skip
    row, output = measure("AIPerf", server, command, url, folder)
    files = list(out.rglob("profile_export_aiperf.json"))
    if not files:
        print(output[-2000:], file=sys.stderr)
        return row
    stated = json.loads(files[0].read_text())
    ttft, gap = stated.get("time_to_first_token", {}), stated.get("inter_chunk_latency", {})
    return replace_times(row, [ttft.get("p50"), ttft.get("p99"), gap.get("p50"), gap.get("p99")])


def replace_times(row: Row, stated: Sequence[float | None]) -> Row:
    """The row with what its client states: TTFT p50 and p99, gap p50 and p99."""
    return Row(row.client, row.events, row.seconds, row.cpu, row.others, row.truth, Times(*stated))


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.load_truth", description="The truth of the load path.")
    options.add_argument("--rates", type=float, nargs="+", default=RATES, metavar="STREAMS")
    options.add_argument("--aiperf", type=Path, metavar="FOLDER", help="a virtual environment that has AIPerf")
    options.add_argument("--tokenizer", default="builtin", metavar="FOLDER", help="the tokenizer for AIPerf")
    options.add_argument("--ours", action="store_true", help="measure ours alone")
    chosen = options.parse_args()
    if shutil.which("gcc") is None or (os.cpu_count() or 1) < 2:
        raise SystemExit("gcc and two cores are needed: apt-get install gcc")
    errors = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        server = build(folder, "server")
        build(folder, "client")
        subprocess.run([sys.executable, "-c", _START_UP], cwd=ROOT, env=choose_environment(folder), check=True)
        print("client         events/s  truth: TTFT p50, p99, gap p50, p99 | stated  events per CPU-s  others")
        with serve(server, "--events", str(EVENTS)) as url:
            for rate in chosen.rates:
                rows = [measure_ours(server, url, folder, rate)]
                if not chosen.ours:
                    rows += [measure_fast_user(server, url, folder, rate), measure_c_loop(server, url, folder, rate)]
                if chosen.aiperf:
                    rows.append(measure_aiperf(server, url, folder, rate, chosen.aiperf, chosen.tokenizer))
                for row in rows:
                    print(row.describe(), flush=True)
                if rows[0].others < QUIET:
                    errors += [f"at {rate:g} streams/s {error}" for error in rows[0].list_errors()]
    print("\n".join(errors))
    return 1 if errors else 0


if __name__ == "__main__":
    raise SystemExit(main())
