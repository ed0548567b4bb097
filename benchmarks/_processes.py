"""CPU seconds of whole processes, from the operating system's own accounting."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def cpu_seconds(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> tuple[float, int]:
    """CPU seconds (user and system, children included) and exit status of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, timeout=300, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return spent, done.returncode


def spread(values: Sequence[float], unit: str = "s") -> str:
    """`median (least to most)`."""
    return f"{statistics.median(values):.3f} {unit} ({min(values):.3f} to {max(values):.3f}, {len(values)} runs)"


PYTEST = (sys.executable, "-m", "pytest")
