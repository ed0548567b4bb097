"""`--ai-dry-run`: the plan and what it would cost; `--ai-show-config`: the settings. Neither sends a request."""

from __future__ import annotations

import os

import pytest

from harness.chaos.briefing import describe_game_day
from harness.config.resolve import resolve_settings
from harness.config.shown_values import describe_values
from harness.core.errors import HarnessError
from harness.core.gate import Exit
from harness.core.plan import Plan, PlannedCheck, PlannedMeasurement
from harness.plugin.collection import list_config_folders
from harness.plugin.command_line import count_processes, read_options
from harness.run.planning import build_plan
from harness.suite import list_checks


def dry_run(config: pytest.Config) -> int:
    """Print the plan; exit status 0, or 4 with one clear line."""
    try:
        wanted = resolve_settings(read_options(config), os.environ, list_config_folders(config))
        declared = [d for suite in wanted.suites for d in list_checks(suite)]
        plan = build_plan(wanted, declared, processes=count_processes(config))
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    briefing = [*describe_game_day(wanted), ""] if wanted.gameday else []
    print("\n".join([*briefing, *_describe(plan, wanted.endpoint.url)]))
    return int(Exit.PASS)


def show_config(config: pytest.Config) -> int:
    """Print every setting with its source; exit status 0, or 4 with one clear line."""
    try:
        lines = describe_values(read_options(config), os.environ, list_config_folders(config))
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    print("\n".join(lines))
    return int(Exit.PASS)


def _describe(plan: Plan, url: str) -> list[str]:
    """The plan as lines: each check and each measurement with what it sends and needs."""
    lines = [f"plan {plan.hash[:16]} for {url}: {len(plan.checks)} checks; nothing was sent", ""]
    for check in plan.checks:
        need = f"; PASS needs at least {check.min_n} of at most {check.cap} samples" if check.min_n else ""
        lines.append(f"  {check.level:8} {check.id}")
        lines.append(f"           {check.title} ({_describe_cost(check)}{need})")
    if plan.measurements:
        lines += ["", "measured once, and judged by the checks that name it:"]
        for measurement in plan.measurements:
            lines.append(f"  {measurement.id} ({_describe_cost(measurement)})")
            if measurement.note:
                lines.append(f"    {measurement.note}")
    if plan.not_judged:
        lines += ["", "not judged:", *(f"  {line}" for line in plan.not_judged)]
    cost = plan.cost
    processes = f" in {plan.processes} processes" if plan.processes > 1 else ""
    return [
        *lines,
        "",
        f"at most {cost.requests} requests{processes} and about {cost.tokens} generated tokens, apart from a few "
        "harmless GETs and from repeats of requests that the service dropped with a kept connection",
        "a capability that the endpoint does not offer turns its checks into SKIPPED; your own marked tests are added",
    ]


def _describe_cost(planned: PlannedCheck | PlannedMeasurement) -> str:
    if isinstance(planned, PlannedCheck) and planned.measures:
        return f"judges {', '.join(planned.measures)}"
    parts = [f"{planned.requests} requests"]
    if planned.tokens:
        parts.append(f"{planned.tokens} tokens")
    if isinstance(planned, PlannedMeasurement) and planned.seconds:
        parts.append(f"about {planned.seconds:.0f} s")
    return f"{', '.join(parts)} at most"
