"""Benchmarks: each file measures one figure of the README beside a yardstick, and prints it."""
