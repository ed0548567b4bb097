"""`aiharness proxy`: the fault proxy as a server."""

from __future__ import annotations

from collections.abc import Sequence

from harness.chaos.proxy.server import main
from harness.commands.command import Command


def _run(rest: Sequence[str]) -> int:
    """Run the fault proxy as a server, which reads its options itself."""
    return main(rest)


COMMAND = Command(run=_run, add_options=lambda parser: None, takes_rest=True, has_help=False)
