"""How well the harness detects defects: it must catch every seeded defect and must not fail a healthy service.

The smoke and integration suites run on the reference service with each defect on, and on each of its healthy variants
(unusual but correct); the adversarial suite looks for weaknesses (`--suites adversarial`). Exit status 1 if a defect is
missed or a healthy service fails the gate. With `--records PATH` every run is kept as a line of that file, and a later
call with the same file makes only the runs that are missing. `--bare` makes no promise to any run, which is what a
user has who gives nothing but the URL: a defect is found then if any check fails, and the exit status is 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._detection import (
    ADVERSARIAL,
    SINGLE_REQUESTS,
    UNCHANGED,
    CheckRow,
    RunOutcome,
    RunRecords,
    choose_protocols,
    choose_suites,
    find_expected_failures,
    run_with_defect,
    run_with_variant,
)
from detection.catalogue import load_switch, switch_names
from detection.switch import CHAT, Defect, Variant
from harness.stats.intervals import clopper_pearson_upper


def main() -> int:
    options = _parse_options()
    asked = [load_switch(Defect, name) for name in switch_names(Defect) if not load_switch(Defect, name).load]
    names = [defect.name for defect in asked if options.suites in ("", choose_suites(defect))]
    defects = _split_names(options.defects, names)
    variants = _split_names(options.variants, switch_names(Variant))
    records = RunRecords(Path(options.records) if options.records else None)
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = list(_try_defects(pool, defects, records, every=options.every_protocol, bare=options.bare))
        healthy = [] if options.bare else list(_try_variants(pool, variants, records, options))
    if options.bare:
        _print_bare(rows, options.json)
        return 0
    missed = [row for row in rows if not row["caught"]]
    alarms = [outcome for outcome in healthy if is_false_alarm(outcome)]
    if rows:
        print(f"\n{len(rows) - len(missed)} of {len(rows)} defects caught by the check that they name")
    for row in missed:
        print(f"  missed: {row['name']} ({row['protocol']})")
    if healthy:
        print(describe_alarms(healthy))
    if options.json:
        content = {"defects": rows, "healthy": [asdict(outcome) for outcome in healthy]}
        Path(options.json).write_text(json.dumps(content, indent=1) + "\n")
    return int(bool(missed or alarms))


def _try_defects(
    pool: ThreadPoolExecutor, names: Sequence[str], records: RunRecords, *, every: bool, bare: bool
) -> Iterator[dict[str, Any]]:
    """The record of each defect, printed as it is made."""
    tasks = []
    for turn, name in enumerate(names):
        defect = load_switch(Defect, name)
        tasks += [(defect, protocol) for protocol in choose_protocols(defect, every=every, turn=turn)]
    if tasks:
        print(f"{'defect':<32} {'protocol':<18} {'s':>6}  {'':<7} expected check, then others that failed")

    def run(task: tuple[Defect, str]) -> RunOutcome:
        defect, protocol = task
        promises: Mapping[str, Any] = {} if bare else defect.promises
        key = f"{'bare' if bare and defect.promises else 'defect'} {defect.name} {protocol}"
        return records.run_once(key, partial(run_with_defect, defect.name, protocol, promises))

    for (defect, _), outcome in zip(tasks, pool.map(run, tasks), strict=True):
        expected = outcome.find_failures() if bare else find_expected_failures(defect, outcome)
        others = [row for row in outcome.find_failures() if row not in expected]
        line = f"{_format_head(outcome)}  {'caught' if expected else 'MISSED':<7} "
        line += _format_ids(expected) or _shorten_id(defect.caught_by)
        if others:
            line += f"; {_format_ids(others)}"
        print(line + _format_trouble(outcome), flush=True)
        ids = [row.id for row in expected]
        yield {**asdict(outcome), "expected": defect.caught_by, "caught": bool(expected), "by": ids}


def _print_bare(rows: Sequence[dict[str, Any]], path: str | None) -> None:
    """How many defects a run without promises finds; the file gets each defect's name, protocol and checks."""
    caught = sum(bool(row["caught"]) for row in rows)
    print(f"\n{caught} of {len(rows)} defects found without any promise")
    if path:
        lines = {row["name"]: {"protocol": row["protocol"], "by": row["by"][:3]} for row in rows}
        Path(path).write_text(json.dumps(lines, indent=1) + "\n", "utf-8")


