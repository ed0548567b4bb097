"""Read a map of evidence that replaces the shipped one. Tested in tests/reports/test_as_evidence.py."""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.core.errors import UsageError
from harness.core.evidence_map import EvidenceMap


def read_evidence_map(path: Path) -> EvidenceMap:
    """The map in this file. Raises `UsageError`."""
    try:
        evidence_map = msgspec.toml.decode(path.read_bytes(), type=EvidenceMap)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a valid map of evidence: {error}") from None
    for problem in evidence_map.list_problems():
        raise UsageError(f"{path} is not a valid map of evidence: {problem}")
    return evidence_map
