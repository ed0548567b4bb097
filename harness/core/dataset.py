"""Dataset: labelled inputs, read once before the plan.

Tested in tests/io/test_dataset.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, starmap
from typing import Any, Literal

from harness.core.errors import UsageError
from harness.core.registry import describe_unknown

_RANGES, _MOST_VALUES = 4, 12
"""Ranges into which a column of numbers is cut that has more different values than this."""


@dataclass(frozen=True, slots=True)
class Facets:
    """The settings of labelled data other than its inputs and labels, as the fields of `Dataset`.

    `weight` names the column of weights, `time` that of times.
    """

    slices: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    weight: str | None = None
    task: str = ""
    classes: tuple[str, ...] = ()
    time: str | None = None

    def list_columns(self, group: str | None) -> tuple[str, ...]:
        """The columns that it names, and that of the group, each once."""
        return tuple(
            dict.fromkeys(name for name in (group, *self.slices, *self.sensitive, self.weight, self.time) if name)
        )


NO_FACETS = Facets()


def cut_into_ranges(values: Sequence[str]) -> Sequence[str]:
    """Numbers of more than a dozen different values as four ranges of equally many rows; others as they are."""
    if len(set(values)) <= _MOST_VALUES:
        return values
    try:
        numbers = [float(value) if value else None for value in values]
    except ValueError:
        return values
    ranked = sorted(number for number in numbers if number is not None)
    edges = sorted({ranked[len(ranked) * place // _RANGES] for place in range(1, _RANGES)})
    bounds = [ranked[0], *edges, ranked[-1]]
    names = list(starmap("{:g} to {:g}".format, pairwise(bounds)))
    return ["" if number is None else names[bisect_left(edges, number)] for number in numbers]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled inputs of one file.

    `inputs[i]` is a row of numbers (a list of floats), a prompt (str) or an object of named fields (dict), `labels[i]`
    what is expected of it, and `groups[i]` the name of the slice that it belongs to. `digest` is the SHA-256 of the
    file; `shape` what one row of numbers looks like, such as (8, 8) for an image. `names` are those of the numbers in a
    row, where the file has them. `columns[name][i]` is the value of a column by which the rows are cut into slices, as
    text (`slices`, `sensitive` name which is for what); `weights[i]` how much a row counts, `times[i]` when it was
    recorded (s, or any number that grows). `task` is what the model does; `classes` are the labels in the order of
    the scores, where the configuration gives it.
    """

    name: str
    inputs: Sequence[Any]
    labels: Sequence[Any] | None = None
    groups: Sequence[str] | None = None
    digest: str = ""
    shape: tuple[int, ...] | None = None
    names: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    weights: Sequence[float] | None = None
    task: str = ""
    classes: tuple[str, ...] = ()
    times: Sequence[float] | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether it has labels of which a figure can be made: classes, numbers, or grades of documents."""
        if self.labels is None:
            return False
        return self.task == "ranking" or not any(isinstance(label, list | dict) for label in self.labels)

    @property
    def answers(self) -> Literal["classes", "numbers", "vectors", "ranking", ""]:
        """What a right answer consists of, by the task or else by the labels; empty without labels of that form."""
        if not self.is_labelled:
            return ""
        if self.task == "embedding":
            return "vectors"
        if self.task == "ranking":
            return "ranking"
        if self.task == "regression":
            return "numbers"
        has_fractions = any(isinstance(label, float) for label in self.labels or ())
        return "numbers" if has_fractions else "classes"

    @property
    def asked_for(self) -> Literal["classes", "numbers", "vectors", "ranking", ""]:
        """What its rows are asked for: a right answer's form, or without labels that of the task, classes by default.

        Empty where there are labels of another form, or an order without grades.
        """
        if self.labels is not None:
            return self.answers
        return {"embedding": "vectors", "regression": "numbers", "ranking": ""}.get(self.task, "classes")  # type: ignore[return-value]

    def find_features(self, features: Iterable[str | int]) -> list[str | int]:
        """The keys of these features in a row: of a row that is a list their places. Raises `UsageError` for others."""
        first, keys = self.inputs[0], list(features)
        if isinstance(first, list):
            keys = [self.names.index(key) if key in self.names else key for key in keys]
        for key in keys:
            if isinstance(first, list) and key not in range(len(first)):
                known = self.names or [f"0 to {len(first) - 1}"]
                raise UsageError(describe_unknown("feature", str(key), known))
            if isinstance(first, dict) and not any(key in row for row in self.inputs):
                raise UsageError(describe_unknown("feature", str(key), first))
        return keys

    def list_slices(self) -> list[str]:
        """The names of all slices, sorted: the values of the group's column, and `column=value` of every other."""
        names = set(self.groups or ()) - {""}
        for column, values in self.columns.items():
            for value in set(values) - {""}:
                names.add(f"{column}={value}")
        return sorted(names)

    def select_slice(self, name: str | None) -> Sequence[int]:
        """The places of the rows of a slice, in their order; of all rows for None."""
        if name is None:
            return range(len(self.inputs))
        if self.groups and name in self.groups:
            return [number for number, group in enumerate(self.groups) if group == name]
        for column, values in self.columns.items():
            if name.startswith(f"{column}="):
                value = name.removeprefix(f"{column}=")
                return [number for number, own in enumerate(values) if own == value]
        return []

    def count_label(self, label: str, name: str | None = None) -> int:
        """How many rows of a slice have this label."""
        if self.labels:
            return sum(str(self.labels[number]) == label for number in self.select_slice(name))
        return 0
