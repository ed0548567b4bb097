"""False alarms: 50 runs of the smoke suite on the healthy reference service, and the rate that they exclude."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks._processes import PYTEST_COMMAND, measure_cpu
from harness.reference.process import ReferenceProcess

RUNS = 50


def main() -> int:
    protocols = (
        ("--ai-protocol=openai_chat", "--ai-model=tiny-chat"),
        ("--ai-protocol=v2", "--ai-model=digits"),
        ("--ai-protocol=plain_json",),
    )
    statuses = []
    with tempfile.TemporaryDirectory() as name, ReferenceProcess() as server:
        for number in range(RUNS):
            options = protocols[number % len(protocols)]
            command = [*PYTEST_COMMAND, "--ai-suite=smoke", f"--ai-endpoint={server.url}", *options, "-q"]
            statuses.append(measure_cpu(command, Path(name))[1])
    passed = statuses.count(0)
    bound = 1 - 0.05 ** (1 / RUNS)
    print(f"{passed} of {RUNS} healthy runs PASS; {RUNS} of {RUNS} would bound the false-alarm rate below {bound:.1%}")
    return int(passed != RUNS)


if __name__ == "__main__":
    sys.exit(main())
