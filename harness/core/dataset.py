"""Dataset: labelled inputs, read once before the plan.

Tested in tests/io/test_dataset.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled inputs of one file.

    `inputs[i]` is a row of numbers (a list of floats), a prompt (str) or an object of named fields (dict), `labels[i]`
    what is expected of it, and `groups[i]` the name of the slice that it belongs to. `digest` is the SHA-256 of the
    file; `shape` what one row of numbers looks like, such as (8, 8) for an image. `names` are those of the numbers in
    a row, where the file has them.
    """

    name: str
    inputs: tuple[Any, ...]
    labels: tuple[Any, ...] | None = None
    groups: tuple[str, ...] | None = None
    digest: str = ""
    shape: tuple[int, ...] | None = None
    names: tuple[str, ...] = ()
