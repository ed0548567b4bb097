"""Families of metrics, one file each: a file's `FAMILY` are the `QualityMetric`s of its family."""
