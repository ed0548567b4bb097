"""The words of a proof: how many checks were shown able to fail, by what, and which were not."""

from __future__ import annotations

from harness.core.report import Report

from . import _format

_OUT_OF_SCOPE = "The checks of {} are no part of it: they judge a load or an experiment."


def describe_gate_proof(report: Report) -> str:
    """The result in a sentence; empty for a run that was no proof."""
    proof = report.proof
    if proof is None:
        return ""
    trials = _format.format_count(proof.trials, "trial")
    return f"{proof.headline}: {trials}, {proof.requests:,} requests, {_format.format_duration(proof.seconds)}"


def list_unshown_checks(report: Report) -> list[str]:
    """A line for each check that was not shown able to fail."""
    if report.proof is None:
        return []
    return [f"{row.check.removeprefix('ai-suite/')} ({row.title}): {row.reason}" for row in report.proof.open_rows]


def explain_scope(report: Report) -> str:
    """Which suites of the run are no part of the proof; empty where all are."""
    if report.proof is None or not report.proof.left_out:
        return ""
    return _OUT_OF_SCOPE.format(" and ".join(report.proof.left_out))
