"""How well the load suite detects seeded load defects, and that it raises no alarm on 20 healthy loads.

Each defect that names a load runs under it, on the reference service; healthy services run under loads of the same
kinds. Caught means: the named check ends with the named status, and says the named words. Exit status 1 if a defect is
missed or a healthy load is judged FAIL, or INCONCLUSIVE for a reason that is not the load generator's. With
`--records PATH` every run is kept as a line of that file, and a later call makes only the runs that are missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks._detection import CheckRow, RunOutcome, RunRecords, run_load_trial
from detection.catalogue import load_switch, switch_names
from detection.switch import CHAT, PLAIN, V2, Defect, LoadTrial
from harness.core.load import DID_NOT_KEEP_UP
from harness.stats.intervals import clopper_pearson_upper

_COUNTING = {"workload": "template", "template": "{{nonce}} Count.", "output_tokens": {"mean": 40}}
_TIMES = (("latency p75", "<= 5s"), ("error_rate", "<= 20%"))
_STREAMED = (*_TIMES, ("ttft p75", "<= 5s"), ("inter_token p75", "<= 5s"), ("tpot p75", "<= 5s"))
_SHORT = {"duration": 9, "warm_up": 1}
HEALTHY: Sequence[tuple[str, str, LoadTrial]] = (
    ("steady rows", PLAIN, LoadTrial(settings={"rate": 30, **_SHORT}, objectives=_TIMES, words="")),
    ("steady tensors", V2, LoadTrial(settings={"rate": 30, **_SHORT}, objectives=_TIMES, words="")),
    ("prompts", CHAT, LoadTrial(settings={"rate": 20, **_SHORT}, objectives=_TIMES, words="")),
    ("streams", CHAT, LoadTrial(settings={"rate": 15, **_SHORT, **_COUNTING}, objectives=_STREAMED, words="")),
    (
        "steps",
        PLAIN,
        LoadTrial(settings={"shape": "steps", "steps": [10, 30, 60], **_SHORT}, objectives=_TIMES, words=""),
    ),
)
"""Loads of a healthy service: their names, protocols and keys."""


def main() -> int:
    options = _parse_options()
    records = RunRecords(Path(options.records) if options.records else None)
    names = [name for name in switch_names(Defect) if load_switch(Defect, name).load]
    if options.defects is not None:
        names = [name for name in options.defects.split(",") if name]
    missed = [name for name in names if not _try_defect(name, records)]
    alarms = [number for number in range(options.healthy_runs) if _try_healthy(number, records)]
    if names:
        print(
            f"\n{len(names) - len(missed)} of {len(names)} load defects named by their check; missed: {missed or '-'}"
        )
    if options.healthy_runs:
        upper = clopper_pearson_upper(len(alarms), options.healthy_runs, 0.05)
        print(f"{len(alarms)} alarms in {options.healthy_runs} healthy loads: under {upper:.1%} of such loads, at 95 %")
    return int(bool(missed or alarms))


def is_caught(defect: Defect, outcome: RunOutcome) -> bool:
    """Whether the check that the defect names judged it as named, in the named words."""
    trial = defect.load
    assert trial is not None
    rows = [row for row in outcome.rows if row.id.startswith(defect.caught_by)]
    return any(row.verdict == trial.status and trial.words in row.reason for row in rows)


def find_alarms(outcome: RunOutcome) -> list[CheckRow]:
    """What was judged wrong about a healthy service: what failed, and blockers that are left open, unless a busy
    machine left them so, which makes the load generator late, or the requests depend on one another.
    """
    left_open = [row for row in outcome.rows if row.level == "blocker" and not _is_about_machine(row)]
    return [row for row in outcome.rows if row.verdict == "FAIL" or row in left_open]


def _is_about_machine(row: CheckRow) -> bool:
    words = (DID_NOT_KEEP_UP, "independent episodes were seen")
    return row.id.endswith("test_kept_up") or any(part in row.reason for part in words)


def _try_defect(name: str, records: RunRecords) -> bool:
    defect = load_switch(Defect, name)
    assert defect.load is not None
    protocol = defect.protocols[0]
    run = partial(run_load_trial, name, protocol, defect.load, (name,), defect.promises)
    outcome = records.run_once(f"defect {name} {protocol}", run)
    caught = is_caught(defect, outcome)
    others = [row for row in outcome.find_failures() if not row.id.startswith(defect.caught_by)]
    print(f"{name:<24} {protocol:<14} {outcome.seconds:>5.1f} s  {'named' if caught else 'MISSED'}", flush=True)
    shown = [row for row in outcome.rows if row.id.startswith(defect.caught_by)]
    _print_rows([*shown, *others], outcome)
    return caught


def _try_healthy(number: int, records: RunRecords) -> bool:
    name, protocol, trial = HEALTHY[number % len(HEALTHY)]
    promises = {"deterministic": number % 2 == 0}
    run = partial(run_load_trial, name, protocol, trial, (), promises, f"--ai-seed={number}")
    outcome = records.run_once(f"healthy {number} {name}", run)
    alarms = find_alarms(outcome)
    undecided = len(outcome.rows) - len(alarms)
    words = "ALARM" if alarms or outcome.trouble else "clean"
    print(f"healthy {number:>2} {name:<16} {outcome.seconds:>5.1f} s  {words}, {undecided} left open", flush=True)
    _print_rows(alarms, outcome)
    return bool(alarms or outcome.trouble)


def _print_rows(rows: Sequence[CheckRow], outcome: RunOutcome) -> None:
    for row in rows:
        print(
            f"    {row.verdict} {row.id.removeprefix('ai-suite/load/')} ({row.level}): {row.reason[:200]}", flush=True
        )
    if outcome.trouble:
        print(f"    no decision, exit status {outcome.status}: {outcome.trouble}", flush=True)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load_detection", description=__doc__)
    parser.add_argument("--defects", metavar="A,B", help="only these; an empty text: none")
    parser.add_argument("--healthy-runs", type=int, default=20, metavar="N", help="healthy loads (default 20)")
    parser.add_argument("--records", metavar="PATH", help="keep every run in this file, and make only missing ones")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
