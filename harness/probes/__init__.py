"""Probes of language models and of what serves them, one file each: forms, their controls, and a detector.

Tested in tests/probes/test_probes_conformance.py.
"""
