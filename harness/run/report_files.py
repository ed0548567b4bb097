"""Write the report of a run in every format, and what a reader needs to know of the machine that made it.

Tested in tests/run/test_report_building.py.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from harness.core.registry import load_plugin
from harness.core.report import Report
from harness.core.settings import Settings
from harness.io.rundir import GATE, RunDir, read_gate, replace_file

FILES = {"html": "report.html", "junit": "junit.xml", "json": GATE}
"""The files that every run directory has at its end, by format."""


def write_reports(run_dir: RunDir, report: Report, extra: tuple[tuple[str, str | None], ...] = ()) -> None:
    """Write `gate.json`, `report.html`, `junit.xml` and the extra formats.

    gate.json comes first and secrets are taken out of it; every other format is drawn from its content, so that no
    format's own escaping can hide a secret. Raises `RunDirError` for a path that cannot be written, after the others
    have been.
    """
    written = run_dir.write(FILES["json"], _render("json", report))
    report = read_gate(written)
    for name in ("html", "junit"):
        run_dir.write(FILES[name], _render(name, report))
    for name, path in extra:
        suffix = load_plugin("reports", name).SUFFIX
        target = Path(path) if path else run_dir.path / FILES.get(name, f"report{suffix}")
        replace_file(target, run_dir.clean(_render(name, report)))


def _render(name: str, report: Report) -> bytes:
    text: str = load_plugin("reports", name).render(report)
    return text.encode("utf-8", "replace")


def describe_environment(settings: Settings) -> dict[str, str]:
    """Versions and sources that a reader needs to trust or repeat the run; no host names, no paths of a home."""
    environment = {name: importlib.metadata.version(name) for name in ("aiharness", "pytest", "httpx", "numpy")}
    environment |= {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": str(os.cpu_count() or 0),
    }
    environment |= {f"{key} from": value for key, value in settings.sources.items()}
    if os.environ.get("CI"):
        environment["ci"] = "yes"
    return environment


def shorten_path(path: Path) -> str:
    """The path as the user would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
