"""Judges of generated text: streams, parameters, tools, structure, token counts.

Tested in tests/suites/integration/test_wrong_generation.py, tests/suites/integration/test_unicode.py and
tests/checks/generation/test_generation_checks.py, where a file has no test of its own.
"""
