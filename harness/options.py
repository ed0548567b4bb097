"""The plugin's command line as `Options`."""

from __future__ import annotations

import pytest

from harness.config import Options

CONFIGURED = "@configured"
"""The suite that stands for `[run] suites`, or for all where the file names none (`aiharness gate`)."""


def options_of(config: pytest.Config) -> Options:
    """What pytest's command line said in `--ai-…` options."""
    get = config.getoption
    return Options(
        suites=tuple(name for name in _split(get("ai_suite")) if name != CONFIGURED),
        all_suites=CONFIGURED in _split(get("ai_suite")),
        endpoint=get("ai_endpoint"),
        protocol=get("ai_protocol"),
        model=get("ai_model"),
        config=get("ai_config"),
        run_dir=get("ai_run_dir"),
        profile=get("ai_profile"),
        seed=get("ai_seed"),
        max_requests=get("ai_max_requests"),
        max_tokens=get("ai_max_tokens"),
        max_time=get("ai_max_time"),
        wait_ready=get("ai_wait_ready"),
        reports=_split(get("ai_report")),
        baseline=get("ai_baseline"),
        inconclusive=get("ai_inconclusive"),
        allow_partial=get("ai_allow_partial"),
        accept_first=get("ai_accept_first"),
        responsible=get("ai_responsible"),
    )


def _split(given: list[str]) -> tuple[str, ...]:
    return tuple(part.strip() for text in given for part in text.split(",") if part.strip())
