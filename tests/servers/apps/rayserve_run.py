"""`serve run FILE` on a node for few cores: no dashboard, a small object store, and a second try.

A node that is not up within the 30 s that Ray's code gives it ends in an exception; on a busy machine the next one
comes up, because the programs are in memory by then.
"""
# mypy: ignore-errors

import sys

import ray
from ray.serve.scripts import cli

TRIES = 4


def start_node():
    for left in reversed(range(TRIES)):
        try:
            ray.init(num_cpus=2, object_store_memory=100 * 2**20, include_dashboard=False, namespace="serve")
            return
        except Exception as problem:
            print(f"Ray did not start, {left} tries left: {problem}", file=sys.stderr)
            ray.shutdown()
            if not left:
                raise


start_node()
cli(["run", *sys.argv[1:]])
