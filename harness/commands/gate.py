"""`aiharness gate`: run suites and decide, with pytest in a child process."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

import pytest

from harness.commands.child_run import run_in_child
from harness.commands.command import Command
from harness.core.errors import UsageError
from harness.core.url_parsing import looks_like_url
from harness.io.run_search import find_run
from harness.plugin.command_line import CONFIGURED
from harness.plugin.option_values import UnknownOptions

_QUIET = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
"""Our command has already imported what pytest wants to import itself."""


STATUSES = (
    "Exit status: 0 PASS, 1 FAIL, 2 interrupted, 3 internal error, 4 wrong usage (nothing was judged), "
    "20 INCONCLUSIVE, 21 ERROR."
)
_OWN = ("--suite", "--keep-going", "--resume", "--show-config", "--help")
_ENDPOINT_HELP = (
    "URL is the endpoint, like http://127.0.0.1:8000; without one it is [endpoint] url of aiharness.toml, or "
    "AIHARNESS_ENDPOINT. All other options go to pytest: pytest --help lists them, those of the plugin (--ai-…) under "
    "'AI release gate'. "
)


def describe_call(parser: ArgumentParser, options: str) -> None:
    """Add usage and exit statuses to the help of a command that runs pytest."""
    parser.usage = f"{parser.prog} [URL] {options} [--ai-… and other options of pytest]"
    parser.epilog = _ENDPOINT_HELP + STATUSES


def _add_options(parser: ArgumentParser) -> None:
    describe_call(parser, "[--suite NAME,…] [--keep-going] [--resume RUN] [--show-config]")
    add = parser.add_argument
    add("--suite", metavar="NAME,…", help="suites to run (default: [run] suites, or all)")
    add("--keep-going", action="store_true", help="run the other suites too where smoke fails")
    add("--resume", metavar="RUN", help="go on with a run that was cut short: ask only what it did not decide")
    add("--show-config", action="store_true", help="print every setting with its source; send nothing")


def _run(suite: str | None, keep_going: bool, resume: str | None, show_config: bool, rest: Sequence[str]) -> int:
    if suite is not None and not suite.strip(" ,"):
        raise UsageError("--suite is empty: name suites, like --suite=smoke,load, or leave the option out")
    options = name_endpoint(rest)
    if show_config:
        options.append("--ai-show-config")
    if resume is not None:
        options.append(f"--ai-resume={find_run(resume)}")
    if not keep_going:
        options.append("--ai-stop-early")
    return run_in_child(lambda: run_pytest([f"--ai-suite={suite or CONFIGURED}", *options], "gate", _OWN))


def name_endpoint(words: Sequence[str]) -> list[str]:
    """The words with a URL that stands alone, as `init` and `detect` take it, as the value of `--ai-endpoint`.

    Raises `UsageError` where the endpoint is given both ways, or twice.
    """
    named, urls = [], 0
    for before, word in zip(("", *words), words, strict=False):
        is_value = before.startswith("-" if "://" not in word else "--") and "=" not in before
        if looks_like_url(word) and not is_value:
            urls += 1
            word = f"--ai-endpoint={word}"
        named.append(word)
    if urls and sum(word.startswith("--ai-endpoint") for word in named) > 1:
        raise UsageError("the endpoint is given more than once: give one URL, or --ai-endpoint=URL")
    return named


def run_pytest(arguments: Sequence[str], command: str = "", own: Sequence[str] = ()) -> int:
    """Run pytest in this process, in the current folder, with our plugin loaded once.

    `own` are the options of the command that passes its others on; one that nobody knows is refused by name.
    """
    plugins = []
    if command:
        plugins.append(UnknownOptions(f"aiharness {command}", own))
    return int(pytest.main([*arguments, *_QUIET], plugins=plugins))


COMMAND = Command(run=_run, add_options=_add_options, takes_rest=True)
