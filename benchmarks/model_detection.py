"""How well the validation suite detects seeded defects of models, and whether it passes their healthy twins.

Each defect is served under its own configuration (`detection/model_defects/`): the check that it names must FAIL in the
named words. Then healthy services meet the same configurations, with data of other seeds, which are fixed: the gate
must FAIL none of 50 and PASS at least 45. Exit status 1 otherwise. With `--records PATH` every run is kept as a line of
that file, and a later call makes only the runs that are missing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks._detection import CheckRow, RunOutcome, RunRecords, run_gate_in
from detection.model_defect import ModelDefect, load_model_defects
from harness.stats.intervals import clopper_pearson_upper

HEALTHY_RUNS, LEAST_PASSED, FIRST_HEALTHY_SEED = 50, 0.9, 1000


def main() -> int:
    options = _parse_options()
    defects = load_model_defects()
    names = list(defects) if options.defects is None else [name for name in options.defects.split(",") if name]
    records = RunRecords(Path(options.records) if options.records else None)
    missed = [name for name in names for seed in range(options.seeds) if not _try_defect(defects[name], seed, records)]
    if names:
        count = len(names) * options.seeds
        print(
            f"\n{count - len(missed)} of {count} runs with a defect named it ({len(names)} defects); missed: {missed}"
        )
    turns = [list(defects.values())[number % len(defects)] for number in range(options.healthy_runs)]
    healthy = [_try_healthy(defect, FIRST_HEALTHY_SEED + number, records) for number, defect in enumerate(turns)]
    alarms = [outcome for outcome in healthy if outcome.find_failures() or outcome.trouble]
    passed = sum(outcome.status == 0 for outcome in healthy)
    if healthy:
        upper = clopper_pearson_upper(len(alarms), len(healthy), 0.05)
        print(f"{len(alarms)} of {len(healthy)} healthy runs with a FAIL: under {upper:.1%} at 95 %; {passed} PASS")
    return int(bool(missed or alarms or passed < LEAST_PASSED * len(healthy)))


def run_trial(defect: ModelDefect, seed: int, *, is_broken: bool) -> RunOutcome:
    """One gate on the broken or the healthy service of the trial of a seed."""
    began = time.monotonic()
    with serve_trial(defect, seed, is_broken=is_broken) as (folder, url, options):
        outcome = run_gate_in(folder, url, "validation", options)
    return replace(outcome, name=defect.name, seconds=round(time.monotonic() - began, 1))


@contextmanager
def serve_trial(defect: ModelDefect, seed: int, *, is_broken: bool) -> Iterator[tuple[Path, str, list[str]]]:
    """The trial of a seed: a folder with its files, the URL of its service, and options of the run."""
    trial = defect.trial(seed)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        files = {**trial.files, **(trial.broken_files if is_broken else {}), "aiharness.toml": trial.config}
        for file, content in files.items():
            (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        url = stack.enter_context((trial.broken if is_broken else trial.healthy)())
        more = [f"--ai-baseline={stack.enter_context(trial.healthy())}"] if trial.has_baseline else []
        yield folder, url, [f"--ai-seed={seed}", *more]


def find_naming_row(defect: ModelDefect, outcome: RunOutcome) -> CheckRow | None:
    """The failure that names the defect, by the check and in the words that it says."""
    rows = [row for row in outcome.find_failures() if _shorten(row).startswith(defect.caught_by)]
    return next((row for row in rows if defect.words in row.reason), None)


def _try_defect(defect: ModelDefect, seed: int, records: RunRecords) -> bool:
    outcome = records.run_once(f"defect {defect.name} {seed}", partial(run_trial, defect, seed, is_broken=True))
    row = find_naming_row(defect, outcome)
    others = [other for other in outcome.find_failures() if other is not row]
    shown = [row] if row else outcome.rows
    print(f"{defect.name:<24} {outcome.seconds:>5.1f} s  {'named' if row else 'MISSED'}", flush=True)
    _print_rows(shown, outcome)
    if row and others:
        print(f"    also: {', '.join([_shorten(other) for other in others])}", flush=True)
    return row is not None


def _try_healthy(defect: ModelDefect, seed: int, records: RunRecords) -> RunOutcome:
    outcome = records.run_once(f"healthy {defect.name} {seed}", partial(run_trial, defect, seed, is_broken=False))
    words = "PASS" if outcome.status == 0 else f"exit status {outcome.status}"
    print(f"healthy {defect.name:<24} seed {seed} {outcome.seconds:>5.1f} s  {words}", flush=True)
    _print_rows([*outcome.find_failures(), *outcome.find_undecided()], outcome)
    return outcome


def _print_rows(rows: Sequence[CheckRow], outcome: RunOutcome) -> None:
    for row in rows:
        print(f"    {row.verdict} {_shorten(row)} ({row.level}): {row.reason[:200]}", flush=True)
    if outcome.trouble:
        print(f"    no decision, exit status {outcome.status}: {outcome.trouble}", flush=True)


def _shorten(row: CheckRow) -> str:
    return row.id.removeprefix("ai-suite/validation/")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_detection", description=__doc__)
    add = parser.add_argument
    add("--defects", metavar="A,B", help="only these; an empty text: none")
    add("--seeds", type=int, default=1, metavar="N", help="seeds of each defect (default 1)")
    add("--healthy-runs", type=int, default=HEALTHY_RUNS, metavar="N", help=f"healthy runs (default {HEALTHY_RUNS})")
    add("--records", metavar="PATH", help="keep every run in this file, and make only those that are missing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
