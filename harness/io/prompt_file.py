"""Read prompts, conversations or the lengths of a trace from a file. Every error names the file and the row.

JSONL has an object a line, CSV a header, JSON a list of objects. A row is a prompt (`prompt`, `input`, `text`,
`question`, or the named column), messages with roles (`messages`), a conversation of ShareGPT (`conversations`, with
`from` and `value`), or a line of a trace (`input_length`, `output_length`, `hash_ids`, as Mooncake publishes them).

Tested in tests/load/workload/test_datasets.py.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.io.cells import refuse_cell
from harness.io.json_lines import read_json_lines

_COLUMNS = ("prompt", "input", "text", "question")
_SPEAKERS = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
_MOST_BYTES = 256 * 2**20


def read_prompt_file(path: Path, column: str | None = None) -> list[dict[str, Any]]:
    """The rows, each with one of `prompt`, `messages` or `input_length` beside its own fields. Raises `ConfigError`."""
    readers = {".jsonl": read_json_lines, ".ndjson": read_json_lines, ".csv": _read_table, ".json": _read_list}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        refuse_cell(str(path), f"unknown kind of file {path.suffix!r}; give one of {', '.join(readers)}")
    try:
        if path.stat().st_size > _MOST_BYTES:
            refuse_cell(str(path), f"the file is over {_MOST_BYTES >> 20} MiB; give a part of it")
        rows = [_read_row(where, row, column) for where, row in reader(path)]
    except FileNotFoundError:
        refuse_cell(str(path), "there is no such file")
    except UnicodeDecodeError:
        refuse_cell(str(path), "is not UTF-8 text; save it as UTF-8")
    except OSError as problem:
        refuse_cell(str(path), f"cannot be read ({problem.strerror or problem})")
    if not rows:
        refuse_cell(str(path), "the file holds no rows")
    return rows


def _read_table(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield f"{path}:{reader.line_num}", row


def _read_list(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        rows = json.loads(path.read_text("utf-8-sig"))
    except (json.JSONDecodeError, RecursionError) as problem:
        refuse_cell(str(path), f"not JSON ({problem})")
    if not isinstance(rows, list):
        refuse_cell(str(path), "a JSON file must be a list of objects")
    for number, row in enumerate(rows, 1):
        yield f"{path} (entry {number})", row


def _read_row(where: str, row: Any, column: str | None) -> dict[str, Any]:
    if isinstance(row, str):
        row = {"prompt": row}
    if not isinstance(row, dict):
        refuse_cell(where, "must be an object or a text")
    if column is None and "input_length" in row:
        return _read_trace_line(where, row)
    if column is None and isinstance(row.get("messages", row.get("conversations")), list):
        return {**row, "messages": _read_messages(where, row)}
    names = (column,) if column else _COLUMNS
    prompts = [row[name] for name in names if isinstance(row.get(name), str) and row[name].strip()]
    if prompts:
        return {**row, "prompt": prompts[0]}
    return refuse_cell(
        where, f"has no prompt: give a text as {' or '.join(names)}, or name its column as [load] column"
    )


def _read_trace_line(where: str, row: dict[str, Any]) -> dict[str, Any]:
    for name in ("input_length", "output_length"):
        value = row.get(name, 1)
        if type(value) is not int or not 0 < value <= 10_000_000:
            refuse_cell(where, f"{name} must be a whole number over 0, got {value!r}")
    hashes = row.get("hash_ids", [])
    if not isinstance(hashes, list) or any(type(number) not in (int, str) for number in hashes):
        refuse_cell(where, f"hash_ids must be a list of whole numbers, got {hashes!r:.60}")
    return row


def _read_messages(where: str, row: dict[str, Any]) -> list[dict[str, str]]:
    """The messages with roles up to the first of a user, which is what one request asks."""
    messages = []
    for entry in [*row.get("messages", []), *row.get("conversations", [])]:
        if not isinstance(entry, dict):
            refuse_cell(where, "a message must be an object")
        role = _SPEAKERS.get(str(entry.get("role", entry.get("from"))))
        content = entry.get("content", entry.get("value"))
        if role is None or not isinstance(content, str):
            refuse_cell(where, "a message needs a role (or from: human, gpt, system) and a text as content (or value)")
        messages.append({"role": role, "content": content})
        if role == "user":
            return messages
    return refuse_cell(where, "the conversation has no message of a user")
