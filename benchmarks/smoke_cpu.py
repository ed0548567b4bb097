"""CPU time of `pytest --ai-suite=smoke` on the reference service, from start to exit, beside plain pytest."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks._processes import PYTEST_COMMAND, format_spread, measure_cpu
from harness.reference.process import ReferenceProcess

MOST = 3.0
RUNS = 7


def main() -> int:
    smoke, plain = [], []
    with tempfile.TemporaryDirectory() as name, ReferenceProcess() as server:
        folder = Path(name)
        (folder / "test_one.py").write_text("def test_one():\n    assert True\n")
        for _ in range(RUNS):
            seconds, status = measure_cpu(
                [*PYTEST_COMMAND, "--ai-suite=smoke", f"--ai-endpoint={server.url}", "-q"], folder
            )
            if status != 0:
                print(f"the smoke suite ended with exit status {status}")
                return 1
            smoke.append(seconds)
            plain.append(measure_cpu([*PYTEST_COMMAND, "-q"], folder)[0])
    print(f"smoke suite        {format_spread(smoke)} of CPU; at most {MOST:g} s is the figure")
    ratio = statistics.median(smoke) / statistics.median(plain)
    print(f"plain pytest       {format_spread(plain)} of CPU; ratio {ratio:.2f}")
    return int(statistics.median(smoke) > MOST)


if __name__ == "__main__":
    sys.exit(main())
