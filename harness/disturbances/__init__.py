"""Faults that clients make: each file is a plug-in, found by its name, with `FAULT`, a `Disturbance`.

Tested in tests/disturbances/test_every_disturbance.py.
"""
