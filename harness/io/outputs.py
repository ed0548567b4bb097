"""Standard outputs that cannot break a run: a closed pipe or a full device loses text, never the exit status.

Tested in tests/plugin/test_exit_agrees.py and tests/commands/test_main.py.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Any


class _LenientFile(io.FileIO):
    """A file that drops what it cannot write; `problem` is why the first time."""

    problem = ""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.problem = self.problem or os.strerror(error.errno or errno.EIO)
            return memoryview(data).nbytes


def guard_outputs() -> None:
    """Let neither standard output nor standard error raise any more; one that the shell has closed leads nowhere."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            _open_descriptor(number)
            setattr(sys, name, io.TextIOWrapper(_LenientFile(number, "w", closefd=False), "utf-8", "backslashreplace"))
        elif isinstance(stream, io.TextIOWrapper) and type(_get_raw_file(stream)) is io.FileIO:
            setattr(sys, name, _make_lenient(stream))


def find_output_problem() -> str:
    """Why standard output could not be written, so far; empty while it could, or where it is not guarded."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    raw = _get_raw_file(sys.stdout)
    return raw.problem if isinstance(raw, _LenientFile) else ""


def _get_raw_file(stream: Any) -> Any:
    """The file below a stream, which has no buffer of its own with PYTHONUNBUFFERED."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _make_lenient(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    with contextlib.suppress(OSError):
        stream.flush()
    file: Any = _LenientFile(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        file if isinstance(stream.buffer, io.FileIO) else io.BufferedWriter(file),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _open_descriptor(number: int) -> None:
    """Lead a closed descriptor nowhere: the next file that is opened would get its number, and what is printed."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_WRONLY)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
