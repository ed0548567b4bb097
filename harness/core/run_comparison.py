"""Two runs side by side: which checks fail newly, are mended, or lost their decision, and how the figures moved.

No statistics beyond each run's own bounds: figures whose bounds overlap are shown and not judged.

Tested in tests/core/test_run_comparison.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import attrgetter
from typing import Literal

from harness.core.causes import group_by_cause, shorten_ids
from harness.core.check_counts import COUNT_ORDER, name_count
from harness.core.gate import Exit
from harness.core.history import list_setting
from harness.core.report import CheckRow, Distribution, Report
from harness.core.verdict import Level, Status
from harness.core.visible_text import fold_line

Change = Literal["newly failing", "mended", "undecided now", "decided now", "unchanged", "only in OLD", "only in NEW"]
CHANGES: tuple[Change, ...] = (
    "newly failing",
    "mended",
    "undecided now",
    "decided now",
    "only in OLD",
    "only in NEW",
    "unchanged",
)
"""What can become of a check, in the order in which a reader wants it."""

TimeVerdict = Literal["worse", "undecided", "better", "no worse"]
TIME_VERDICTS: tuple[TimeVerdict, ...] = ("worse", "undecided", "better", "no worse")
"""What a figure can be beside several earlier runs, in the order in which a reader wants it."""

_DECIDED = (Status.PASS, Status.FAIL)
_QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class ComparedCheck:
    """One check in both runs; a verdict is None where the run did not plan it.

    `cause` is the id of the first check that is open for the same cause; its own where no other is.
    """

    id: str
    suite: str
    level: Level
    change: Change
    old: Status | None
    new: Status | None
    reason: str
    cause: str = ""

    @property
    def status(self) -> Status:
        """Its verdict in NEW; in OLD where NEW did not plan it."""
        status = self.new or self.old
        assert status is not None
        return status

    @property
    def verdicts(self) -> str:
        """`PASS → FAIL`."""
        return f"{self.old or 'not planned'} → {self.new or 'not planned'}"


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Checks that changed alike and for one cause, or all checks of a `suite` that only one of the runs has."""

    checks: tuple[ComparedCheck, ...]
    suite: str = ""

    def describe(self) -> str:
        """Which checks they are."""
        number = f"{len(self.checks):,} checks"
        if self.suite:
            return f"suite {fold_line(self.suite, 40)}, {number}"
        ids = shorten_ids(check.id for check in self.checks)
        if len(self.checks) == 1:
            return ids
        if self.checks[0].new in (Status.PASS, Status.SKIPPED):
            return f"{number} alike: {ids}"
        return f"{number} of one cause: {ids}"

    def explain(self) -> str:
        """The reason of the first check; of a suite how its checks ended."""
        if not self.suite:
            return fold_line(self.checks[0].reason)
        counts = Counter(name_count(check.status, check.level) for check in self.checks)
        return ", ".join(f"{counts[name]:,} {name}" for name in COUNT_ORDER if counts[name])


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure in both runs, in `unit`; `verdict` is worse or better where the bounds of the two do not overlap.

    `what` is a check's id, or the name of a latency with its percentile, which has no bounds.
    """

    what: str
    suite: str
    metric: str
    unit: str
    old: float
    new: float
    old_bounds: tuple[float | None, float | None] | None = None
    new_bounds: tuple[float | None, float | None] | None = None
    verdict: Literal["worse", "better", "overlap", "no bounds", "not comparable"] = "no bounds"


@dataclass(frozen=True, slots=True)
class ComparedTime:
    """A figure of NEW beside those of several earlier runs, by how much these differ from one another.

    `usual` is their geometric mean; `worse`, its bounds and the `spread` between the `runs` are relative (.1: 10 %).
    """

    what: str
    unit: str
    usual: float
    new: float
    verdict: TimeVerdict
    worse: float
    lower: float
    upper: float
    spread: float
    runs: int

    def describe(self, margin: float) -> str:
        """The figure, and what is shown of it."""
        values = [_format_value(value, self.unit) for value in (self.new, self.usual)]
        bounds = f"{self.worse:+.1%} worse ({self.lower:+.1%} to {self.upper:+.1%}), allowed {margin:+.0%}"
        return f"{self.what}: {values[0]}, usually {values[1]}: {bounds}; {self.runs} runs differ by {self.spread:.1%}"


@dataclass(frozen=True, slots=True)
class TimesComparison:
    """The figures that several saved runs decide, by at most `margin` worse; or `why` they decide none."""

    figures: tuple[ComparedTime, ...] = ()
    margin: float = 0.0
    why: str = ""

    def select(self, verdict: TimeVerdict) -> list[ComparedTime]:
        """The figures with this verdict."""
        figures = []
        for figure in self.figures:
            if figure.verdict == verdict:
                figures.append(figure)
        return figures

    @property
    def is_open(self) -> bool:
        """Whether not every figure is decided."""
        return bool(self.why or self.select("undecided"))


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Everything that `aiharness compare` shows; `differences` say what else differs between the two.

    `mismatches` are those by which figures cannot be compared; `is_same` says that it is one run, twice. `times` are
    decided by the spread of several saved runs; `needs_times`: they must be.
    """

    old: str
    new: str
    checks: tuple[ComparedCheck, ...]
    figures: tuple[ComparedFigure, ...]
    differences: tuple[str, ...]
    mismatches: tuple[str, ...] = ()
    is_same: bool = False
    times: TimesComparison = TimesComparison()
    needs_times: bool = False

    def group_changes(self, change: Change) -> list[ChangeGroup]:
        """The checks with this change by cause; a suite that only one of the runs has is one group."""
        groups: dict[tuple[object, ...], list[ComparedCheck]] = {}
        shared = {check.suite for check in self.checks if check.change not in ("only in OLD", "only in NEW")}
        for check in self.checks:
            if check.change == change:
                key: tuple[object, ...] = (check.suite,)
                if check.suite in shared:
                    key = (check.old, check.new, check.level, check.cause)
                groups.setdefault(key, []).append(check)
        return [ChangeGroup(tuple(checks), str(key[0]) * (len(key) == 1)) for key, checks in groups.items()]

    @property
    def _added_failures(self) -> list[ComparedCheck]:
        """Blockers that fail in NEW and that OLD did not plan: whether they fail newly is not known."""
        return [
            check
            for check in self.checks
            if check.old is None and check.new is Status.FAIL and check.level is Level.BLOCKER
        ]

    @property
    def exit_status(self) -> int:
        """1 for a newly failing blocker or a worse figure; 20 where nothing can be compared, or a blocker lost its
        decision or fails without having been planned in OLD, or times must be decided and are not; else 0.
        """
        blockers = [check for check in self.checks if check.level is Level.BLOCKER]
        if any(check.change == "newly failing" for check in blockers) or self.times.select("worse"):
            return int(Exit.FAIL)
        has_lost = any(
            check.change == "undecided now" or (check.change == "only in OLD" and check.old in _DECIDED)
            for check in blockers
        )
        is_empty = not any(check.new in _DECIDED and check.old is not None for check in blockers)
        is_open = has_lost or is_empty or self.is_same or bool(self.mismatches or self._added_failures)
        is_open = is_open or (self.needs_times and self.times.is_open)
        return int(Exit.INCONCLUSIVE if is_open else Exit.PASS)

    def describe_decision(self) -> str:
        """What the comparison comes to, in one line."""
        if self.is_same:
            return "INCONCLUSIVE: a run compared with itself proves nothing"
        if worse := self.times.select("worse"):
            return f"FAIL: {worse[0].describe(self.times.margin)}"
        if self.exit_status == Exit.FAIL:
            failing = [group for group in self.group_changes("newly failing") if group.checks[0].level is Level.BLOCKER]
            causes = f"{len(failing)} causes: " * (len(failing) > 1)
            return f"FAIL: a blocker fails newly: {causes}{fold_line(failing[0].checks[0].reason, 300)}"
        if self.mismatches:
            return f"INCONCLUSIVE: the runs differ in {', '.join(self.mismatches)}, so that figures cannot be compared"
        if self.needs_times and self.times.is_open:
            undecided = [figure.describe(self.times.margin) for figure in self.times.select("undecided")]
            return f"INCONCLUSIVE: times are not decided: {self.times.why or undecided[0]}"
        if added := self._added_failures:
            return f"INCONCLUSIVE: a blocker fails that OLD did not plan: {ChangeGroup((added[0],)).describe()}"
        if self.exit_status == Exit.INCONCLUSIVE:
            return "INCONCLUSIVE: a blocker lost its decision, or no check was decided in both runs"
        return "PASS: no blocker fails newly, and each that was decided still is"

    def list_remarks(self) -> list[str]:
        """What a reader must know besides: what differs, and what is too good to be believed unseen."""
        remarks = [f"differs: {difference}" for difference in self.differences]
        if self.times.why:
            remarks.append(f"times are not decided: {self.times.why}")
        better = list(map(attrgetter("what"), self.times.select("better")))
        better += [figure.what for figure in self.figures if figure.verdict == "better"]
        if better:
            remarks.append(
                f"have a look: {', '.join(better[:3])} better beyond its bounds ({len(better)} in all); answers that "
                "are shorter, cached or fail at once look like that, too"
            )
        return remarks


