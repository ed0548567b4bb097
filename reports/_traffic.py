"""What a load and its faults came to, in words: used by every format."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from harness.core.load import LoadResult, client_bound
from harness.core.report import FaultRow, Report
from harness.core.verdict import Status

from ._format import count, duration, number, quantity
from ._text import line

CLIENT_BOUND = "CLIENT-BOUND"
"""The mark of a load whose generator may have set the pace: what it measured says nothing about the service."""

_SAID_SO = "the load generator did not keep up"


def load_line(report: Report) -> str:
    """`49.7 of 50 requests/s sent, late by 4 ms at p99, 41 % of a core`; empty when no load was made."""
    made = report.generator
    if made is None:
        return ""
    sent = f"{number(made.achieved_rate)} of {number(made.target_rate)} requests/s sent"
    return f"{sent}, late by {quantity(made.lag_p99, 's')} at p99, {quantity(made.cpu, '', 'share')} of a core"


def bound(report: Report) -> tuple[str, ...]:
    """Why the generator may have been the limit, by the load suite's own rule; else what one of its rows says of it."""
    if report.generator is None:
        return ()
    drawn = (limit for found in report.distributions if found.suite == "load" for limit in found.limits)
    limits = [limit for limit in drawn if math.isfinite(limit)]
    found = client_bound(LoadResult("", "", 0, generator=report.generator), limits)
    if found:
        return found
    rows = (row for row in report.checks if row.suite == "load" and row.verdict is Status.INCONCLUSIVE)
    return tuple(row.reason for row in rows if row.reason.startswith(_SAID_SO))[:1]


def named(fault: FaultRow) -> str:
    """`slow: latency on link a`; a name that only repeats the kind stands alone."""
    name, kind, target = line(fault.name, 40), line(fault.kind, 40), line(fault.target, 40)
    same = re.sub(r"[\W_]+", "", name).lower() == re.sub(r"[\W_]+", "", kind).lower()
    return f"{name}: {kind} on {target}" if name and not same else f"{name or kind} on {target}"


def landed(fault: FaultRow) -> bool:
    """Whether anything but the harness' own word says that the fault was on."""
    return fault.confirmed != "none"


def proof(fault: FaultRow) -> str:
    """What proves that the fault was on."""
    return f"confirmed by {line(fault.confirmed, 30)}" if landed(fault) else "NOT landed: nothing confirms it"


def lost(fault: FaultRow) -> bool:
    """Whether the service was watched after the fault and not seen to recover."""
    return fault.recovered_at is None and fault.lifted_at is not None and "end" in fault.phases


def recovery(fault: FaultRow) -> str:
    """`recovered in 1.2 s`, `NOT recovered in 10 s`, `not lifted`; empty when nobody looked or nothing had landed."""
    if fault.lifted_at is None:
        return "not lifted"
    if fault.recovered_at is not None:
        return f"recovered in {duration(fault.recovered_at - fault.lifted_at)}" if landed(fault) else ""
    return f"NOT recovered in {duration(fault.phases['end'] - fault.lifted_at)}" if lost(fault) else ""


def fault_line(fault: FaultRow) -> str:
    """One fault in one line: what, where, when, what proves it, what came after."""
    when = f"on at {number(fault.applied_at, 4)} s"
    if fault.lifted_at is not None:
        when += f" for {duration(fault.lifted_at - fault.applied_at)}"
    return ", ".join(part for part in (named(fault), when, proof(fault), recovery(fault)) if part)


def faults_line(faults: Iterable[FaultRow]) -> str:
    """`6 faults, 1 not landed (slow), 1 not recovered (killed)`; empty when there is none."""
    found = list(faults)
    parts = [count(len(found), "fault")] if found else []
    for words, some in (
        ("not landed", [fault for fault in found if not landed(fault)]),
        ("not lifted", [fault for fault in found if fault.lifted_at is None]),
        ("not recovered", [fault for fault in found if lost(fault)]),
    ):
        if some:
            names = ", ".join(line(fault.name or fault.kind, 30) for fault in some[:3])
            parts.append(f"{len(some)} {words} ({names}{', …' if len(some) > 3 else ''})")
    if len(parts) == 1 and all(fault.recovered_at is not None for fault in found):
        parts.append("all landed and recovered from")
    return ", ".join(parts)
