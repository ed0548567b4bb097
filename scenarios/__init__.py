"""Scenarios: locustfiles, for stock `locust -f` and for the load suite."""