def _try_variants(
    pool: ThreadPoolExecutor, names: Sequence[str], records: RunRecords, options: argparse.Namespace
) -> Iterator[RunOutcome]:
    """The outcome of each run with a healthy variant, printed as it ends."""
    variants = [UNCHANGED if name == UNCHANGED.name else load_switch(Variant, name) for name in names]
    tasks = []
    suites = options.suites or SINGLE_REQUESTS
    for number in range(options.healthy_runs):
        for turn, variant in enumerate(variants, number):
            protocols = choose_protocols(variant, every=options.every_protocol, turn=turn)
            tasks += [(variant, protocol, number) for protocol in ([CHAT] if suites == ADVERSARIAL else protocols)]
    if tasks:
        print(f"\n{'healthy variant':<32} {'protocol':<18} {'s':>6}")

    def run(task: tuple[Variant, str, int]) -> RunOutcome:
        variant, protocol, number = task
        return records.run_once(
            f"variant {variant.name} {protocol} {number}", partial(run_with_variant, variant, protocol, suites)
        )

    for outcome in pool.map(run, tasks):
        parts = [f"{len(outcome.rows)} of {outcome.planned} checks did not PASS"] if outcome.rows else []
        for title, rows in (
            ("FALSE ALARM", outcome.find_failures("blocker")),
            ("undecided", outcome.find_undecided()),
            ("warned", outcome.find_failures("warn")),
        ):
            if rows:
                parts.append(f"{title} {_format_ids(rows)}")
        print(f"{_format_head(outcome)}  {'; '.join(parts) or 'clean'}{_format_trouble(outcome)}", flush=True)
        yield outcome


def is_false_alarm(outcome: RunOutcome) -> bool:
    """Whether the run with a healthy service failed by a blocker or came to no decision."""
    return bool(outcome.find_failures("blocker") or outcome.trouble)


def describe_alarms(healthy: Sequence[RunOutcome]) -> str:
    """The false alarms, and the rate that they exclude at 95 %.

    Runs with one variant depend on one another, hence the bound counts variants and not runs: a variant alarms if one
    of its runs does.
    """
    alarms = [outcome for outcome in healthy if is_false_alarm(outcome)]
    variants = {outcome.name for outcome in healthy}
    alarming = {outcome.name for outcome in alarms}
    upper = clopper_pearson_upper(len(alarming), len(variants), 0.05)
    undecided = [outcome for outcome in healthy if outcome.find_undecided()]
    warned = [outcome for outcome in healthy if outcome.find_failures("warn")]
    names = "".join(f"\n  {outcome.name} ({outcome.protocol})" for outcome in alarms)
    return (
        f"{len(alarms)} of {len(healthy)} healthy runs failed by a blocker, with {len(alarming)} of {len(variants)} "
        f"distinct variants: fewer than {upper:.1%} of such variants alarm, at 95 %; "
        f"{len(undecided)} undecided, {len(warned)} with warnings{names}"
    )


def _format_head(outcome: RunOutcome) -> str:
    return f"{outcome.name:<32} {outcome.protocol:<18} {outcome.seconds:>6.1f}"


def _format_trouble(outcome: RunOutcome) -> str:
    return f"\n    no decision, exit status {outcome.status}: {outcome.trouble}" if outcome.trouble else ""


def _format_ids(rows: Iterable[CheckRow], most: int = 4) -> str:
    ids = [_shorten_id(row.id) + ("" if row.level == "blocker" else f" ({row.level})") for row in rows]
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")


def _shorten_id(check_id: str) -> str:
    return check_id.removeprefix("ai-suite/").replace("integration/", "").replace("smoke/", "").replace(".py", "")


def _split_names(text: str | None, names: Sequence[str]) -> Sequence[str]:
    """The names in a list with commas; all for None, none for an empty text."""
    return names if text is None else [name for name in text.split(",") if name]


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    add = parser.add_argument
    add("--defects", metavar="A,B", help="only these; an empty text: none")
    add("--variants", metavar="A,B", help="only these (unchanged: the service as it is); an empty text: none")
    add(
        "--suites",
        default="",
        choices=("", SINGLE_REQUESTS, ADVERSARIAL),
        help="only the defects that these must catch",
    )
    add("--healthy-runs", type=int, default=1, metavar="N", help="runs with each healthy variant (default 1)")
    add("--bare", action="store_true", help="runs without promises, and no healthy variants")
    add("--every-protocol", action="store_true", help="each in every protocol that it affects, not in one of them")
    add("--jobs", type=int, default=2, metavar="N", help="runs at the same time (default 2)")
    add("--records", metavar="PATH", help="keep every run in this file, and make only those that are not in it")
    add("--json", metavar="PATH", help="write every figure and every failure to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
