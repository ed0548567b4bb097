"""The `aiharness` command."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from harness import __version__
from harness.core.errors import HarnessError
from harness.core.gate import Exit

LISTABLE = ("suites", "protocols", "faults", "attacks", "checks", "reports", "scenarios")
"""What `aiharness list` lists."""


class _Parser(argparse.ArgumentParser):
    """Its subparsers are of the same class."""

    def error(self, message: str) -> NoReturn:
        """A wrong option ends with the exit status of wrong usage, which is not argparse's own."""
        self.print_usage(sys.stderr)
        self.exit(int(Exit.USAGE), f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is DESIGN section 4's. Errors meant for the user are one line.

    A command is a function named as `module:function`, loaded when it is run; its parameters are the options, and
    `rest` what is handed on.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    known, rest = parser.parse_known_args(arguments)
    given = vars(known)
    command, (module, _, function) = given.pop("command"), given.pop("runs").partition(":")
    if "rest" in given:
        given["rest"] = rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without our characters is no reason to die
    with contextlib.suppress(ValueError):  # not the main thread: whoever owns it decides
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # acts as Ctrl-C: nothing may be left behind
    try:
        status = int(getattr(importlib.import_module(module), function)(**given))
        sys.stdout.flush()
        return status
    except HarnessError as problem:
        print(f"aiharness {command}: {problem}", file=sys.stderr)
        return int(Exit.USAGE)
    except KeyboardInterrupt:
        print(f"aiharness {command}: interrupted", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:  # the reader has seen enough (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.PASS)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="aiharness", description="A resilience and testing harness for AI services.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"aiharness {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="start the reference deployment, run the suites, write the report")
    demo.add_argument("--serve", action="store_true", help="only keep the deployment up, to try things on")
    demo.add_argument("--edition", default="hardened", help="hardened (default), which passes, or naive, which fails")
    demo.add_argument("--defect", action="append", default=[], metavar="NAME", help="switch a seeded defect on")
    demo.add_argument("--port", type=int, default=0, help="port of the deployment (default: a free one)")
    demo.set_defaults(runs="harness.commands.demo:demo_command", rest=())

    gate = commands.add_parser("gate", help="run suites and decide; takes every --ai-… option of the pytest plugin")
    gate.add_argument("--suite", default=None, metavar="NAME,…", help="suites to run (default: [run] suites, or all)")
    gate.set_defaults(runs="harness.commands.gate:gate_command", rest=())

    detect = commands.add_parser("detect", help="say which protocol an endpoint speaks, and why; sends no inference")
    detect.set_defaults(runs="harness.commands.detect:detect_command")

    init = commands.add_parser("init", help="write a commented aiharness.toml for an endpoint; sends no inference")
    init.add_argument("--output", "-o", metavar="FILE", help="write here (default: aiharness.toml)")
    init.add_argument("--force", action="store_true", help="overwrite a file that is there")
    init.set_defaults(runs="harness.commands.init:init_command")
    for each in (detect, init):
        each.add_argument("url", help="the endpoint, like http://127.0.0.1:8000")
        each.add_argument("--protocol", default="auto", help="ask only this adapter's probes")

    report = commands.add_parser("report", help="write a report from a run directory; needs no endpoint")
    report.add_argument("path", metavar="RUN", help="a run directory, or a gate.json")
    report.add_argument(
        "--format", dest="format_", default="terminal", help="terminal (default), html, json, junit, markdown"
    )
    report.add_argument("--output", "-o", metavar="FILE", help="write here in place of the screen")
    report.set_defaults(runs="harness.commands.report:report_command")

    lift = commands.add_parser("lift", help="end every fault that a run has left on a link, from any terminal")
    lift.add_argument("api", nargs="*", metavar="URL", help="Toxiproxy APIs (default: those of aiharness.toml)")
    lift.set_defaults(runs="harness.commands.lift:lift_command")

    proxy = commands.add_parser("proxy", help="run the fault proxy as a server; speaks Toxiproxy's API", add_help=False)
    proxy.set_defaults(runs="harness.commands.proxy:proxy_command", rest=())

    listing = commands.add_parser("list", help="list what there is")
    listing.add_argument("kind", choices=LISTABLE)
    listing.add_argument("name", nargs="?", help="only this one: `locust -f $(aiharness list scenarios steady)`")
    listing.set_defaults(runs="harness.commands.list:list_command")
    return parser
