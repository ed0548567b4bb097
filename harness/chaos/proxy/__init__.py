"""The fault proxy: a server that speaks Toxiproxy's API, with leases, counters, an event log and an HTTP toxic.

Tested in tests/chaos/proxy/test_api_conformance.py, tests/chaos/proxy/test_toxic_conformance.py and
tests/chaos/proxy/test_own_extensions.py, where a file has no test of its own.
"""
