"""Judge a saved run by other limits: nothing is sent.

A check whose rule is as before keeps its verdict. One that judges a finished measurement (a load, asked rows, an
attack, an experiment) is called with the measurement's file; an objective whose requests were kept one by one counts
them again. Where this decides nothing, an earlier verdict may imply one. Else the check is INCONCLUSIVE and says so.
Tested in tests/commands/test_rejudge.py.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from harness.core.check_spec import Axis, list_axes, list_bindings
from harness.core.errors import HarnessError, UsageError
from harness.core.evidence_map import EvidenceMap
from harness.core.plan import Plan, PlannedCheck
from harness.core.proof import PROOF_ID
from harness.core.rejudgement import find_other_policy, follow_verdict, is_same_rule
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict, choose_worst, make_inconclusive
from harness.core.waiver import describe_waivers, waive_checks
from harness.io.clock import read_date
from harness.io.rundir import EVIDENCE, GATE, PLAN, EvidenceLine, RunDir, SavedRun
from harness.run.baseline import compare_with_baseline, find_baseline
from harness.run.gate_run import GateRun
from harness.run.kept_samples import find_samples
from harness.run.measurements import Measurements, is_measured
from harness.run.objective import judge_kept
from harness.run.planning import build_plan, rule_out_checks
from harness.run.unprovoked import CHECK_ID as UNPROVOKED
from harness.run.unprovoked import judge_unprovoked

AGAIN = "again"
"""The folder in a run directory that holds its second judgements."""
_OF_THE_RUN = (PLAN, EVIDENCE, GATE, AGAIN, "rerun.json", "report.html", "junit.xml")
"""What the second judgement writes itself."""
_NOT_SAVED = "it cannot be judged again from what is saved"


@dataclass(frozen=True, slots=True)
class SavedEvidence:
    """A run that is judged again: its folder, its plan, what it left, and why it is not whole (empty where it is)."""

    folder: Path
    plan: Plan
    saved: SavedRun
    cut_short: str = ""

    @property
    def old_checks(self) -> Mapping[str, PlannedCheck]:
        """Its planned checks by id."""
        return {check.id: check for check in self.plan.checks}

    @property
    def lines(self) -> Mapping[str, list[EvidenceLine]]:
        """Its verdicts by check."""
        lines: dict[str, list[EvidenceLine]] = {}
        for line in self.saved.evidence:
            lines.setdefault(line.check, []).append(line)
        return lines


def plan_again(old: SavedEvidence, settings: Settings, declared: Sequence[Any]) -> Plan:
    """The plan under these settings; what the endpoint did not offer is known from that run.

    Raises `UsageError` where something else than limits was changed.
    """
    plan = rule_out_checks(build_plan(settings, declared), old.old_checks)
    for check in old.plan.checks:
        if check.kind == "user" and check.suite in plan.suites:
            plan = plan.add_checks([check])
    if name := find_other_policy(old.plan, plan):
        raise UsageError(f"{old.folder.name} was asked with another {name}: what is saved says nothing of this one")
    return waive_checks(plan, settings.waivers, read_date().date())


class Rejudging:
    """Judges the checks of one saved run; `find_function` gives the function of a packaged check by suite and id."""

    def __init__(
        self, old: SavedEvidence, run: GateRun, run_dir: RunDir, find_function: Callable[[str, str], Any]
    ) -> None:
        self._old = old
        self._run = run
        self._run_dir = run_dir
        self._find_function = find_function

    def judge_all(self) -> None:
        """Write the evidence of every check that has some; comparisons and counts over the run come last."""
        copy_measurements(self._old.folder, self._run_dir.path)
        lines: list[EvidenceLine] = []
        for check in self._run.plan.checks:
            if check.kind != "comparison" and check.id not in (UNPROVOKED, PROOF_ID):
                lines += self._judge(check)
        lines += self._judge_whole(lines)
        for line in lines:
            self._run_dir.append(EVIDENCE, line)

    def _judge(self, check: PlannedCheck) -> list[EvidenceLine]:
        old, lines = self._old.old_checks.get(check.id), self._old.lines.get(check.id, [])
        if check.not_applicable or is_same_rule(old, check) or (old is not None and not lines):
            return lines
        why = "its samples are not kept"
        if old is None:
            why = "that run did not judge it"
        verdict: Verdict | None = None
        if check.measures:
            verdict, why = self._judge_measured(check)
        elif (recount := self._judge_kept(check)) is not None:
            verdict, why = recount, recount.reason
        if lines and (verdict is None or verdict.status is Status.INCONCLUSIVE):
            followed = follow_verdict(old, check, choose_worst(list(map(attrgetter("verdict"), lines))))
            verdict = followed or verdict
        if verdict is None:
            verdict = make_inconclusive(f"{_NOT_SAVED}: {why}", n=0)
        examples = []
        for example in verdict.counterexamples:
            examples.append(replace(example, pytest=example.pytest or check.id))
        verdict = replace(verdict, counterexamples=tuple(examples), contract=None)
        return [EvidenceLine(check.id, verdict, _find_last(lines))]

    def _judge_kept(self, check: PlannedCheck) -> Verdict | None:
        """The verdict of an objective by the requests that were kept of it; None where none were."""
        settings = self._run.settings
        for objective in settings.objectives:
            if objective.suite == check.suite and check.id.endswith(f"::test_objective[{objective.slug}]"):
                sample = find_samples(self._run_dir.path, check.id, objective)
                compares = settings.baseline is not None
                return None if sample is None else judge_kept(sample, objective, check, compares=compares)
        return None

    def _judge_measured(self, check: PlannedCheck) -> tuple[Verdict | None, str]:
        """The verdict of a check that judges files, or why there is none."""
        before, now = set(self._old.plan.measurements), self._run.plan.measurements
        for id_ in check.measures:
            if not is_measured(self._run_dir.path, id_):
                return None, f"{id_} was not finished in that run"
            if not any(one.id == id_ and one in before for one in now):
                return None, f"{id_} would send other requests now"
        try:
            function = self._find_function(check.suite, check.id)
            verdict: Verdict = function(**self._bind(function, check))
        except (
            HarnessError,
            msgspec.MsgspecError,
            LookupError,
            AttributeError,
            TypeError,
            AssertionError,
            ValueError,
        ) as error:
            return None, f"it needs more than the files of {', '.join(check.measures)} ({type(error).__name__})"
        if verdict.status is Status.ERROR:
            return None, verdict.reason
        return verdict, ""

    def _bind(self, function: Callable[..., Any], check: PlannedCheck) -> dict[str, Any]:
        """The arguments of a check's function. Raises `LookupError` for one that only a run has."""
        spec, case = function.__aicheck__, check.id.partition("[")[2].removesuffix("]")  # type: ignore[attr-defined]
        axes = list_axes(spec, check.suite, self._run.settings)
        if spec.cases:
            axes.append(Axis("case", spec.cases, spec.cases))
        values = dict(list_bindings(axes))[case]
        session: Any = None  # a check that asks has no answer here
        values |= {"ai_run": self._run, "ai_planned": check, "ai_measure": Measurements(session, self._run, check)}
        return {name: values[name] for name in inspect.signature(function).parameters}

    def _judge_whole(self, lines: Sequence[EvidenceLine]) -> list[EvidenceLine]:
        """What is judged over a whole run: strays, the proof, comparisons with a saved baseline."""
        run, old_lines = self._run, self._old.lines
        last, judged = _find_last(lines), []
        if PROOF_ID in run.checks:
            judged += old_lines.get(PROOF_ID, [])
        if UNPROVOKED in run.checks and UNPROVOKED in old_lines:
            verdict = judge_unprovoked(run.settings, run.checks[UNPROVOKED], lines)
            judged.append(EvidenceLine(UNPROVOKED, verdict, last))
        baseline = find_baseline(run.settings)
        compared: Mapping[str, Verdict] = {}
        if baseline is not None:
            verdicts = {line.check: line.verdict for line in lines}
            version = str(self._old.saved.head.get("environment", {}).get("aiharness", ""))
            compared = compare_with_baseline(baseline, run.settings, run.plan, verdicts, version)
        for check in run.plan.checks:
            if check.kind == "comparison" and check.suite and check.id.startswith("ai-baseline/"):
                if is_same_rule(self._old.old_checks.get(check.id), check):
                    judged += old_lines.get(check.id, [])
                elif check.id in compared:
                    judged.append(EvidenceLine(check.id, compared[check.id], last))
        return judged


