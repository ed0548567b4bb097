"""`python -m harness.io.faultproxy`: the fault proxy as a server."""

from __future__ import annotations

import sys

from harness.io.faultproxy.server import main

if __name__ == "__main__":
    sys.exit(main())
