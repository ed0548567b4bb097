"""Visits of a new user: services as tutorials write them, `aiharness init --yes` and `aiharness gate`, nothing else."""