def _find_last(lines: Sequence[EvidenceLine]) -> float:
    return max(map(attrgetter("t"), lines), default=0.0)


def copy_measurements(old: Path, new: Path) -> None:
    """Copy everything that a run measured, beside what the second judgement writes itself."""
    for path in old.iterdir():
        is_lock = path.name.endswith(".lock") or path.name in (".alone", ".progress", ".adopted")
        if path.name in _OF_THE_RUN or is_lock or path.name.startswith("report."):
            continue
        if path.is_dir():
            shutil.copytree(path, new / path.name, dirs_exist_ok=True)
        elif path.is_file():
            shutil.copyfile(path, new / path.name)


def make_head(old: SavedEvidence, settings: Settings, run_dir: RunDir) -> dict[str, Any]:
    """The head of the second judgement's plan: target, begin and environment are those of the run."""
    own_map: EvidenceMap | None = settings.evidence_map
    head = {
        **old.saved.head,
        "id": run_dir.path.name,
        "policy": msgspec.to_builtins(settings.policy),
        "waivers": describe_waivers(settings.waivers, read_date().date()),
        "evidence_map": msgspec.to_builtins(own_map),
    }
    head["responsible"] = settings.responsible or head.get("responsible")
    remark = f"judged again from {old.folder.name}: nothing was sent; limits that are set after a run prove less"
    head["notes"] = [*head.get("notes", ()), remark]
    return head
