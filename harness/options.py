"""The plugin's command line as `Options`."""

from __future__ import annotations

import pytest

from harness.config import Options


def options_of(config: pytest.Config) -> Options:
    """What pytest's command line said in `--ai-…` options."""
    get = config.getoption
    return Options(
        suites=_split(get("ai_suite")),
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
