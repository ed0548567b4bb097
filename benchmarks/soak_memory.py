"""By how much the memory of a load generator grows over a soak of many requests.

Feeds the exchanges of a soak to what keeps them in a real one of one process: the schedule, the recorder, the files of
slices and checkpoints. Prints the resident memory after each tenth. Exit status 1 if it grows
by 10 MB or more from the first twentieth, by which every buffer has its size, to the end.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
from pathlib import Path

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.io.rundir import RunDir
from harness.load.answer_reader import RawExchange
from harness.load.recorder import Recorder
from harness.load.soak_files import SoakFiles

_MOST = 10 * 2**20
_ASKED = Request("POST", "/predict", (), b"{}")


def main() -> int:
    """Feed the requests, and print the memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak_memory", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000, help="requests of the soak (default 10,000,000)")
    parser.add_argument("--rate", type=float, default=400.0, help="requests/s of its schedule (default 400)")
    options = parser.parse_args()
    duration = options.requests / options.rate / 0.97
    load = LoadSettings(scenario="soak", rate=options.rate, duration=duration, warm_up=10)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "load").mkdir()
        growth = _feed(load, options.requests, Path(folder))
        files = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    print(f"{growth / 1e6:.2f} MB more after {options.requests:,} requests; {files / 1e6:.1f} MB in files")
    return int(growth >= _MOST)


def _feed(load: LoadSettings, requests: int, folder: Path) -> int:
    """Feed a soak; by how many bytes the memory has grown since the first twentieth."""
    job = Job(Endpoint("http://127.0.0.1:1", "plain_json"), (_ASKED,), load, str(folder), 0.0, {"latency": (0.3,)})
    recorder, files = Recorder(job), SoakFiles(RunDir(folder), job, can_resume=True)
    recorder.begin(0.0)
    pacer, draw, counts = load.make_pacer(7), random.Random(3), recorder.counts
    second, first, before = 0, 0, _read_memory()
    for k in range(min(requests, pacer.count)):
        due = pacer.get_arrival_time(k)
        ended = due + 0.02 * draw.lognormvariate(0, 0.5)
        error = ErrorClass.STATUS if k % 1000 == 0 else None
        counts.sent += 1
        timing = Timing(due, due, ended, (), ended)
        recorder.add(Exchange(_ASKED, timing, Response(200), error=error), RawExchange(due, ended=ended, awake=ended))
        if int(due) > second:
            second = int(due)
            if recorder.flush().slices:
                files.add_slices(0, counts)
        if k and k % (requests // 20) == 0:
            gc.collect()
            before = _read_memory()
            first = first or before
            print(f"{k:>12,} requests: {before / 1e6:.2f} MB", flush=True)
    gc.collect()
    return _read_memory() - first


def _read_memory() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
