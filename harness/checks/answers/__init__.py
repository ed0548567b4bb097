"""Judges of valid answers: their content, form, health, identity and time.

Tested in tests/wrong_verdicts/test_wrong_smoke_verdicts.py, tests/suites/integration/test_batch_and_concurrent.py,
tests/suites/integration/test_embeddings.py, tests/suites/integration/test_replicas.py and
tests/suites/validation/test_accuracy.py, where a file has no test of its own.
"""
