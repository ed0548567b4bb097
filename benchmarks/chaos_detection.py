"""How well experiments see seeded resilience defects of the gateway, and that the hardened edition passes them all.

Each defect of `detection/gateway_defects/` runs under its experiment of `detection/experiments/`, on the whole
reference deployment. Caught means: the named check ends with the named status, and says the named words. The hardened
edition must pass every experiment, and `--naive` shows what the naive one fails. Exit status 1 if a defect is missed or
the hardened edition is judged FAIL. With `--records PATH` every run is kept as a line of that file, and a later call
makes only the runs that are missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks._detection import CheckRow, RunOutcome, RunRecords, run_deployment_trial
from detection.catalogue import experiment_names, gateway_defect_names, load_gateway_defect
from detection.gateway_defect import GatewayDefect
from harness.core.load import DID_NOT_KEEP_UP

_MOST_RUNS, _TOO_BUSY = 3, ("bound by the client", DID_NOT_KEEP_UP)
"""Runs of one experiment at most, and the words of verdicts that a busy machine leaves open."""


def main() -> int:
    options = _parse_options()
    records = RunRecords(Path(options.records) if options.records else None)
    defects = _split_names(options.defects, gateway_defect_names())
    experiments = _split_names(options.experiments, experiment_names())
    missed = [name for name in defects if not _try_defect(load_gateway_defect(name), records)]
    editions = ["hardened", "naive"] if options.naive else ["hardened"]
    failed = {edition: _try_edition(edition, experiments, records) for edition in editions}
    print(f"\n{len(defects) - len(missed)} of {len(defects)} defects named by their check; missed: {missed or '-'}")
    for edition, names in failed.items():
        passed = len(experiments) - len(names)
        print(f"{edition}: {passed} of {len(experiments)} experiments without a FAIL; failed: {names or '-'}")
    return int(bool(missed or failed["hardened"]))


def is_caught(defect: GatewayDefect, outcome: RunOutcome) -> bool:
    """Whether the check that the defect names judged it as named, in the named words."""
    rows = [row for row in outcome.rows if row.id.startswith(defect.caught_by)]
    return any(row.verdict == defect.status and defect.words in row.reason for row in rows)


def _try_defect(defect: GatewayDefect, records: RunRecords) -> bool:
    suite = defect.caught_by.split("/")[1]
    run = partial(_run_in_time, defect.experiment, suite, gateway_defect=defect.name)
    outcome = records.run_once(f"defect {defect.name}", run)
    caught = is_caught(defect, outcome)
    words = "named" if caught else "MISSED"
    print(f"{defect.name:<28} {defect.experiment:<14} {outcome.seconds:>5.1f} s  {words}", flush=True)
    _print_rows(outcome.rows, outcome)
    return caught


def _run_in_time(experiment: str, suite: str, **deployment: str) -> RunOutcome:
    """The first run whose load was sent in time, else the last of three: a busy machine must not count as a miss."""
    for attempt in range(_MOST_RUNS):
        outcome = run_deployment_trial(experiment, suite, **deployment)
        if not any(words in row.reason for row in outcome.rows for words in _TOO_BUSY):
            break
        print(f"    run {attempt + 1} of {_MOST_RUNS}: this machine was too busy", flush=True)
    return outcome


def _try_edition(edition: str, experiments: Sequence[str], records: RunRecords) -> list[str]:
    """The experiments that the edition fails, or whose run came to no end."""
    failed = []
    for name in experiments:
        suite = "load" if name == "streams_flow" else "chaos"
        run = partial(_run_in_time, name, suite, edition=edition)
        outcome = records.run_once(f"{edition} {name}", run)
        if outcome.find_failures() or outcome.trouble:
            failed.append(name)
        words = "FAIL" if outcome.find_failures() else f"{len(outcome.rows)} left open"
        print(f"{edition:<28} {name:<14} {outcome.seconds:>5.1f} s  {words}", flush=True)
        _print_rows(outcome.rows, outcome)
    return failed


def _print_rows(rows: Sequence[CheckRow], outcome: RunOutcome) -> None:
    for row in rows:
        print(f"    {row.verdict} {row.id.rpartition('::')[2]} ({row.level}): {row.reason[:240]}", flush=True)
    if outcome.trouble:
        print(f"    no decision, exit status {outcome.status}: {outcome.trouble}", flush=True)


def _split_names(text: str | None, names: Sequence[str]) -> Sequence[str]:
    return names if text is None else [name for name in text.split(",") if name]


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos_detection", description=__doc__)
    add = parser.add_argument
    add("--defects", metavar="A,B", help="only these; an empty text: none")
    add("--experiments", metavar="A,B", help="only these with the healthy editions; an empty text: none")
    add("--naive", action="store_true", help="run the naive edition, too")
    add("--records", metavar="PATH", help="keep every run in this file, and make only those that are not in it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
