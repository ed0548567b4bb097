"""What a game day will do, in words: the timeline, who is affected, how long it takes, how to end it. Pure.

Tested in tests/chaos/test_briefing.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.chaos.recovery_judging import compute_watch
from harness.core.experiment import OF_CLIENTS, ExperimentPlan, Link
from harness.core.settings import Settings
from harness.core.shrinking import MOST_RUNS
from harness.core.timeline import Action, compute_timeline


def describe_game_day(settings: Settings) -> list[str]:
    """The lines that the operator reads before the first request of a load."""
    links = {link.name: link for link in settings.links}
    count = len(settings.experiments)
    lines = [f"game day: {count} experiment{'' if count == 1 else 's'} against {settings.endpoint.url}"]
    for plan in settings.experiments:
        lines += describe_experiment(plan, links)
    seconds = sum(count_seconds(plan) for plan in settings.experiments)
    lines.append(f"all together: at least {seconds:.0f} s")
    if any(plan.chaos.shrink and len(plan.faults) > 1 for plan in settings.experiments):
        again = f"is run again in smaller parts, at most {MOST_RUNS} times (--no-shrink: not)"
        lines.append(f"an experiment of several faults that fails {again}")
    lines.append("to end every fault: Ctrl-C here, or `aiharness lift` in any terminal")
    lines.append('to add to the timeline: aiharness gameday note "TEXT" in any terminal')
    return lines


def count_seconds(plan: ExperimentPlan) -> float:
    """How long the phases of an experiment take, in seconds."""
    return plan.chaos.baseline + plan.duration + compute_watch(plan.chaos)


def describe_experiment(plan: ExperimentPlan, links: Mapping[str, Link]) -> list[str]:
    """One experiment: hypothesis, load, timeline, who is affected, and what stops it."""
    chaos = plan.chaos
    lines = ["", ": ".join(filter(None, [f"experiment {plan.name!r}", plan.hypothesis]))]
    lines.append(f"  load: {chaos.rate:g} requests/s, baseline {chaos.baseline:g} s, about {count_seconds(plan):.0f} s")
    begins = plan.faults[0].at
    lines += [f"  {action.at - begins:6.1f} s: {_describe_action(action)}" for action in compute_timeline(plan)]
    for name in plan.links:
        link = links[name]
        way = f" ({link.listen} to {link.upstream})" if link.listen else f" (proxy {link.proxy!r} at {link.api})"
        shares = [fault.toxicity for fault in plan.faults if fault.link == name]
        ramps = [f.ramp.toxicity for f in plan.faults if f.link == name and f.ramp and f.ramp.toxicity is not None]
        lines.append(
            f"  affected: everybody whose requests go over link {name}{way}, {max(shares + ramps):.0%} of them"
        )
    for replica in dict.fromkeys(fault.platform for fault in plan.faults if fault.platform):
        lines.append(f"  affected: everybody whom replica {replica} serves")
    if any(fault.place == OF_CLIENTS for fault in plan.faults):
        lines.append("  affected: all clients of the endpoint, beside whom clients of ours misbehave")
    lines.append(f"  recovery: within {chaos.recovery:g} s after the last lift")
    lines.append(f"  stops at: {_join(condition.text for condition in plan.stop)}")
    return lines


def _describe_action(action: Action) -> str:
    fault = action.fault
    if action.verb == "lift":
        return f"lift {fault.name}"
    given = [f"{name} {value}" for name, value in fault.attributes.items() if value not in ("", 0)]
    if fault.link:
        given.append(f"toxicity {fault.toxicity:g}")
    values = ", ".join(given) or "no attributes"
    verb = "apply" if action.verb == "apply" else "change"
    return f"{verb} {fault.kind} on {fault.place} ({values})"


def _join(texts: Iterable[str]) -> str:
    return " or ".join(texts) or "no stop condition is given"
