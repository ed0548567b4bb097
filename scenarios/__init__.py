"""Scenarios: locustfiles, for stock `locust -f` and for the load suite.

Tested in tests/load/test_whole_loads.py, where a file has no test of its own.
"""
