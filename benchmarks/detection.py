"""What the harness is worth: every seeded defect must be caught, and no healthy service may be failed.

The smoke and integration suites run over the reference service with each defect on, and over each of its healthy
variants (odd, and right). Exit status 1 when a defect is missed or a healthy service fails the gate.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks._detection import Outcome, Row, caught, protocols, with_defect, with_variant
from detection.catalogue import load_switch, switch_names
from detection.switch import Defect, Variant
from harness.stats.intervals import clopper_pearson_upper

T = TypeVar("T")


def main() -> int:
    options = _options()
    defects, variants = _picked(options.defects, switch_names(Defect)), _picked(options.variants, switch_names(Variant))
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(_defects(pool, defects, every=options.every_protocol))
        healthy = list(_healthy(pool, variants, runs=options.healthy_runs, every=options.every_protocol))
    missed = [record for record in found if not record["caught"]]
    alarms = [outcome for outcome in healthy if _alarm(outcome)]
    if found:
        print(f"\n{len(found) - len(missed)} of {len(found)} defects caught by the check that they name")
        print("".join(f"  missed: {m['name']} ({m['protocol']})\n" for m in missed), end="")
    if healthy:
        print(_bound(healthy, alarms))
    if options.json:
        record = {"defects": found, "healthy": [_record(outcome) for outcome in healthy]}
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n")
    return int(bool(missed or alarms))


def _defects(pool: ThreadPoolExecutor, names: Sequence[str], *, every: bool) -> Iterator[dict[str, Any]]:
    """Each defect's record, printed as it comes."""
    loaded = [load_switch(Defect, name) for name in names]
    tasks = [(each, p) for turn, each in enumerate(loaded) for p in protocols(each, every=every, turn=turn)]
    if tasks:
        print(f"{'defect':<32} {'protocol':<18} {'s':>6}  {'':<7} expected check, then others that FAILed")
    run = _each(pool, lambda task: with_defect(task[0].name, task[1], task[0].promises), tasks)
    for (each, _), outcome in zip(tasks, run, strict=True):
        by, others = caught(each, outcome), [row for row in outcome.failed() if row not in caught(each, outcome)]
        said = "caught" if by else "MISSED"
        beside = f"; {_ids(others)}" if others else ""
        print(
            f"{_head(outcome)}  {said:<7} {_ids(by) or _short(each.caught_by)}{beside}{_trouble(outcome)}", flush=True
        )
        yield {**_record(outcome), "expected": each.caught_by, "caught": bool(by), "by": [row.id for row in by]}


def _healthy(pool: ThreadPoolExecutor, names: Sequence[str], *, runs: int, every: bool) -> Iterator[Outcome]:
    """Each run over a healthy variant, printed as it comes."""
    loaded = [load_switch(Variant, name) for name in names]
    turns = [(each, run) for run in range(runs) for each in enumerate(loaded)]
    tasks = [(v, p) for (n, v), run in turns for p in protocols(v, every=every, turn=n + run)]
    if tasks:
        print(f"\n{'healthy variant':<32} {'protocol':<18} {'s':>6}")
    for outcome in _each(pool, lambda task: with_variant(*task), tasks):
        parts = [f"{len(outcome.rows)} of {outcome.planned} checks did not PASS"] if outcome.rows else []
        parts += [f"FALSE ALARM {_ids(outcome.failed('blocker'))}"] if outcome.failed("blocker") else []
        parts += [f"undecided {_ids(outcome.undecided())}"] if outcome.undecided() else []
        parts += [f"warned {_ids(outcome.failed('warn'))}"] if outcome.failed("warn") else []
        print(f"{_head(outcome)}  {'; '.join(parts) or 'clean'}{_trouble(outcome)}", flush=True)
        yield outcome


def _each(pool: ThreadPoolExecutor, run: Callable[[T], Outcome], tasks: Iterable[T]) -> Iterator[Outcome]:
    return pool.map(run, tasks)


def _alarm(outcome: Outcome) -> bool:
    return bool(outcome.failed("blocker") or outcome.trouble)


def _bound(healthy: Sequence[Outcome], alarms: Sequence[Outcome]) -> str:
    """The false alarms, and below which rate they lie at 95 %: 0 of n excludes 1 - 0.05^(1/n)."""
    n, warned = len(healthy), [outcome for outcome in healthy if outcome.failed("warn")]
    undecided = [outcome for outcome in healthy if outcome.undecided()]
    upper = clopper_pearson_upper(len(alarms), n, 0.05)
    names = "".join(f"\n  {outcome.name} ({outcome.protocol})" for outcome in alarms)
    return (
        f"{len(alarms)} of {n} healthy runs failed by a blocker: a rate below {upper:.1%} at 95 % for these variants; "
        f"{len(undecided)} undecided, {len(warned)} with warnings{names}"
    )


def _record(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome)


def _head(outcome: Outcome) -> str:
    return f"{outcome.name:<32} {outcome.protocol:<18} {outcome.seconds:>6.1f}"


def _trouble(outcome: Outcome) -> str:
    return f"\n    no decision, exit status {outcome.status}: {outcome.trouble}" if outcome.trouble else ""


def _ids(rows: Iterable[Row], most: int = 4) -> str:
    shown = [_short(row.id) + ("" if row.level == "blocker" else f" ({row.level})") for row in rows]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _short(id_: str) -> str:
    return id_.removeprefix("ai-suite/").replace("integration/", "").replace("smoke/", "").replace(".py", "")


def _picked(text: str | None, names: Sequence[str]) -> Sequence[str]:
    """The names of a list with commas; all for None, none for an empty text."""
    return names if text is None else [name for name in text.split(",") if name]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    add = parser.add_argument
    add("--defects", metavar="A,B", help="these alone; an empty text: none")
    add("--variants", metavar="A,B", help="these alone; an empty text: none")
    add("--healthy-runs", type=int, default=1, metavar="N", help="runs over each healthy variant (default 1)")
    add("--every-protocol", action="store_true", help="each in every protocol that shows it, not in one of them")
    add("--jobs", type=int, default=2, metavar="N", help="runs side by side (default 2)")
    add("--json", metavar="PATH", help="write every figure and every FAIL there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
