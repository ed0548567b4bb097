"""Write the excerpts of reports in the documents: what the terminal says of a seeded defect of a model.

`make excerpts` runs the gates (half a minute); a test marked `catalogue` compares the documents with them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks._detection import run_gate_in
from benchmarks.model_detection import serve_trial
from detection.model_defect import load_model_defects

DOCS = Path(__file__).parent
EXCERPTS = {
    "validation.md": "labels_permuted",
    "parity.md": "scaler_missing",
    "drift.md": "inputs_drifted",
    "fairness.md": "group_threshold",
    "evaluation.md": "often_wrong",
}
"""The defect whose report a document shows."""
_PART, _LEFT_OUT = re.compile(r"\s*(checked:|answer:|seen:|\$)"), ("answer:", "$")
"""How the parts of a report's block begin, and those that are not shown: bodies and commands are long."""
_BEGIN, _END = "<!-- make excerpts writes this report: {} -->\n", "<!-- end of the report -->\n"


def make_excerpt(name: str) -> str:
    """What the report says of the check that names a defect, without the commands that repeat it."""
    defect = load_model_defects()[name]
    with serve_trial(defect, 0, is_broken=True) as (folder, url, more):
        check = defect.caught_by.partition(".py")[0]
        run_gate_in(folder, url, "validation", [*more, "-k", check])
        command = [sys.executable, "-m", "harness", "report", str(folder / "run"), "--format=terminal"]
        shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    blocks = [block for block in shown.split("\n\n") if block.lstrip().startswith("✗ FAIL")]
    lines, is_kept = [], True
    for line in blocks[0].splitlines():
        if match := _PART.match(line):
            is_kept = match[1] not in _LEFT_OUT
        if is_kept:
            lines.append(f"  {line}".rstrip())
    return "\n".join(lines) + "\n"


def put_excerpt(page: str, name: str, excerpt: str) -> str:
    """The page with this excerpt between its two comments. Raises `ValueError` without them."""
    begin = page.index(_BEGIN.format(name)) + len(_BEGIN.format(name))
    return f"{page[:begin]}\n{excerpt}\n{page[page.index(_END, begin) :]}"


def main() -> None:
    """Write every excerpt."""
    for file, name in EXCERPTS.items():
        path = DOCS / file
        path.write_text(put_excerpt(path.read_text("utf-8"), name, make_excerpt(name)), "utf-8")


if __name__ == "__main__":
    main()
