"""Figures of answered rows: how good a model is, and how that is known.

`answered_rows.py` is what the service said of the labelled data, as columns; `families/` has the figures, one file a
family, found by name; `quality_metric.py` is what a figure declares of itself.
"""
