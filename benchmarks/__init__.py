"""Benchmarks: each file measures one figure of the README, beside something to compare it with, and prints it."""
