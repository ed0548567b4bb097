"""`--ai-dry-run`: the plan and what it would cost, without a request."""

from __future__ import annotations

import os

import pytest

from harness.config.resolve import resolve_settings
from harness.core.errors import HarnessError
from harness.core.gate import Exit
from harness.core.plan import Plan
from harness.plugin.collection import search_folders
from harness.plugin.command_line import options_of
from harness.run.planning import build_plan
from harness.suite import catalogue


def dry_run(config: pytest.Config) -> int:
    """Print the plan; exit status 0, or 4 with one clear line."""
    try:
        wanted = resolve_settings(options_of(config), os.environ, search_folders(config))
        declared = [d for suite in wanted.suites for d in catalogue(suite)]
        plan = build_plan(wanted, declared)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    print("\n".join(_describe(plan, wanted.endpoint.url)))
    return int(Exit.PASS)


def _describe(plan: Plan, url: str) -> list[str]:
    """The plan as lines: each check with what it sends and needs."""
    lines = [f"plan {plan.hash[:16]} for {url}: {len(plan.checks)} checks; nothing was sent", ""]
    for check in plan.checks:
        cost = f"{check.requests} requests" + (f", {check.tokens} tokens" if check.tokens else "")
        need = f"; PASS needs at least {check.min_n} of at most {check.cap} samples" if check.min_n else ""
        lines.append(f"  {check.level:8} {check.id}")
        lines.append(f"           {check.title} ({cost} at most{need})")
    lines += ["", "not judged:", *(f"  {line}" for line in plan.not_judged)] if plan.not_judged else []
    total, tokens = sum(c.requests for c in plan.checks), sum(c.tokens for c in plan.checks)
    lines += ["", f"at most {total} requests and about {tokens} generated tokens, apart from a few harmless GETs"]
    lines += [
        "a capability that the endpoint does not offer turns its checks into SKIPPED; your own marked tests are added"
    ]
    return lines
