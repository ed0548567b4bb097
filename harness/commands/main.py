"""The `aiharness` command."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import re
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from harness import __version__
from harness.commands.command import Command
from harness.core.errors import HarnessError
from harness.core.gate import Exit
from harness.core.registry import describe_unknown
from harness.io.outputs import find_output_problem, guard_outputs

_COMMANDS = {
    "demo": "start the reference deployment, run the suites, write the report",
    "gate": "run suites and decide; takes every --ai-… option of the pytest plugin",
    "gameday": "host a game day: the experiments of a file, with operator, live timeline and post-mortem",
    "load": "send a load with locust: a scenario, a run directory and a decision; takes every option of locust",
    "detect": "say which protocol an endpoint speaks, and why; sends no inference",
    "init": "write a commented aiharness.toml for an endpoint; asks before it sends an inference",
    "report": "write a report from a run directory; needs no endpoint",
    "rerun": "judge one check of a run again, from any folder",
    "rejudge": "judge a saved run again by other limits, from its files; needs no endpoint",
    "prove": "show that each contract check can fail on this endpoint, under mutations of its answers",
    "compare": "compare two runs: newly failing, mended, slower, unchanged; needs no endpoint",
    "pin": "make a run that passed the baseline of this folder; needs no endpoint",
    "history": "how figures moved from run to run: steady, changed for good, or too noisy to say; needs no endpoint",
    "lift": "end every fault that a run has left on a link, from any terminal",
    "proxy": "run the fault proxy as a server; speaks Toxiproxy's API",
    "list": "list the suites, protocols, faults, attacks, probes, checks, reports, scenarios or workloads",
}
"""Each is a module beside this one, which is imported only when its command is run."""


_EXAMPLES = {
    "": "gate --suite=smoke --ai-endpoint=http://127.0.0.1:8000",
    "gameday": "gameday aiharness.toml",
    "load": "load steady http://127.0.0.1:8000 --rate 5 --duration 60",
    "detect": "detect http://127.0.0.1:8000",
    "init": "init http://127.0.0.1:8000",
    "report": "report .aiharness/runs/NAME",
    "rerun": "rerun .aiharness/runs/NAME test_answer.py::test_valid",
    "rejudge": "rejudge .aiharness/runs/NAME --ai-config=aiharness.toml",
    "prove": "prove http://127.0.0.1:8000",
    "compare": "compare .aiharness/runs/OLD .aiharness/runs/NEW",
    "pin": "pin .aiharness/runs/NAME",
    "list": "list suites",
}
"""How the commands that need an argument are called."""


class _Parser(argparse.ArgumentParser):
    """Its subparsers are of the same class."""

    def error(self, message: str) -> NoReturn:
        """End with the exit status of wrong usage, which is not argparse's own: the nearest name, or an example."""
        if match := re.match(r"argument COMMAND: invalid choice: '(.*?)'", message):
            message = describe_unknown("command", match[1], _COMMANDS)
        elif match := re.match(r"unrecognized arguments: (-[^\s=]+)", message):
            message = describe_unknown("option", match[1], self._option_string_actions)
        elif match := re.match(r"the following arguments are required: (.*)", message):
            example = _EXAMPLES.get(self.prog.partition(" ")[2], "")
            message = f"{match[1]} is missing; write like: aiharness {example}"
        self.print_usage(sys.stderr)
        self.exit(int(Exit.USAGE), f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is DESIGN section 4's. Errors meant for the user are one line."""
    guard_outputs()
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = next((text for text in arguments if not text.startswith("-")), "")
    command = _load_command(name)
    parser, own = _make_parser(name, command)
    known, rest = parser.parse_known_args(arguments)
    options = vars(known)
    del options["command"]
    if command.takes_rest:
        options["rest"] = rest
    elif rest:
        own.error(f"unrecognized arguments: {' '.join(rest)}")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without our characters must not end the run
    with contextlib.suppress(ValueError):  # not the main thread: its owner decides
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # acts as Ctrl-C: nothing may be left behind
    try:
        return _end_output(name, command, command.run(**options))
    except HarnessError as problem:
        print(f"aiharness {name}: {problem}", file=sys.stderr)
        return int(Exit.USAGE)
    except KeyboardInterrupt:
        start = "\n" if sys.stdin is not None and sys.stdin.isatty() else ""  # ends the line of a question, and of ^C
        print(f"{start}aiharness {name}: interrupted", file=sys.stderr)
        return int(Exit.INTERRUPTED)


def _end_output(name: str, command: Command, status: int) -> int:
    """Say in one line why the output could not be written: its reader has closed the pipe, or the disk is full.

    The exit status of a run stays; that of a command whose output is all that it does is none of a run's.
    """
    problem = find_output_problem()
    if not problem:
        return status
    print(f"aiharness {name}: the output cannot be written: {problem}", file=sys.stderr, flush=True)
    return int(Exit.USAGE) if command.only_prints else status


def _load_command(name: str) -> Command:
    """The command of a name; for an unknown name one that the parser refuses before it is run."""
    if name not in _COMMANDS:
        return Command(run=lambda: int(Exit.USAGE), add_options=lambda parser: None)
    command = importlib.import_module(f"harness.commands.{name}").COMMAND
    assert isinstance(command, Command)
    return command


def _make_parser(name: str, command: Command) -> tuple[_Parser, _Parser]:
    """The parser of all commands, with the options of one, and that one's own."""
    parser = _Parser(
        prog="aiharness", description="A resilience and testing harness for AI services.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"aiharness {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    own = parser
    for other, text in _COMMANDS.items():
        if other == name:
            what = f"{text[0].upper()}{text[1:]}."
            own = commands.add_parser(name, help=text, description=what, add_help=command.has_help, allow_abbrev=False)
            command.add_options(own)
        else:
            commands.add_parser(other, help=text)
    return parser, own
