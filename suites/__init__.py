"""The suites: packages of pytest modules, found by name."""