def compare_runs(old: Report, new: Report) -> RunComparison:
    """Compare the checks by their ids, estimates by their bounds, and latencies by their percentiles."""
    before = {row.id: row for row in old.checks}
    after = {row.id: row for row in new.checks}
    causes = {**_name_causes(old.checks), **_name_causes(new.checks)}
    checks = []
    for id_ in dict.fromkeys((*before, *after)):
        check = _compare_check(before.get(id_), after.get(id_))
        checks.append(replace(check, cause=causes.get(id_, check.reason)))
    checks.sort(key=lambda check: (CHANGES.index(check.change), check.level != Level.BLOCKER, check.suite, check.id))
    figures = [figure for id_ in before if id_ in after and (figure := _compare_estimate(before[id_], after[id_]))]
    ours, theirs = list_setting(new), list_setting(old)
    names = dict.fromkeys((*theirs, *ours))
    mismatches = tuple(name for name in names if theirs.get(name) != ours.get(name))
    if mismatches:
        figures = [replace(figure, verdict="not comparable") for figure in figures]
    return RunComparison(
        old.run.id,
        new.run.id,
        tuple(checks),
        (*figures, *_compare_latencies(old.distributions, new.distributions)),
        tuple(_list_differences(old, new)),
        mismatches,
        bool(old.run.started) and (old.run.id, old.run.started) == (new.run.id, new.run.started),
    )


