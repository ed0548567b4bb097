"""`aiharness proxy`: the fault proxy as a server."""

from __future__ import annotations

from collections.abc import Sequence

from harness.chaos.proxy.server import main


def proxy_command(rest: Sequence[str]) -> int:
    """Run the fault proxy as a server; its options are its own."""
    return main(rest)
