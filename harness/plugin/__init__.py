"""The pytest plugin's front: options and the marker. Everything else is loaded only when `--ai-suite` is given.

Tested in tests/plugin/test_collection.py, tests/plugin/test_exit_statuses.py and tests/plugin/test_fixtures.py, where
a file has no test of its own.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import pytest

import harness.io.clock  # noqa: F401  before a conftest.py can freeze time

MARKER = "ai_suite(name, level='blocker', title=''): run this test in the named suite of the AI release gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The `--ai-…` options; each may also stand in aiharness.toml."""
    from harness.plugin.option_values import make_choice_reader, make_number_reader

    group = parser.getgroup("aiharness", "AI release gate")
    add = group.addoption
    count, seconds = partial(make_number_reader, wanted=int), partial(make_number_reader, wanted=float)
    add("--ai-suite", metavar="NAME,…", action="append", default=[], help="suites to run: smoke, …, or all")
    add("--ai-endpoint", metavar="URL", help="the endpoint under test (or AIHARNESS_ENDPOINT, or [endpoint] url)")
    add("--ai-protocol", metavar="NAME", help="protocol adapter, or auto (default): detected by asking the endpoint")
    add("--ai-model", metavar="NAME", help="the model that must be served")
    add("--ai-config", metavar="FILE", help="configuration file (default: aiharness.toml or [tool.aiharness])")
    add("--ai-run-dir", metavar="DIR", help="where the run is written (default: .aiharness/runs/<utc time>)")
    add("--ai-profile", metavar="NAME", help="how hard objectives are judged: pr, release (default), strict")
    add("--ai-seed", type=count("--ai-seed"), metavar="N", help="seed of everything random (default fixed)")
    add("--ai-max-requests", type=count("--ai-max-requests"), metavar="N", help="end the run in order after N requests")
    add(
        "--ai-max-tokens",
        type=count("--ai-max-tokens"),
        metavar="N",
        help="end the run in order after N generated tokens",
    )
    add(
        "--ai-max-time",
        type=seconds("--ai-max-time"),
        metavar="SECONDS",
        help="end the run in order after so many seconds",
    )
    add(
        "--ai-wait-ready",
        type=seconds("--ai-wait-ready"),
        metavar="SECONDS",
        help="wait until one real prediction succeeds",
    )
    add("--ai-show-config", action="store_true", help="print every setting with its source; send nothing")
    add("--ai-dry-run", action="store_true", help="print the plan and what it costs; send nothing")
    add("--ai-only-packaged", action="store_true", help="leave your own modules out")
    add("--ai-report", metavar="FORMAT[:PATH],…", action="append", default=[], help="extra report formats")
    add("--ai-baseline", metavar="PATH", help="gate.json or run directory to compare with")
    add(
        "--ai-inconclusive",
        type=make_choice_reader("--ai-inconclusive", ("fail", "pass")),
        metavar="fail|pass",
        help="exit status of an INCONCLUSIVE run (printed in the report)",
    )
    add("--ai-allow-partial", action="store_true", help="let a run PASS with planned checks left unrun (printed)")
    add("--ai-accept-first", action="store_true", help="take comparisons without a baseline as first runs (printed)")
    add("--ai-only-check", metavar="ID", help="judge this one check, as a blocker (aiharness rerun gives it)")
    add("--ai-extra-config", metavar="TOML", help="lines that win over the file, like capacity.target_rate=20")
    add("--ai-experiments", metavar="FILE", help="run the [[experiment]] tables of this file; the rest is configured")
    add(
        "--ai-gameday",
        action="store_true",
        help="host a game day: rehearsal, questions, post-mortem (aiharness gameday)",
    )
    add("--ai-yes", action="store_true", help="begin what disturbs the service without asking")
    add("--ai-prove", action="store_true", help="show that each contract check can fail here (aiharness prove)")
    add("--ai-resume", metavar="RUN", help="take over what a run that was cut short decided; ask only the rest")
    add("--ai-stop-early", action="store_true", help="if a blocker of smoke fails, leave the other suites out")
    add("--ai-responsible", metavar="NAME", help="who answers for this run; printed in the report")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> Generator[None]:
    """Name the nearest option for one that nothing declares, a conftest.py included."""
    yield
    if any(argument.startswith("--ai-") for argument in args):
        from harness.plugin.option_values import refuse_unknown

        names = [name for option in parser.getgroup("aiharness").options for name in option.names()]
        refuse_unknown(parser.parse_known_and_unknown_args(args)[1], names)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """`--ai-dry-run` prints the plan in place of a session."""
    if not (_only_shows(config) and config.getoption("ai_suite")):
        return None
    from harness.plugin.dry_run import dry_run, show_config

    return show_config(config) if config.getoption("ai_show_config") else dry_run(config)


def _only_shows(config: pytest.Config) -> bool:
    return bool(config.getoption("ai_dry_run") or config.getoption("ai_show_config"))


@pytest.hookimpl(wrapper=True, tryfirst=True, specname="pytest_load_initial_conftests")
def pytest_aiharness_guard_outputs(early_config: pytest.Config) -> Generator[None]:
    """Before pytest takes its outputs: let them not break a run; a conftest.py that ends pytest is wrong usage."""
    if not early_config.known_args_namespace.ai_suite:
        return (yield)
    from harness.io.outputs import guard_outputs
    from harness.plugin.kept_status import EARLY_EXIT

    guard_outputs()
    try:
        return (yield)
    except (SystemExit, pytest.exit.Exception) as problem:
        early_config.stash[EARLY_EXIT] = f"{type(problem).__name__}: {problem}"


@pytest.hookimpl(wrapper=True, tryfirst=True, specname="pytest_cmdline_main")
def pytest_aiharness_keep_status(config: pytest.Config) -> Generator[None, int, int]:
    """The exit status is the gate's, whatever another plugin makes of it."""
    if not config.getoption("ai_suite") or _only_shows(config) or hasattr(config, "workerinput"):
        return (yield)
    from harness.plugin.kept_status import keep_status

    return (yield from keep_status(config))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, when a suite was asked for, the gate."""
    config.addinivalue_line("markers", MARKER)
    if config.getoption("ai_suite"):
        from harness.plugin.gate import register_gate

        register_gate(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--ai-suite`, a test marked `ai_suite` is skipped: it would fire at an endpoint nobody named."""
    if config.getoption("ai_suite"):
        return
    skip = pytest.mark.skip(reason="needs --ai-suite (it asks a live endpoint)")
    for item in items:
        if item.get_closest_marker("ai_suite"):
            item.add_marker(skip)