def describe_figure_change(figure: ComparedFigure) -> tuple[str, str, str]:
    """The figure in OLD and in NEW, with its bounds, and by how much it changed."""
    values = []
    for value, bounds in ((figure.old, figure.old_bounds), (figure.new, figure.new_bounds)):
        ends = [("open" if end is None else _format_value(end, figure.unit)) for end in bounds or ()]
        shown = f" ({' to '.join(ends)})" if ends else ""
        values.append(_format_value(value, figure.unit) + shown)
    change = f"{figure.new / figure.old - 1:+.0%}" if figure.verdict == "no bounds" and figure.old else ""
    return values[0], values[1], change


def _format_value(value: float, unit: str) -> str:
    """Seconds in milliseconds, shares in percent, any other unit after the number."""
    if unit == "s":
        return f"{value * 1e3:.4g} ms"
    return f"{value:.4g} {fold_line(unit, 20)}" if unit else f"{value * 100:.3g} %"


def _compare_check(old: CheckRow | None, new: CheckRow | None) -> ComparedCheck:
    row = new or old
    assert row is not None
    before, after = (part.verdict if part else None for part in (old, new))
    return ComparedCheck(row.id, row.suite, row.level, _name_change(before, after), before, after, row.reason)


def _name_causes(rows: Iterable[CheckRow]) -> dict[str, str]:
    """The first check with the same cause, for each open check."""
    open_rows = [row for row in rows if row.verdict not in (Status.PASS, Status.SKIPPED)]
    return {row.id: group[0].id for group in group_by_cause(open_rows) for row in group}


