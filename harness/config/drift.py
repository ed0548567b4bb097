"""The section `[drift]`, and the file of the reference sample.

Tested in tests/suites/validation/test_drift.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.config.file import ConfigSource
from harness.config.sections import DataSection, DriftSection
from harness.core.dataset import Dataset, Facets
from harness.core.drift import DriftSettings


def read_drift(
    section: DriftSection, data_section: DataSection, data: Dataset | None, source: ConfigSource
) -> DriftSettings:
    """The reference sample, with the inputs that the data have. Raises `ConfigError` that names file and row."""
    settings = DriftSettings(measure=section.measure, limit=section.limit, vector_limit=section.vector_limit)
    for key, limit in (("limit", section.limit), ("vector_limit", section.vector_limit)):
        if limit >= 0.5 and (key == "vector_limit" or section.measure == "ks"):
            raise source.error(
                f"must be a distance under 0.5, as twice as much is refuted, got {limit:g}", "drift", key
            )
    if section.reference is None and section.prediction is not None:
        raise source.error("names a column of the reference: give its file with reference", "drift", "prediction")
    if section.reference is None or data is None:
        return settings
    from harness.io.dataset import read_dataset  # numpy: only for those who have data
    from harness.metrics.input_columns import list_names  # numpy as well

    path = source.find_file(section.reference, "drift", "reference")
    is_recorded = section.prediction is not None
    with source.locate_errors("drift", "reference"):
        reference = read_dataset(
            path,
            label=section.prediction or data_section.label * data_section.labelled,
            inputs=tuple(data_section.inputs) or data.names or list_names(data),
            types=data_section.types,
            missing=data_section.missing,
            labels={} if is_recorded else data_section.labels,
            facets=Facets(task=data.task, classes=() if is_recorded else tuple(data_section.classes)),
        )
    recorded = reference.labels if is_recorded else None
    if recorded is not None and (data.asked_for == "vectors" or isinstance(recorded[0], list)):
        _check_vectors(recorded, source)
    return replace(settings, reference=reference, is_recorded=is_recorded)


def _check_vectors(vectors: Sequence[Any], source: ConfigSource) -> None:
    """Raises `ConfigError` unless all are lists of equally many numbers."""
    width = len(vectors[0]) if isinstance(vectors[0], list) else 0
    for row, vector in enumerate(vectors):
        if not isinstance(vector, list) or len(vector) != width or not all(type(x) in (int, float) for x in vector):
            problem = f"row {row} is {vector!r:.40}; recorded vectors are lists of equally many numbers"
            raise source.error(problem, "drift", "prediction")
