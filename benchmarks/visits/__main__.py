"""`python -m benchmarks.visits`: tutorial services from an empty folder, and each broken in several ways.

For every service `aiharness init URL --yes` and `aiharness gate` must end in PASS without an edit, and nothing that
could cost may be sent without consent. With `--broken` each service is changed as `breakages.py` says, and the
gate with the same configuration must FAIL with a headline that names the cause. Every visit keeps its files in
`build/visits/`, and its outcome as a line of `build/visits/records.jsonl`: a later call makes only those that are
missing (`--again` makes all that are named). The variable `VISITS_COMMAND` names another `aiharness` than that of this
checkout, such as the one of an installed wheel.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.visits._visit import SERVICES, VisitOutcome, make_services_python, visit_service
from benchmarks.visits.breakages import BREAKAGES, FILLED, Breakage

_KEPT = Path("build/visits").resolve()


class Records:
    """The finished visits by their key, kept as lines of a file."""

    def __init__(self, path: Path, *, again: bool) -> None:
        self._path, self._again = path, again
        self._outcomes: dict[str, VisitOutcome] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                outcome = record["outcome"]
                tuples = {name: tuple(outcome[name]) for name in ("failures", "undecided")}
                self._outcomes[record["key"]] = VisitOutcome(**{**outcome, **tuples})

    def find_outcome(self, key: str) -> VisitOutcome | None:
        """The outcome that was kept, unless it is to be made again."""
        return None if self._again else self._outcomes.get(key)

    def keep_outcome(self, key: str, outcome: VisitOutcome) -> None:
        """Write it behind the others: the last line of a key counts."""
        with self._path.open("a") as file:
            file.write(json.dumps({"key": key, "outcome": asdict(outcome)}) + "\n")


def main() -> int:
    options = _parse_options()
    _KEPT.mkdir(parents=True, exist_ok=True)
    python = options.services_python or make_services_python(_KEPT / "services")
    records = Records(_KEPT / "records.jsonl", again=options.again)
    sources = sorted(SERVICES.glob("*/*.py"))
    chosen = [source for source in sources if not options.names or {source.stem, source.parent.name} & {*options.names}]
    visits: list[Callable[[], bool]] = []
    if options.filled:
        visits = [partial(_try_filled, python, source, records) for source in chosen]
    elif not options.broken:
        visits = [partial(_try_healthy, python, source, records) for source in chosen]
    else:
        for source in chosen:
            for breakage in BREAKAGES.get(source.stem, ()):
                if not options.only or options.only in breakage.title:
                    visits.append(partial(_try_broken, python, source, breakage, records))
    with ThreadPoolExecutor(options.jobs) as pool:
        results = [pool.submit(visit) for visit in visits]
    bad = sum(not result.result() for result in results)
    print(f"{bad} visits did not end as wanted" if bad else "every visit ended as wanted")
    return int(bad > 0)


def _try_healthy(python: Path, source: Path, records: Records) -> bool:
    key = source.stem
    outcome = records.find_outcome(key)
    if outcome is None:
        folder = _KEPT / source.stem / "healthy"
        outcome = visit_service(python, key, source.read_text(), folder, configuration=None)
        records.keep_outcome(key, outcome)
    is_good = outcome.status == 0 and not outcome.trouble
    _print_outcome(key, "", outcome, is_good=is_good)
    return is_good


def _try_filled(python: Path, source: Path, records: Records) -> bool:
    """The healthy service again, with the commented lines filled in."""
    key = f"{source.stem} filled in"
    outcome = records.find_outcome(key)
    if outcome is None:
        folder = _KEPT / source.stem / "filled-in"
        outcome = visit_service(python, source.stem, source.read_text(), folder, configuration=_fill_in(source.stem))
        records.keep_outcome(key, outcome)
    _print_outcome(source.stem, "filled in", outcome, is_good=outcome.status == 0)
    return outcome.status == 0


def _fill_in(name: str) -> str:
    """The file that `init` wrote, with the expected answer that it proposes and what only a user can know."""
    text = (_KEPT / name / "healthy" / "aiharness.toml").read_text()
    text = re.sub(r"(?<=if that is right\.\n)# (?=expect = )", "", text)
    return re.sub(r"^# other_samples = .*$", lambda line: FILLED.get(name, line[0]), text, flags=re.MULTILINE)


def _try_broken(python: Path, source: Path, breakage: Breakage, records: Records) -> bool:
    key = f"{source.stem} {breakage.title}"
    outcome = records.find_outcome(key)
    if outcome is None:
        text = source.read_text()
        if breakage.old not in text:
            raise ValueError(f"{key}: the service has no {breakage.old!r}")
        configuration = _fill_in(source.stem)
        folder = _KEPT / source.stem / breakage.title.replace(" ", "-")
        broken = text.replace(breakage.old, breakage.new)
        outcome = visit_service(
            python, source.stem, broken, folder, configuration=configuration, suites=("smoke", "integration")
        )
        records.keep_outcome(key, outcome)
    is_good = outcome.status == 1 and any(re.search(breakage.cause, reason) for reason in outcome.failures)
    _print_outcome(source.stem, breakage.title, outcome, is_good=is_good)
    return is_good


def _print_outcome(name: str, title: str, outcome: VisitOutcome, *, is_good: bool) -> None:
    mark = "ok " if is_good else "BAD"
    lines = [f"{mark} {name:<18} {title:<44} exit {outcome.status:>2} {outcome.seconds:>6.1f} s"]
    reasons: Sequence[str] = outcome.failures[:3] if is_good else outcome.failures[:6] + outcome.undecided[:6]
    lines += [f"      {line.removeprefix('ai-suite/')[:230]}" for line in (*reasons, outcome.trouble) if line]
    print("\n".join(lines), flush=True)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visits", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", help="services, or first and second (default: all)")
    add("--filled", action="store_true", help="with the commented lines of the configuration filled in")
    add("--broken", action="store_true", help="in their broken forms, with the configuration of the healthy visit")
    add("--only", metavar="TEXT", help="of the broken forms those whose title contains this")
    add("--jobs", type=int, default=2, metavar="N", help="visits at the same time (default 2)")
    add("--again", action="store_true", help="make visits again whose outcome is kept")
    add("--services-python", type=Path, metavar="PATH", help="a Python that has what the services import")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
