"""`python -m harness` is the `aiharness` command."""

import sys

from harness.commands.main import main

sys.exit(main())
