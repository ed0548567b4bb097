"""The load and the faults of a run, described in words for every format."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.core.load import DID_NOT_KEEP_UP, LoadResult, find_client_limits
from harness.core.report import FaultRow, Report
from harness.core.verdict import Status
from harness.core.visible_text import fold_line

from ._format import format_count, format_duration, format_number, format_quantity

CLIENT_BOUND = "CLIENT-BOUND"
"""The mark of a load whose generator may have been the bottleneck: its figures say nothing about the service."""

_PUNCTUATION = re.compile(r"[\W_]+")


def describe_load(report: Report) -> str:
    """`49.7 of 50 requests/s sent, p99 send delay 4 ms, 41 % of one CPU core`; empty when no load was sent."""
    generator = report.generator
    if generator is None:
        return ""
    rates = format_number(generator.achieved_rate)
    if generator.target_rate is not None or generator.achieved_rate is None:
        rates += f" of {format_number(generator.target_rate)}"
    delay, cpu = format_quantity(generator.lag_p99, "s"), format_quantity(generator.cpu, "", "share")
    line = f"{rates} requests/s sent, p99 send delay {delay}, {cpu} of one CPU core"
    return f"{line}, {fold_line(generator.slow_path, 200)}" if generator.slow_path else line


def explain_client_bound(report: Report) -> tuple[str, ...]:
    """Why the load generator may have been the bottleneck: by the load suite's rule, or by the reason of a check."""
    if report.generator is None:
        return ()
    if reasons := find_client_limits(LoadResult("", "", 0, generator=report.generator)):
        return reasons
    for row in report.checks:
        if row.verdict is Status.INCONCLUSIVE and row.reason.startswith(DID_NOT_KEEP_UP):
            return (row.reason,)
    return ()


def name_fault(fault: FaultRow) -> str:
    """`slow: latency on link a`; without a name that only repeats the kind."""
    name, kind, target = fold_line(fault.name, 40), fold_line(fault.kind, 40), fold_line(fault.target, 40)
    if name and _PUNCTUATION.sub("", name).lower() != _PUNCTUATION.sub("", kind).lower():
        return f"{name}: {kind} on {target}"
    return f"{name or kind} on {target}"


def is_confirmed(fault: FaultRow) -> bool:
    """Whether a counter or a probe proves that the fault was on."""
    return fault.confirmed != "none"


def describe_proof(fault: FaultRow) -> str:
    """What proves that the fault was on."""
    if is_confirmed(fault):
        return f"confirmed by {fold_line(fault.confirmed, 30)}"
    return "NOT CONFIRMED: no sign that it took effect"


def has_not_recovered(fault: FaultRow) -> bool:
    """Whether the service was observed after the fault and did not recover."""
    return fault.recovered_at is None and fault.lifted_at is not None and "end" in fault.phases


def describe_recovery(fault: FaultRow) -> str:
    """`recovered in 1.2 s`, `NOT recovered in 10 s`, `not lifted`; empty when neither is known."""
    if fault.lifted_at is None:
        return "not lifted"
    if has_not_recovered(fault):
        return f"NOT recovered in {format_duration(fault.phases['end'] - fault.lifted_at)}"
    if fault.recovered_at is None or not is_confirmed(fault):
        return ""
    return f"recovered in {format_duration(fault.recovered_at - fault.lifted_at)}"


def describe_fault_row(fault: FaultRow) -> str:
    """One fault in one line: what, where, when, what proves it, what came after."""
    when = f"on at {format_number(fault.applied_at, 4)} s"
    if fault.lifted_at is not None:
        when += f" for {format_duration(fault.lifted_at - fault.applied_at)}"
    return ", ".join(filter(None, (name_fault(fault), when, describe_proof(fault), describe_recovery(fault))))


def summarize_faults(faults: Sequence[FaultRow]) -> str:
    """`6 faults, 1 not confirmed (slow), 1 not recovered (killed)`; empty when there is none."""
    if not faults:
        return ""
    parts = [format_count(len(faults), "fault")]
    problems: dict[str, list[str]] = {"not confirmed": [], "not lifted": [], "not recovered": []}
    for fault in faults:
        name = fold_line(fault.name or fault.kind, 30)
        if not is_confirmed(fault):
            problems["not confirmed"].append(name)
        if fault.lifted_at is None:
            problems["not lifted"].append(name)
        if has_not_recovered(fault):
            problems["not recovered"].append(name)
    for problem, names in problems.items():
        if names:
            parts.append(f"{len(names)} {problem} ({', '.join([*names[:3], '…'][: len(names)])})")
    if len(parts) == 1 and all(fault.recovered_at is not None for fault in faults):
        parts.append("each confirmed and followed by recovery")
    return ", ".join(parts)
