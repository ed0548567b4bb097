"""Read the findings of earlier runs from JSON Lines.

Tested in tests/robustness/test_findings.py.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.core.errors import UsageError
from harness.core.stored_finding import StoredFinding


def read_findings(path: Path) -> tuple[StoredFinding, ...]:
    """The confirmed findings of the file: for each attack and input the last one.

    Raises `UsageError` for a file that cannot be read, and names the line that is not a valid finding.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}): give a file like adversarial/ATTACK.findings.jsonl of a run"
        ) from None
    findings: dict[str, StoredFinding] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            finding = msgspec.json.decode(line, type=StoredFinding)
        except msgspec.MsgspecError as error:
            raise UsageError(f"{path}:{number} is not a valid finding: {error}") from None
        if finding.state == "confirmed":
            findings[finding.slug] = finding
    return tuple(findings.values())
