"""CPU seconds of whole processes, from the accounting of the operating system."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def measure_cpu(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> tuple[float, int]:
    """Run a command and return its CPU seconds (user and system, with its children) and its exit status."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(
        command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, timeout=300, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return seconds, process.returncode


def format_spread(values: Sequence[float], unit: str = "s") -> str:
    """`median (least to most)`."""
    return f"{statistics.median(values):.3f} {unit} ({min(values):.3f} to {max(values):.3f}, {len(values)} runs)"


PYTEST_COMMAND = (sys.executable, "-m", "pytest")
