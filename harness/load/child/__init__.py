"""What runs in the locust child; alone imports locust and gevent, and only scenarios import it.

Tested in tests/load/test_whole_loads.py, tests/load/test_processes.py and tests/load/child/test_engine.py, where a
file has no test of its own.
"""
