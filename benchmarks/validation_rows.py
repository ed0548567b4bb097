"""What a validation run of many rows takes: memory, seconds and CPU, against a fast service on loopback.

    python -m benchmarks.validation_rows [ROWS] [--peer PYTHON]

A gate of its own process reads ROWS rows (100,000 by default) of 64 numbers from Parquet, asks each once in batches of
32, and judges six figures of the answers. The peak of its memory is the kernel's. `--peer` names the Python of an
environment with evidently, requests and pyarrow: it then asks the same service for the same rows, as
`benchmarks/validation_peer.py` does, and the ratios are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

FEATURES = 64
METRICS = {
    "balanced_accuracy": ">= 0.8",
    "macro_f1": ">= 0.8",
    "roc_auc": ">= 0.8",
    "log_loss": "<= 0.5",
    "brier": "<= 0.2",
    "ece": "<= 20%",
}
CONFIG = """
[endpoint]
url = "http://127.0.0.1:{port}"
protocol = "plain_json"
sample = {sample}
[run]
profile = "all"
[profile.all]
items = {rows}
[data]
file = "rows.parquet"
[[objective]]
suite = "validation"
metric = "accuracy"
limit = ">= 80%"
"""


class _Handler(BaseHTTPRequestHandler):
    """Answers a row by its first number: over 0.5 is the second class, with a probability of 0.9."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Knows no page."""
        self._reply(404, b"{}")

    def do_POST(self) -> None:
        """Two probabilities for each row."""
        body = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
        chances = [[0.1, 0.9] if row[0] > 0.5 else [0.9, 0.1] for row in body["instances"]]
        self._reply(200, msgspec.json.encode({"probabilities": chances}))

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def serve(ports: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    ports.put(server.server_address[1])
    server.serve_forever()


def write_rows(path: Path, rows: int) -> None:
    """Rows whose label is the first number over 0.5, except for one in ten."""
    import pyarrow as pa
    from pyarrow import parquet

    generator, writer = np.random.default_rng(1), None
    for start in range(0, rows, 50_000):
        numbers = generator.random((min(50_000, rows - start), FEATURES))
        labels = (numbers[:, 0] > 0.5) ^ (generator.random(len(numbers)) < 0.1)
        columns = {f"f{index}": numbers[:, index] for index in range(FEATURES)}
        table = pa.table({**columns, "label": labels.astype(int)})
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=5000)
    assert writer is not None
    writer.close()


GATE = (sys.executable, "-m", "pytest", "-q", "--ai-suite=validation", "--ai-run-dir=run", "--ai-allow-partial")
PEER = Path(__file__).with_name("validation_peer.py")


def run_measured(command: Sequence[str], folder: Path) -> tuple[float, Any, str]:
    """Seconds, what the kernel says the process used, and its output."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        out.seek(0)
        return time.monotonic() - began, usage, out.read()


def describe_usage(rows: int, seconds: float, usage: Any) -> tuple[str, float, float]:
    """A line of what a process used; its CPU a row (us) and its peak (MiB)."""
    cpu = (usage.ru_utime + usage.ru_stime) / rows * 1e6
    peak = usage.ru_maxrss / 1024
    return (
        f"{rows:,} rows of {FEATURES} numbers: {seconds:.0f} s, peak {peak:.0f} MiB, {cpu:.1f} us CPU a row",
        cpu,
        peak,
    )


def main(rows: int, peer: str | None) -> None:
    context = get_context("spawn")
    ports = context.Queue()
    server = context.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = context.Process(target=write_rows, args=(folder / "rows.parquet", rows))
        writer.start()
        writer.join()
        port = ports.get()
        config = CONFIG.format(port=port, rows=rows, sample=json.dumps([[0.5] * FEATURES]))
        for metric, limit in METRICS.items():
            config += f'[[objective]]\nsuite = "validation"\nmetric = "{metric}"\nlimit = "{limit}"\n'
        (folder / "aiharness.toml").write_text(config)
        seconds, usage, _ = run_measured([*GATE, "-k", "quality or accuracy"], folder)
        lines = [json.loads(line) for line in (folder / "run/evidence.jsonl").read_text().splitlines()]
        others = None
        if peer:
            others = run_measured([peer, str(PEER), "rows.parquet", f"http://127.0.0.1:{port}"], folder)
    server.terminate()
    figures = [line for line in lines if "test_quality" in line["check"]]
    statistics = sum(line["seconds"] for line in figures)
    verdicts = {line["check"].rpartition("[")[2].rstrip("]"): line["verdict"]["status"] for line in lines}
    line, cpu, peak = describe_usage(rows, seconds, usage)
    print(line)
    print(f"statistics of {len(figures)} figures: {statistics:.1f} s; {verdicts}", flush=True)
    if others:
        line, other_cpu, other_peak = describe_usage(rows, *others[:2])
        other = json.loads(others[2].splitlines()[-1])
        print(f"requests and Evidently: {line}; report {other['statistics']:.1f} s")
        print(f"their CPU a row is {other_cpu / cpu:.1f} times ours, their peak {other_peak / peak:.1f} times")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation_rows", description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with evidently, requests and pyarrow")
    return parser.parse_args()


if __name__ == "__main__":
    _options = _parse_options()
    main(_options.rows, _options.peer)
