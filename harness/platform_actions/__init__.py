"""Faults that the platform makes: each file is a plug-in, found by its name, with `FAULT`, a `PlatformAction`.

Tested in tests/chaos/test_platform.py.
"""
