"""The plugin's command line as `Options`."""

from __future__ import annotations

from dataclasses import fields

import pytest

from harness.config.options import Options

CONFIGURED = "@configured"
"""The suite that stands for `[run] suites`, or for all where the file names none (`aiharness gate`)."""


def read_options(config: pytest.Config) -> Options:
    """What pytest's command line said in `--ai-…` options."""
    suites = _split(config.getoption("ai_suite"))
    given = {field.name: config.getoption(f"ai_{field.name}", None) for field in fields(Options)}
    given["suites"] = tuple(name for name in suites if name != CONFIGURED)
    given["all_suites"] = CONFIGURED in suites
    given["reports"] = _split(config.getoption("ai_report"))
    return Options(**given)


def count_processes(config: pytest.Config) -> int:
    """How many processes run the checks: xdist's workers, or this one."""
    if config.getoption("dist", "no") == "no":
        return 1
    specs = config.getoption("tx", None) or []
    counts = (spec.partition("*")[0] for spec in specs)  # "popen" or "3*popen"
    return max(1, sum(int(count) if count.isdigit() else 1 for count in counts))


def _split(given: list[str]) -> tuple[str, ...]:
    return tuple(part.strip() for text in given for part in text.split(",") if part.strip())
