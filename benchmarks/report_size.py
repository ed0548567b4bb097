"""The cost of a large report: seconds, peak memory and size of each format, each measured in a process of its own.

`python benchmarks/report_size.py [VERDICTS [SAMPLES [SECONDS]]]`; by default 10,000 verdicts, 1,000,000 latency samples
over 3,600 seconds. Exit status 1 if the HTML page exceeds its limits: 5 s, 300 MB, 3 MB.
"""

from __future__ import annotations

import multiprocessing
import resource
import runpy
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from harness.core.registry import list_plugins, load_plugin

SAMPLES = Path(__file__).parents[1] / "tests" / "reports" / "sample_reports.py"
MAX_SECONDS, MAX_RSS, MAX_SIZE = 5.0, 300e6, 3e6


def measure_format(name: str, sizes: tuple[int, ...], answer: Connection) -> None:
    """Send (seconds, peak resident bytes of the whole process, bytes of the text) for one format."""
    report = runpy.run_path(str(SAMPLES))["huge_report"](*sizes)
    began = time.perf_counter()
    text = load_plugin("reports", name).render(report).encode()
    seconds = time.perf_counter() - began
    scale = 1 if sys.platform == "darwin" else 1024
    answer.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, len(text)))


def main() -> int:
    """Measure every format and print one line each."""
    sizes = tuple(int(text) for text in sys.argv[1:4]) or (10_000, 1_000_000, 3_600)
    spawn = multiprocessing.get_context("spawn")
    is_within = True
    print(f"verdicts, samples, seconds: {sizes}")
    print(f"{'format':<10} {'seconds':>8} {'peak MB':>8} {'size MB':>8}")
    for name in list_plugins("reports"):
        mine, theirs = spawn.Pipe()
        process = spawn.Process(target=measure_format, args=(name, sizes, theirs))
        process.start()
        theirs.close()
        seconds, rss, size = mine.recv()
        process.join(30)
        print(f"{name:<10} {seconds:8.2f} {rss / 1e6:8.1f} {size / 1e6:8.3f}")
        if name == "html":
            is_within = seconds < MAX_SECONDS and rss < MAX_RSS and size < MAX_SIZE
    print("the page is within its limits" if is_within else "the page EXCEEDS its limits (5 s, 300 MB, 3 MB)")
    return int(not is_within)


if __name__ == "__main__":
    raise SystemExit(main())
