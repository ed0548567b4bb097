"""What the installed plugin costs a plain `pytest` that does not use it: with it against `-p no:aiharness`."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks._processes import PYTEST_COMMAND, format_spread, measure_cpu

MOST = 0.030
RUNS = 15


def main() -> int:
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    extra = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_one.py").write_text("def test_one():\n    assert True\n")
        for _ in range(RUNS):  # in pairs, so that a change of the machine's speed affects both
            without, _ = measure_cpu([*PYTEST_COMMAND, "-q"], folder, env)
            with_it, _ = measure_cpu([*PYTEST_COMMAND, "-q", "-p", "harness.plugin"], folder, env)
            extra.append(with_it - without)
    print(f"plugin installed, not used: {format_spread(extra)} of CPU more; at most {MOST:g} s is the figure")
    return int(statistics.median(extra) > MOST)


if __name__ == "__main__":
    sys.exit(main())
