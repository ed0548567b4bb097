"""Seeded defects of models, by kind of data: each module offers `DEFECTS`."""
