"""The answers that an earlier run had to the same rows, which are not asked again: `[data] resume`.

Beside each file of answers lies its head: what the answers depend on. Tested in tests/run/test_earlier_answers.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.core.dataset import Dataset
from harness.core.errors import UsageError
from harness.core.settings import DataSettings
from harness.io.rundir import RunDir
from harness.run.row_asking import RowBatch
from harness.run.session import Session


def recall_answers(session: Session, data: DataSettings, run_dir: RunDir, name: str) -> Iterator[RowBatch]:
    """What the run that `[data] resume` names was answered, in its file of this name; nothing without one.

    The head of this run's own file is written. Raises `UsageError` for answers to other rows or of another endpoint.
    """
    assert data.dataset is not None
    head = _describe_head(session, data.dataset)
    place = Path(name).with_suffix(".head.json")
    run_dir.write(str(place), msgspec.json.encode(head))
    if data.resume is None:
        return iter(())
    _check_head(json.loads(run_dir.clean(msgspec.json.encode(head))), Path(data.resume) / place)
    return _read_answers(Path(data.resume) / name, len(data.dataset.inputs))


def _read_answers(path: Path, size: int) -> Iterator[RowBatch]:
    """The lines of the file; one that a kill has torn holds nothing, and a row counts by the first line that has it."""
    if not path.exists():
        return
    decoder, known = msgspec.json.Decoder(RowBatch), bytearray(size)
    with path.open("rb") as file:
        for line in file:
            try:
                batch = decoder.decode(line)
            except msgspec.DecodeError:
                continue
            if any(not 0 <= number < size or known[number] for number in batch.rows):
                continue
            for number in batch.rows:
                known[number] = 1
            yield batch


def _describe_head(session: Session, data: Dataset) -> dict[str, Any]:
    """What the answers depend on; of options and rows a digest."""
    endpoint, rows = session.endpoint, (data.inputs[0], data.inputs[-1], len(data.inputs), data.shape)
    return {
        "endpoint": f"{endpoint.url} {endpoint.protocol} {endpoint.model or ''}".strip(),
        "data": data.digest,
        "classes": list(data.classes),
        "task": data.answers,
        "options": _compute_digest(endpoint.options),
        "rows": _compute_digest(rows),
        "seed": session.settings.seed,
    }


def _compute_digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:16]


def _check_head(head: dict[str, Any], path: Path) -> None:
    try:
        theirs = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise UsageError(
            f"[data] resume: {path} cannot be read; give the run directory of a run that asked these rows, or remove "
            "the key"
        ) from None
    for name, value in head.items():
        if not isinstance(theirs, dict) or theirs.get(name) != value:
            other = theirs.get(name) if isinstance(theirs, dict) else None
            raise UsageError(
                f"[data] resume: {path.parent.parent} was recorded with {name} {other!r:.60}, now it is {value!r:.60}; "
                "give the same data, options and endpoint as that run had, or remove the key resume"
            )
