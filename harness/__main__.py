"""`python -m harness` is the `aiharness` command."""

import sys

from harness.cli import main

sys.exit(main())
