"""Workloads, one file each: what the requests of a load are. Found by name; pure, and reproducible from a seed.

Tested in tests/load/workload/test_requests.py, where a file has no test of its own.
"""
