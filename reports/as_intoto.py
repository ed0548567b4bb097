"""An in-toto statement of the predicate test-result v0.1, to be signed (`cosign attest-blob --statement`) and enforced.

Only a PASS is PASSED; one with warnings, waivers, loosened rules or unrun checks is WARNED. Everything else is FAILED,
also what an option let through. The subject is the digest that the service states as its version, where that is one;
else a digest over what was configured of it, under a name that nobody takes for an artifact's.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import Any

from harness.core.report import Report
from harness.core.verdict import Status
from harness.core.visible_text import fold_line

from . import _view
from ._outcomes import GATE_NAME, Counted, count_check, count_run
from ._plain import write_json

SUFFIX = ".intoto.json"

_DIGESTS = {"sha256": r"(?:sha256:)?([0-9a-f]{64})", "gitCommit": r"([0-9a-f]{40})"}


def render(report: Report) -> str:
    """The statement, unsigned."""
    names: defaultdict[Counted, list[str]] = defaultdict(list)
    for row in report.checks:
        names[count_check(row, report)].append(fold_line(row.id, 1000))
    result = _choose_result(report)
    lists = {
        "passedTests": names[Counted.PASSED],
        "warnedTests": names[Counted.REMARK],
        "failedTests": [*names[Counted.FAILED], *names[Counted.BROKEN]],
    }
    lists[f"{result.lower()}Tests"].insert(0, GATE_NAME)
    plan = {"name": "aiharness plan", "digest": {"sha256": report.plan.hash}}
    settings = {"name": "aiharness run", "annotations": _describe_run(report)}
    configuration = [plan, settings] if re.fullmatch(r"[0-9a-f]{64}", report.plan.hash) else [settings]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [_describe_subject(report)],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"configuration": configuration, "result": result, **lists},
    }
    return write_json(statement)


def _choose_result(report: Report) -> str:
    if report.run.verdict is not Status.PASS:
        return "FAILED"
    counted = count_run(report)
    if counted is Counted.PASSED and _view.format_headline(report) == str(report.run.verdict):
        return "PASSED"
    return "WARNED" if counted in (Counted.PASSED, Counted.REMARK) else "FAILED"


def _describe_run(report: Report) -> dict[str, str]:
    run = report.run
    parts = {
        "verdict": f"{run.verdict}: {run.reason}",
        "exitStatus": str(run.exit_status),
        "coverage": _view.format_coverage(report),
        "run": run.id,
        "started": run.started,
        "finished": run.finished,
        "responsible": run.responsible or "",
        "version": report.environment.get("aiharness", ""),
    }
    return {name: fold_line(value, 500) for name, value in parts.items() if value}


def _describe_subject(report: Report) -> dict[str, Any]:
    target = report.target
    name = fold_line(target.url, 500)
    for algorithm, pattern in _DIGESTS.items():
        if match := re.fullmatch(pattern, (target.version or "").strip().lower()):
            return {"name": name, "digest": {algorithm: match[1]}}
    text = "\0".join((target.url, target.protocol, target.model or "", target.version or ""))
    return {"name": name, "digest": {"aiharnessTarget": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()}}
