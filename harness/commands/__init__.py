"""The commands of `aiharness`, one file each.

Tested in tests/commands/test_main.py and tests/chaos/test_injector.py, where a file has no test of its own.
"""
