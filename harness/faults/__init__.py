"""Faults: one file each, what a disturbance is and which attributes it takes. No IO.

Tested in tests/faults/test_fault_conformance.py and tests/chaos/proxy/test_toxic_conformance.py, where a file has no
test of its own.
"""
