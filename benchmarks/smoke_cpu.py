"""CPU time of `pytest --ai-suite=smoke` on the reference backend, process start to exit; beside plain pytest."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks._processes import PYTEST, cpu_seconds, spread
from harness.reference.process import ReferenceProcess

MOST = 3.0
RUNS = 7


def main() -> int:
    smoke, plain = [], []
    with tempfile.TemporaryDirectory() as name, ReferenceProcess() as server:
        folder = Path(name)
        (folder / "test_one.py").write_text("def test_one():\n    assert True\n")
        for _ in range(RUNS):
            seconds, status = cpu_seconds([*PYTEST, "--ai-suite=smoke", f"--ai-endpoint={server.url}", "-q"], folder)
            if status != 0:
                print(f"the smoke suite ended with exit status {status}")
                return 1
            smoke.append(seconds)
            plain.append(cpu_seconds([*PYTEST, "-q"], folder)[0])
    print(f"smoke suite        {spread(smoke)} of CPU; at most {MOST:g} s is the figure")
    print(f"plain pytest       {spread(plain)} of CPU; ratio {statistics.median(smoke) / statistics.median(plain):.2f}")
    return int(statistics.median(smoke) > MOST)


if __name__ == "__main__":
    sys.exit(main())
