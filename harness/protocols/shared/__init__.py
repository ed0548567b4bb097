"""What several adapters share; `harness.protocols` lists what other packages may import.

Tested in tests/protocols/test_conformance.py, tests/protocols/text/test_text_family.py,
tests/protocols/tensor/test_v2.py and tests/protocols/tensor/test_tfserving.py, where a file has no test of its own.
"""
