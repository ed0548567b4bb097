"""Write the report of a run in every format, and what a reader needs to know of the machine that made it.

Tested in tests/run/test_report_building.py.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import platform
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from harness.core.errors import RunDirError, UsageError
from harness.core.registry import load_plugin
from harness.core.report import Report
from harness.core.settings import Settings
from harness.io.rundir import GATE, RunDir, probe_file, read_gate, replace_file

FILES = {"html": "report.html", "junit": "junit.xml", "json": GATE}
"""The files that every run directory has at its end, by format."""

_Formats = tuple[tuple[str, str | None], ...]


def write_reports(run_dir: RunDir, report: Report, extra: _Formats = ()) -> Report:
    """Write `gate.json`, `report.html`, `junit.xml` and the extra formats; the report as it was written.

    gate.json comes first and secrets are taken out of it; every other format is drawn from its content, so that no
    format's own escaping can hide a secret. A format that cannot be written is a note in all others. Raises
    `RunDirError` when gate.json cannot be written.
    """
    report = read_gate(run_dir.write(FILES["json"], render_report("json", report, run_dir.path)))
    if problems := draw_reports(run_dir, report, extra):
        report = replace(report, notes=(*report.notes, *problems))
        draw_reports(run_dir, report, (("json", None), *extra))
    return report


def draw_reports(run_dir: RunDir, report: Report, extra: _Formats = ()) -> list[str]:
    """Write what is drawn from gate.json, each file where that is possible; why the others could not be written."""
    return _draw(run_dir, report, (("html", None), ("junit", None), *extra))


def draw_unended(run_dir: RunDir, report: Report, extra: _Formats) -> None:
    """Write what is known at the start, which is an ERROR, where `--ai-report` names a file.

    A run that is killed, or a file that cannot be replaced at the end, then leaves no earlier run's success there.
    Folders of formats that add up over runs stay as they are.
    """
    named = [(name, path) for name, path in extra if path and not hasattr(load_plugin("reports", name), "split_files")]
    _draw(run_dir, report, named)


def _draw(run_dir: RunDir, report: Report, formats: Iterable[tuple[str, str | None]]) -> list[str]:
    problems = []
    for name, path in formats:
        try:
            suffix = load_plugin("reports", name).SUFFIX
            target = Path(path) if path else run_dir.path / FILES.get(name, f"report{suffix}")
            save_report(name, target, run_dir.clean(render_report(name, report, run_dir.path)))
        except RunDirError as problem:
            problems.append(f"the report {name} is missing: {problem}")
        except Exception as problem:  # a format of somebody else's; the decision is written
            problems.append(f"the report {name} is missing: {type(problem).__name__}: {problem}")
    return problems


def save_report(name: str, target: Path, text: bytes) -> None:
    """Write a report; a format that is a folder splits its text into files. Raises `RunDirError`."""
    split = getattr(load_plugin("reports", name), "split_files", None)
    if split is None:
        replace_file(target, text)
        return
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirError(f"folder {target} cannot be written ({error.strerror})") from None
    for file, content in split(text.decode()).items():
        replace_file(target / file, content.encode())


def refuse_unwritable_reports(settings: Settings) -> None:
    """Raise `UsageError` for a file of `--ai-report` that cannot be written; the run directory is yet to be made."""
    run_dir = Path(settings.run_dir).absolute() if settings.run_dir else None
    for name, path in settings.reports:
        if path and Path(path).absolute().parent != run_dir:
            try:
                _probe_report(name, Path(path))
            except RunDirError as problem:
                raise UsageError(
                    f"--ai-report={name}:{path}: {problem}; give a file in a folder that exists and can be written"
                ) from None


def _probe_report(name: str, path: Path) -> None:
    splits = hasattr(load_plugin("reports", name), "split_files")
    probe_file(path / "report" if splits and path.is_dir() else path)


def render_report(name: str, report: Report, folder: Path, **options: Any) -> bytes:
    """The report of the run in this folder, in the format of this name.

    A renderer that takes `run_path` shows commands: they name the folder, so that they work from any other.
    """
    render = load_plugin("reports", name).render
    if "run_path" in inspect.signature(render).parameters:
        options["run_path"] = str(folder.absolute())
    text: str = render(report, **options)
    return text.encode("utf-8", "replace")


def describe_environment(settings: Settings) -> dict[str, str]:
    """Versions and sources that a reader needs to trust or repeat the run; no host names, no paths of a home."""
    environment = {
        **_read_versions(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": str(os.cpu_count() or 0),
    }
    environment |= {f"{key} from": value for key, value in settings.sources.items()}
    if os.environ.get("CI"):
        environment["ci"] = "yes"
    return environment


@cache
def _read_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("aiharness", "pytest", "httpx", "numpy")}


_users_folder: list[Path] = []


def change_folder(folder: Path) -> None:
    """Go to another folder; paths are still shown as the user, who stays, would type them."""
    _users_folder[:] = [Path.cwd()]
    os.chdir(folder)


def shorten_path(path: Path) -> str:
    """The path as the user would type it."""
    try:
        return str(path.relative_to(_users_folder[0] if _users_folder else Path.cwd()))
    except ValueError:
        return str(path)
