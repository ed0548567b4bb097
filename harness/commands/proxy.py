"""`aiharness proxy`: the fault proxy as a server."""

from __future__ import annotations

from collections.abc import Sequence

from harness.chaos.proxy.server import main
from harness.commands.command import Command
from harness.core.gate import Exit


def _run(rest: Sequence[str]) -> int:
    """Run the fault proxy as a server, which reads its options itself."""
    try:
        return main(rest)
    except SystemExit as ended:
        return int(Exit.USAGE) if ended.code else int(Exit.PASS)  # argparse's own status for wrong usage is another


COMMAND = Command(run=_run, add_options=lambda parser: None, takes_rest=True, has_help=False)