def _name_change(old: Status | None, new: Status | None) -> Change:
    if new is None:
        return "only in OLD"
    if old is None:
        return "only in NEW"
    if new is Status.FAIL and old is not Status.FAIL:
        return "newly failing"
    if old is new or (old not in _DECIDED and new not in _DECIDED):
        return "unchanged"
    if old in _DECIDED and new not in _DECIDED:
        return "undecided now"
    return "mended" if old in (Status.FAIL, Status.ERROR) else "decided now"


def _compare_estimate(old: CheckRow, new: CheckRow) -> ComparedFigure | None:
    """The estimates of one objective; None where the runs judged another bound, or one has no estimate."""
    is_same = (old.metric, old.unit, old.objective) == (new.metric, new.unit, new.objective)
    if not is_same or old.estimate is None or new.estimate is None:
        return None
    verdict: Literal["worse", "better", "overlap"] = "overlap"
    sign = -1 if new.direction == ">=" else 1
    if _is_above(new.ci, old.ci, sign):
        verdict = "worse"
    elif _is_above(old.ci, new.ci, sign):
        verdict = "better"
    return ComparedFigure(
        new.id, new.suite, new.metric or "", new.unit or "", old.estimate, new.estimate, old.ci, new.ci, verdict
    )


def _is_above(
    worse: tuple[float | None, float | None] | None, better: tuple[float | None, float | None] | None, sign: int
) -> bool:
    """Whether all of an interval lies on the worse side of all of another; `sign` is -1 where more is better."""
    if worse is None or better is None:
        return False
    near, far = (worse[0], better[1]) if sign > 0 else (worse[1], better[0])
    return near is not None and far is not None and sign * near > sign * far


def _compare_latencies(old: tuple[Distribution, ...], new: tuple[Distribution, ...]) -> list[ComparedFigure]:
    before = {(part.suite, part.metric): part for part in old}
    figures = []
    for part in new:
        other = before.get((part.suite, part.metric))
        if other is None or not _is_readable(part) or not _is_readable(other):
            continue
        for quantile in _QUANTILES:
            name = f"{part.metric} p{quantile * 100:g}"
            values = (_find_quantile(other, quantile), _find_quantile(part, quantile))
            figures.append(ComparedFigure(name, part.suite, part.metric, part.unit, *values))
    return figures


def _is_readable(distribution: Distribution) -> bool:
    """Whether it holds samples, in buckets that have both bounds."""
    return sum(distribution.counts) > 0 and len(distribution.bounds) == len(distribution.counts) + 1


def _find_quantile(distribution: Distribution, quantile: float) -> float:
    """The upper bound of the bucket that holds this quantile."""
    below = list(accumulate(distribution.counts))
    return distribution.bounds[min(bisect_left(below, quantile * below[-1]), len(below) - 1) + 1]


def _list_differences(old: Report, new: Report) -> list[str]:
    """What else differs between the runs, which may explain a change."""
    facts = [
        ("target", old.target.url, new.target.url),
        ("protocol", old.target.protocol, new.target.protocol),
        ("model", old.target.model, new.target.model),
        ("version", old.target.version, new.target.version),
        ("harness", old.environment.get("aiharness"), new.environment.get("aiharness")),
    ]
    ours, theirs = dict(new.plan.policy), dict(old.plan.policy)
    facts += [(name, theirs.get(name), ours.get(name)) for name in dict.fromkeys((*theirs, *ours))]
    changed = [fact for fact in facts if fact[1] != fact[2]]
    return [f"{name}: {before or 'none'} in OLD, {after or 'none'} in NEW" for name, before, after in changed]
