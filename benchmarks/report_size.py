"""The cost of a large report: seconds, peak memory and size of each format, each measured in a process of its own.

`clock` and `CPU` are of the rendering alone, with the import of what the format needs; where the machine does other
work, the clock says that and the CPU does not. `start` is the rest of the process: Python, and making the report.

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
    """Send (clock and CPU seconds, peak resident bytes of the whole process, bytes of the text) for one format."""
    report = runpy.run_path(str(SAMPLES))["huge_report"](*sizes)
    began, began_cpu = time.perf_counter(), time.process_time()
    text = load_plugin("reports", name).render(report).encode()
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    scale = 1 if sys.platform == "darwin" else 1024
    answer.send((seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, len(text)))


def main() -> int:
    """Measure every format and print one line each."""
    sizes = tuple(int(text) for text in sys.argv[1:4]) or (10_000, 1_000_000, 3_600)
    spawn = multiprocessing.get_context("spawn")
    is_within, clock, all_cpu = True, 0.0, 0.0
    print(f"verdicts, samples, seconds: {sizes}")
    print(f"{'format':<11} {'clock s':>8} {'CPU s':>8} {'start s':>8} {'peak MB':>8} {'size MB':>8}")
    for name in list_plugins("reports"):
        mine, theirs = spawn.Pipe()
        process = spawn.Process(target=measure_format, args=(name, sizes, theirs))
        began = time.perf_counter()
        process.start()
        theirs.close()
        seconds, cpu, rss, size = mine.recv()
        start = time.perf_counter() - began - seconds
        process.join(30)
        clock, all_cpu = clock + seconds, all_cpu + cpu
        print(f"{name:<11} {seconds:8.2f} {cpu:8.2f} {start:8.2f} {rss / 1e6:8.1f} {size / 1e6:8.3f}")
        if name == "html":
            is_within = seconds < MAX_SECONDS and rss < MAX_RSS and size < MAX_SIZE
    print(f"{'all':<11} {clock:8.2f} {all_cpu:8.2f}")
    print("the page is within its limits" if is_within else "the page EXCEEDS its limits (5 s, 300 MB, 3 MB)")
    return int(not is_within)


if __name__ == "__main__":
    raise SystemExit(main())
