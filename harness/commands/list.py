"""`aiharness list`: the members of one kind of plug-in, or every check."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from harness.commands.command import Command
from harness.core.errors import UsageError
from harness.core.gate import Exit
from harness.core.registry import describe_unknown, list_plugins
from harness.load.locust_process import find_locustfile
from harness.suite import list_checks

LISTABLE = ("suites", "protocols", "faults", "attacks", "probes", "checks", "reports", "scenarios", "workloads")
"""What can be listed."""


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help=", ".join(LISTABLE))
    parser.add_argument("name", nargs="?", help="only this one: `locust -f $(aiharness list scenarios steady)`")


def _run(kind: str, name: str | None) -> int:
    """Print every member of a kind, or the named one; a scenario by its path, since locust takes files."""
    if kind not in LISTABLE:
        raise UsageError(describe_unknown("kind", kind, LISTABLE))
    if kind == "checks":
        _print_checks()
        return int(Exit.PASS)
    known = list_plugins(kind)
    if name and name not in known:
        raise UsageError(describe_unknown(kind.removesuffix("s"), name, known))
    for member in (name,) if name else known:
        print(find_locustfile(member) if kind == "scenarios" else member)
    return int(Exit.PASS)


def _print_checks() -> None:
    for suite in list_plugins("suites"):
        try:
            declared_checks = list(list_checks(suite))
        except UsageError as problem:  # an outside package that is broken does not hide the others
            print(f"left out: {problem}", file=sys.stderr)
            continue
        for declared in declared_checks:
            print(f"{declared.spec.level:8} {declared.id}  {declared.spec.title}")


COMMAND = Command(run=_run, add_options=_add_options, only_prints=True)
