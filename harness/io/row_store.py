"""RowStore: the inputs of a data set, of which many rows of numbers lie on disk.

Tested in tests/io/test_row_store.py.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Sequence
from typing import Any, overload

_MOST_IN_MEMORY = 500_000
"""Numbers above which the rows go to disk: as Python's numbers they would take 32 bytes each."""


class RowStore:
    """Takes inputs, one after the other; `finish` gives them as a sequence."""

    def __init__(self, most: int = _MOST_IN_MEMORY) -> None:
        self._rows: list[Any] = []
        self._numbers, self._most = 0, most
        self._file: DiskRows | None = None

    def add(self, row: Any) -> None:
        """Add an input; all are lists of as many numbers, or none is."""
        if self._file is not None:
            self._file.add(row)
            return
        self._rows.append(row)
        if isinstance(row, list):
            self._numbers += len(row)
            if self._numbers > self._most:
                self._file = DiskRows(len(row))
                for row_before in self._rows:
                    self._file.add(row_before)
                self._rows = []

    def finish(self) -> Sequence[Any]:
        """The inputs in their order."""
        if self._file is not None:
            self._file.flush()
            return self._file
        return tuple(self._rows)


class DiskRows(Sequence[list[float]]):
    """Rows of equally many numbers in an unnamed file, which is gone with the process. Each is read when it is asked.

    Several processes may read it, as the position in the file is not used.
    """

    _AT_ONCE = 1 << 16

    def __init__(self, width: int) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the rows are wanted
        self._width, self._count = width, 0
        self._pending = array("d")

    def add(self, row: Sequence[float]) -> None:
        """Add a row at the end."""
        self._pending.extend(row)
        self._count += 1
        if len(self._pending) >= self._AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are still in memory to the file."""
        self._pending.tofile(self._file)
        self._file.flush()
        self._pending = array("d")

    def __del__(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> list[float]: ...

    @overload
    def __getitem__(self, place: slice) -> list[list[float]]: ...

    def __getitem__(self, place: int | slice) -> list[float] | list[list[float]]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(place)
        size = self._width * self._pending.itemsize
        row = array("d")
        row.frombytes(os.pread(self._file.fileno(), size, place % self._count * size))
        return row.tolist()
