"""`make bench`: run every benchmark in turn and print its figures."""

from __future__ import annotations

import pkgutil
import platform
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run each benchmark in a process of its own; exit status 1 if one misses its figure."""
    folder = Path(__file__).parent
    wanted = sys.argv[1:] or sorted(
        m.name for m in pkgutil.iter_modules([str(folder)]) if not (m.ispkg or m.name.startswith("_"))
    )
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
    missed = []
    for name in wanted:
        print(f"\n== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if subprocess.run(command, cwd=folder.parent, timeout=1800, check=False).returncode:
            missed.append(name)
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nevery figure was reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
