"""The profile `strict` makes blockers of what only warns elsewhere, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

from harness.core.check_spec import CheckSpec
from harness.core.endpoint import Endpoint
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.settings import Settings
from harness.core.verdict import Level
from harness.run.planning import build_plan


def levels(profile: str, objective_level: str = "warn") -> dict[str, Level]:
    objective = parse_objective("smoke", "error_rate", "<= 10 %", PROFILES[profile], level=objective_level)
    settings = Settings(Endpoint("http://127.0.0.1:1"), ("smoke",), (objective,))
    declared = [(level, "smoke", CheckSpec(level, level=Level(level))) for level in ("blocker", "warn", "info")]
    declared.append(("objective", "smoke", CheckSpec("objective", per="objective")))
    plan = build_plan(replace(settings, profile=PROFILES[profile]), declared)
    return {check.id.partition("[")[0]: check.level for check in plan.checks}


def test_strict_raises_warnings_of_packaged_checks_only() -> None:
    assert levels("release") == {"blocker": "blocker", "warn": "warn", "info": "info", "objective": "warn"}
    assert levels("strict") == {"blocker": "blocker", "warn": "blocker", "info": "info", "objective": "warn"}
