"""A seeded defect of a model: the same configuration meets a healthy model, which passes, and one that is wrong."""

from __future__ import annotations

import importlib
import io
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
Serve = Callable[[], AbstractContextManager[str]]
"""Starts a service; the URL inside the `with`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrial:
    """What one seed draws: a folder of files with its `aiharness.toml` (`config`), and two services for it.

    `has_baseline`: the healthy service is the second endpoint as well. `broken_files` take the place of files where the
    data is what is wrong.
    """

    config: str
    healthy: Serve
    broken: Serve
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    has_baseline: bool = False
    broken_files: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelDefect:
    """One way in which a served model is wrong.

    The check `caught_by` (the beginning of its id below `ai-suite/validation/`) must FAIL with `words` in its reason at
    `n` rows or prompts of the `trial` of any seed, and the whole gate must PASS the healthy service of the same trial.
    """

    name: str
    title: str
    caught_by: str
    words: str
    n: int
    trial: Callable[[int], ModelTrial]


def load_model_defects() -> dict[str, ModelDefect]:
    """Every defect of the modules in `detection/model_defects/`, by name."""
    defects = {}
    for module in pkgutil.iter_modules(importlib.import_module("detection.model_defects").__path__):
        for defect in importlib.import_module(f"detection.model_defects.{module.name}").DEFECTS:
            assert defect.name not in defects
            defects[defect.name] = defect
    return defects


def format_csv(columns: Mapping[str, Any]) -> str:
    """Columns of equal length as CSV with a header."""
    lines = [",".join(columns)]
    lines += [",".join(map(_format_cell, cells)) for cells in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"


def _format_cell(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)


def pack_arrays(**arrays: Any) -> bytes:
    """The arrays as an NPZ file."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def softmax(logits: Numbers) -> Numbers:
    """The probabilities of logits of shape (n, classes)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
