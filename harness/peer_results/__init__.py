"""Results of other evaluation tools, one file each: pure functions that read them as items with recorded answers.

Tested in tests/peer_results/test_peers.py.
"""
