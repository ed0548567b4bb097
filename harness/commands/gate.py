"""`aiharness gate`: run suites and decide, with pytest in this process."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.plugin.command_line import CONFIGURED

QUIET = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
"""A command of ours has imported what pytest wanted to import itself."""


def gate_command(suite: str | None, rest: Sequence[str]) -> int:
    """Run these suites, else those of the configuration, with pytest's options in `rest`."""
    return run_pytest([f"--ai-suite={suite or CONFIGURED}", *rest])


def run_pytest(arguments: Sequence[str]) -> int:
    """Run pytest in this process, in the current folder, with our plugin loaded once."""
    return int(pytest.main([*arguments, *QUIET]))
