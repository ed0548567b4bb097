"""Write down how a run was started, so that one of its checks can be judged again from any folder.

Tested in tests/commands/test_rerun.py.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from harness.config.options import Options
from harness.core.errors import RunDirError
from harness.core.settings import Settings
from harness.core.url_parsing import parse_url
from harness.io.run_search import LAST_PASS, PINNED_RUN, find_run
from harness.io.rundir import CONFIG_COPY, EXPERIMENTS_COPY, RERUN, RerunRecord, RunDir

_KEPT = ("protocol", "model", "profile", "max_requests", "max_tokens", "max_time", "baseline", "extra_config")
"""Options of the command line that a check is judged by."""


def write_record(run_dir: RunDir, settings: Settings, options: Options, root: Path) -> None:
    """Write `rerun.json` and the copy of the configuration, without secrets. Raises `RunDirError`."""
    chosen: dict[str, bool | str | int | float] = {"seed": settings.seed}
    for name in _KEPT:
        if (value := getattr(options, name)) is not None:
            chosen[name] = value
    if options.baseline and "://" not in options.baseline:
        chosen["baseline"] = str(_locate_baseline(options.baseline))
    if options.accept_first:
        chosen["accept_first"] = True
    given = settings.sources["configuration"]
    endpoint, inline = None, None
    if settings.sources["endpoint"] not in (given, options.experiments):
        endpoint, inline = parse_url(options.endpoint or os.environ.get("AIHARNESS_ENDPOINT", ""))
    record = RerunRecord(
        folder=os.path.relpath(Path.cwd(), run_dir.path),
        root=os.path.relpath(root, run_dir.path),
        config=None if given == "none" else _copy_file(run_dir, CONFIG_COPY, Path(given)),
        experiments=_copy_file(run_dir, EXPERIMENTS_COPY, Path(options.experiments)) if options.experiments else None,
        endpoint=endpoint,
        had_credentials=inline is not None,
        suites=settings.suites,
        options=chosen,
    )
    run_dir.write(RERUN, msgspec.json.format(msgspec.json.encode(record), indent=1))


def _copy_file(run_dir: RunDir, folder: str, file: Path) -> str:
    """Copy the file into a folder of the run directory; the path of the original, relative to that directory."""
    (run_dir.path / folder).mkdir(exist_ok=True)
    run_dir.write(f"{folder}/{file.name}", file.read_bytes())
    return os.path.relpath(file.absolute(), run_dir.path)


def _locate_baseline(name: str) -> Path:
    """The path of a saved run, also of the pinned one and of the last that passed."""
    if name in (PINNED_RUN, LAST_PASS):
        with suppress(RunDirError):
            return find_run(name)
    return Path(name).absolute()
