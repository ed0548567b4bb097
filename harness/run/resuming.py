"""Go on with a run that was cut short: verdicts and finished measurements of the same plan are taken over.

The new run has a directory of its own. Nothing is asked again that was decided, and nothing pooled: a check that was
cut short begins anew. Tested in tests/commands/test_gate_resume.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.plan import WHOLE_RUN, Plan
from harness.core.verdict import Status
from harness.io.rundir import EVIDENCE, FAULTS, EvidenceLine, RunDir, read_run
from harness.run.kept_samples import name_samples

_ADOPTED = ".adopted"
_NOT_ASKED = (WHOLE_RUN, "ai-baseline/")


def is_asked(id_: str) -> bool:
    """Whether a test asks what this check judges; else the run judges it at its end."""
    return not id_.startswith(_NOT_ASKED)


def adopt_run(old: Path, run_dir: RunDir, plan: Plan, head: Mapping[str, Any]) -> tuple[str, ...]:
    """Take over what the run in `old` decided of this plan; the ids of these checks.

    An ERROR, and a check that was left out, are asked again. Raises `UsageError` where that run had another target,
    harness or configuration, or left nothing to do.
    """
    saved = read_run(old)
    if problem := saved.changed or _find_difference(saved.head, saved.plan, head, plan):
        raise UsageError(f"--resume={old.name}: {problem}, so that its verdicts are not of this run")
    planned = {check.id: check for check in plan.checks}
    before = {check.id: check for check in saved.plan.checks} if saved.plan else {}
    lines_by_check: dict[str, list[EvidenceLine]] = {}
    for line in saved.evidence:
        check = planned.get(line.check)
        if check and before.get(line.check) == check and is_asked(check.id):
            lines_by_check.setdefault(check.id, []).append(line)
    open_ones = (Status.ERROR, Status.SKIPPED)
    adopted = [
        id_ for id_, lines in lines_by_check.items() if not any(line.verdict.status in open_ones for line in lines)
    ]
    left = [id_ for id_, check in planned.items() if id_ not in adopted and not check.not_applicable]
    if not any(map(is_asked, left)) and saved.gate is not None:
        raise UsageError(f"--resume={old.name}: that run left nothing to do")
    for id_ in adopted:
        for line in lines_by_check[id_]:
            run_dir.append(EVIDENCE, line)
    for path in (*_list_finished(old, plan), *_list_samples(old, adopted)):
        target = run_dir.path / path.relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    with suppress(OSError):
        shutil.copyfile(old / FAULTS, run_dir.path / FAULTS)
    run_dir.write(_ADOPTED, json.dumps(adopted).encode())
    return tuple(adopted)


def read_adopted(run_dir: RunDir) -> frozenset[str]:
    """The checks whose verdicts were taken over, for every process of the run."""
    with suppress(OSError):
        return frozenset(json.loads((run_dir.path / _ADOPTED).read_bytes()))
    return frozenset()


def _find_difference(old_head: Mapping[str, Any], old_plan: Plan | None, head: Mapping[str, Any], plan: Plan) -> str:
    """In what the two runs differ; empty for the same target, harness and configuration."""
    if old_plan is None:
        return "it has no plan"
    if old_head.get("target") != head.get("target"):
        return "its target was another"
    if old_head.get("environment", {}).get("aiharness") != head["environment"].get("aiharness"):
        return "another version of aiharness made it"
    ours, theirs = dict(plan.policy), dict(old_plan.policy)
    for name in dict.fromkeys((*theirs, *ours)):
        if ours.get(name) != theirs.get(name):
            return f"its {name} was another"
    return ""


def _list_samples(old: Path, adopted: Sequence[str]) -> Iterator[Path]:
    """The files of kept requests of these checks."""
    yield from filter(Path.is_file, (old / name_samples(id_) for id_ in adopted))


def _list_finished(old: Path, plan: Plan) -> Iterator[Path]:
    """The files of measurements that were finished."""
    for measurement in plan.measurements:
        state, result = old / f"{measurement.id}.state", old / f"{measurement.id}.json"
        with suppress(OSError, ValueError):
            if json.loads(state.read_bytes()).get("state") == "done" and result.is_file():
                yield from (state, result)
