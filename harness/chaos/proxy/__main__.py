"""`python -m harness.chaos.proxy`: the fault proxy as a server."""

from __future__ import annotations

import sys

from harness.chaos.proxy.server import main

if __name__ == "__main__":
    sys.exit(main())
