"""Graders of generated text, one file each: pure functions that say why an answer is wrong.

Tested in tests/graders/test_graders.py.
"""
