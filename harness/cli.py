"""The `aiharness` command."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.gate import Exit

LISTABLE = ("suites", "protocols", "reports", "checks")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is DESIGN section 4's. Errors meant for the user are one line."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    known, rest = parser.parse_known_args(arguments)
    if rest and known.command not in ("gate", "demo"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without our characters is no reason to die
    try:
        status = int(known.run(known, rest))
        sys.stdout.flush()
        return status
    except HarnessError as problem:
        print(f"aiharness {known.command}: {problem}", file=sys.stderr)
        return int(Exit.USAGE)
    except KeyboardInterrupt:
        print(f"aiharness {known.command}: interrupted", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:  # the reader has seen enough (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.PASS)


def _parser() -> argparse.ArgumentParser:
    from harness import __version__

    parser = argparse.ArgumentParser(
        prog="aiharness", description="A resilience and testing harness for AI services.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"aiharness {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="start the reference deployment, run the suites, write the report")
    demo.add_argument("--serve", action="store_true", help="only keep the deployment up, to try things on")
    demo.add_argument("--defect", action="append", default=[], metavar="NAME", help="switch a seeded defect on")
    demo.add_argument("--port", type=int, default=0, help="port of the deployment (default: a free one)")
    demo.set_defaults(run=_demo)

    gate = commands.add_parser("gate", help="run suites and decide; takes every --ai-… option of the pytest plugin")
    gate.add_argument("--suite", default=None, metavar="NAME,…", help="suites to run (default: [run] suites, or all)")
    gate.set_defaults(run=_gate)

    detect = commands.add_parser("detect", help="say which protocol an endpoint speaks, and why; sends no inference")
    detect.add_argument("url", help="the endpoint, like http://127.0.0.1:8000")
    detect.add_argument("--protocol", default="auto", help="ask only this adapter's probes")
    detect.set_defaults(run=_detect)

    report = commands.add_parser("report", help="write a report from a run directory; needs no endpoint")
    report.add_argument("path", metavar="RUN", help="a run directory, or a gate.json")
    report.add_argument("--format", default="terminal", help="terminal (default), html, json, junit, markdown")
    report.add_argument("--output", "-o", metavar="FILE", help="write here in place of the screen")
    report.set_defaults(run=_report)

    listing = commands.add_parser("list", help="list what there is")
    listing.add_argument("kind", choices=LISTABLE)
    listing.set_defaults(run=_list)
    return parser


def _demo(known: argparse.Namespace, rest: list[str]) -> int:
    from harness.demo import demo, serve

    if known.serve:
        return serve(known.port, known.defect)
    return demo(known.port, known.defect, rest)


def _gate(known: argparse.Namespace, rest: list[str]) -> int:
    from harness.demo import run_pytest

    return run_pytest([f"--ai-suite={known.suite or '@configured'}", *rest])


def _detect(known: argparse.Namespace, rest: list[str]) -> int:
    from harness.detecting import detect_command

    return detect_command(known.url, known.protocol)


def _report(known: argparse.Namespace, rest: list[str]) -> int:
    from harness.reporting import report_command

    return report_command(Path(known.path), known.format, known.output)


def _list(known: argparse.Namespace, rest: list[str]) -> int:
    from harness.core.registry import names
    from harness.suite import catalogue

    if known.kind == "checks":
        for suite in names("suites"):
            for declared in catalogue(suite):
                print(f"{declared.spec.level:8} {declared.id}  {declared.spec.title}")
    else:
        print("\n".join(names(known.kind)))
    return int(Exit.PASS)


if __name__ == "__main__":
    sys.exit(main())
