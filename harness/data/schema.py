"""The JSON Schema of `gate.json`, made from the report model; `gate.schema.json` beside this file is its output.

`python -m harness.data.schema > harness/data/gate.schema.json` writes it again; a test compares the two.

Tested in tests/reports/test_gate_schema.py.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.core.report import SCHEMA, Report

FIELDS: dict[str, dict[str, str]] = {
    "Report": {
        "schema": "Name and version of this format.",
        "run": "When the run was, how it ended and who answers for it.",
        "target": "What was judged.",
        "plan": "How many checks were planned, how many were judged, and under which settings.",
        "checks": "One row for every planned check, in the plan's order.",
        "distributions": "Histograms over the whole run.",
        "series": "One row a second of traffic.",
        "faults": "Every disturbance that was applied.",
        "generator": "Whether the load generator kept up; null when no load was generated.",
        "loads": "What each load measured.",
        "pictures": "Latency over time of each suite's loads.",
        "sweep": "The search for the capacity; null where none was made.",
        "waivers": "The configured waivers; `state` says what each lets through, or why nothing.",
        "proof": "Which contract checks were shown able to fail (aiharness prove); null for a run that was no proof.",
        "history": "Earlier runs that can be compared with this one; null where there is none.",
        "environment": "Versions and platform of the harness.",
        "notes": "What a reader must know of how this run was judged.",
        "evidence_map": "The map of `[report] evidence_map`; null where the shipped one holds.",
    },
    "RunInfo": {
        "id": "Name of the run, unique among its neighbours.",
        "started": "ISO 8601, UTC.",
        "finished": "ISO 8601, UTC; of a killed run the time of the last thing seen.",
        "exit_status": "0 PASS, 1 FAIL, 2 interrupted, 3 internal error, 20 INCONCLUSIVE, 21 ERROR.",
        "verdict": "The gate's decision; never SKIPPED.",
        "reason": "One sentence why.",
        "partial": "Whether a planned check did not run.",
        "responsible": "Who answers for the run, if named.",
        "interrupted": "Why the run did not end normally, if it did not.",
        "deciding": "Ids of the checks that decided the verdict.",
        "loosened": "What explicit options let through, as sentences.",
        "final": "False as long as the run has not ended: its ERROR is then no decision.",
    },
    "Target": {
        "url": "Without credentials.",
        "protocol": "Name of the adapter that spoke to it.",
        "model": "The model's name, if it has one.",
        "version": "The version it announced, if it did.",
        "fingerprint": "Digest over URL, protocol, model and version.",
    },
    "PlanInfo": {
        "hash": "SHA-256 of the plan, made before the first request.",
        "planned": "Checks in the plan.",
        "judged": "Planned checks that ended with a verdict of their own.",
        "suites": "Requested suites.",
        "not_judged": "Checks that were not planned because something they need is not configured, as sentences.",
        "policy": "Other settings that the verdicts depend on: profile, confidence, seed, deadlines, ceilings.",
    },
    "CheckRow": {
        "id": "The pytest id.",
        "suite": "The suite it belongs to.",
        "level": "Only a blocker decides the gate.",
        "title": "What it checks, in words.",
        "kind": "contract, estimate or user.",
        "verdict": "How it ended.",
        "reason": "One sentence why.",
        "missing": "Whether it did not run, or left no evidence.",
        "metric": "What the estimate estimates.",
        "unit": "Unit of estimate, bounds and limits; empty for shares.",
        "direction": "Which side of the limit is good: <= or >=.",
        "estimate": "The point estimate.",
        "ci": "The two one-sided bounds; null where a side is open.",
        "confidence": "Confidence of each bound, between 0 and 1.",
        "method": "How the bounds were made.",
        "n": "Samples, or distinct cases, behind the verdict.",
        "n_needed": "About how many samples a new run needs to decide.",
        "limit": "The limit that a FAIL refutes.",
        "limit_loosened": "The limit with its tolerance; a PASS refutes anything worse.",
        "excluded_rate": "The failure rate that a contract check's n excludes at its confidence.",
        "objective": "The service-level objective in words.",
        "baseline": "The comparison with an older run.",
        "p_adj": "p-value after correction for multiplicity.",
        "slices": "Parts of the data, each with its own estimate.",
        "counterexamples": "What refutes the check, the smallest first.",
        "clauses": "Clauses of specifications that it covers.",
        "notes": "Remarks on this verdict.",
        "seconds": "How long the check took.",
    },
    "EvidenceMap": {"framework": "The frameworks, in the order in which they are shown."},
    "Framework": {
        "name": "Its short name.",
        "source": "The edition whose numbers the clauses have, and what is left out.",
        "clause": "Its clauses.",
    },
    "Clause": {
        "name": "Its number, or its name where it has none.",
        "title": "What it is about.",
        "checks": "Suites, modules, tests or ids that give evidence relevant to it.",
    },
    "Baseline": {
        "run": "Id of the older run.",
        "estimate": "Its estimate.",
        "delta": "This estimate minus the older one.",
        "delta_ci": "Bounds of the difference.",
        "margin": "The difference that is tolerated.",
    },
    "Slice": {
        "name": "Which part of the data.",
        "n": "Samples in it.",
        "estimate": "Its estimate.",
        "ci": "Its two one-sided bounds.",
    },
    "Counterexample": {
        "summary": "What went wrong, in one sentence.",
        "request": "What was sent, without secrets, capped.",
        "response": "What came back, without secrets, capped.",
        "curl": "The command that sends it again, where one request reproduces it.",
        "pytest": "The id that replays the check.",
        "seed": "Seed of what was random.",
    },
    "Distribution": {
        "metric": "What was measured.",
        "unit": "Unit of the bounds.",
        "bounds": "Bucket i holds (bounds[i], bounds[i+1]]: one more than counts.",
        "counts": "Samples in each bucket.",
        "limits": "Limits of objectives on this metric.",
        "suite": "The suite it belongs to; empty for the whole run.",
    },
    "Second": {
        "t": "Seconds from the start of the run.",
        "requests": "Inferences scheduled in this second.",
        "errors": "Those of them that failed.",
        "q50": "Median latency, seconds.",
        "q99": "99th percentile of latency, seconds.",
        "target_rate": "The rate planned by an open-loop load, requests per second.",
    },
    "FaultRow": {
        "kind": "The kind of fault.",
        "target": "The link or proxy that it was applied to.",
        "applied_at": "Seconds from the start of the run.",
        "lifted_at": "Seconds from the start of the run; null when it was not lifted.",
        "confirmed": "What proves that it took effect: counter, probe or none.",
        "affected": "Requests or connections that it disturbed, where counted.",
        "name": "The fault's name in the configuration.",
        "recovered_at": "Seconds from the start of the run; null when no recovery was observed.",
        "phases": "When baseline, inject, lift and end were, in seconds from the start of the run.",
    },
    "Generator": {
        "target_rate": "Planned requests per second.",
        "achieved_rate": "Sent requests per second.",
        "lag_p99": "99th percentile of how late a request was sent, seconds.",
        "cpu": "Share of one CPU core that the generator used.",
        "slow_path": "Why the ordinary client sent in place of the faster load engine; empty where it did not.",
    },
    "Load": {
        "scenario": "The scenario's name.",
        "intended": "Requests of the schedule.",
        "sent": "Requests that were sent.",
        "completed": "Requests that ended, in success or failure.",
        "failed": "Requests that failed.",
        "judged": "Requests that were due after the warm-up: those of the figures.",
        "seconds": "Length of the schedule after the warm-up.",
        "errors": "Failed requests by class of error.",
        "figures": "What was measured, one entry a metric.",
        "good_shares": "Share of good requests in equal slices of these seconds; null for one without a request.",
    },
    "RunHistory": {
        "runs": "Names of the runs, in their order; the last is this one.",
        "started": "When each began, ISO 8601 in UTC.",
        "verdicts": "How each ended.",
        "trends": "The figures of this run, from run to run.",
    },
    "FigureTrend": {
        "name": "Id of a check, or a load with its figure.",
        "unit": "Unit of the values; empty for a share.",
        "direction": "Good side, <= or >=.",
        "values": "One for each run; null for a run without it.",
    },
    "LoadPicture": {
        "suite": "The suite whose loads these are.",
        "bounds": "Edges of the buckets of latency, in seconds.",
        "slices": "Slices of time, in order.",
    },
    "LoadSlice": {
        "t": "Second of the run at which it begins.",
        "seconds": "Its length.",
        "requests": "Requests that were due in it.",
        "errors": "Of these, those that failed.",
        "p50": "Median latency of the answered ones in seconds.",
        "p95": "Their 95th percentile.",
        "p99": "Their 99th percentile.",
        "counts": "Answers in each bucket of latency.",
    },
    "SweepResult": {
        "target": "The rate that is wanted, in requests/s.",
        "low": "The capacity is at least this rate; 0 where none passed.",
        "high": "The capacity is less than this rate; null where none failed.",
        "confidence": "Confidence of the interval, between 0 and 1.",
        "probes": "The loads, in order.",
        "sentences": "What it shows, in words.",
        "ended": "Why the search stopped before it was done, if it did.",
        "problem": "What broke it, if anything did.",
        "gone": "That the endpoint disappeared, if it did.",
    },
    "ProbeRecord": {
        "rate": "Requests/s that were asked.",
        "outcome": "pass, fail or inconclusive; of a load that locates: under or over.",
        "throughput": "Answers without a failure, per second.",
        "failed": "Share of failed requests.",
        "shares": "Share over the limit, by objective.",
        "p50": "Median times in seconds, by metric.",
        "p95": "95th percentiles.",
        "p99": "99th percentiles.",
        "client_bound": "Why the load generator was the limit, if it was.",
        "reason": "Why it is undecided, if it is.",
        "aim": "What it was to show: locate, pass or fail.",
        "seconds": "Length of the load, until it was ended early.",
        "growth": "By how much the requests in flight grew, of a load that was ended early, per second; else 0.",
        "tokens": "Generated tokens of an answer in the mean.",
    },
    "GateProof": {
        "rows": "The contract checks, in the order of the plan.",
        "trials": "How often a check was asked under a mutation.",
        "requests": "Requests that were sent then.",
        "seconds": "How long the trials took.",
        "left_out": "Suites of the run whose checks are no part of the proof.",
    },
    "ProofRow": {
        "check": "The id of the check.",
        "title": "What it checks.",
        "shown": "That a mutation made it fail.",
        "mutation": "The mutation that did.",
        "reason": "The reason of its FAIL; else why it is not shown.",
        "tried": "The mutations that were tried, in order.",
    },
    "Figure": {
        "metric": "Name of the metric.",
        "title": "Its name for people.",
        "unit": "Unit of percentiles and value: s, requests/s, tokens/s; empty for a share.",
        "definition": "What exactly was measured.",
        "n": "Samples: requests, or gaps.",
        "p50": "Median; null where it lies among requests that failed, and for a single value.",
        "p95": "95th percentile; null as above.",
        "p99": "99th percentile; null as above.",
        "value": "The single value; null for a time.",
    },
}
"""A sentence for every field, by record; the records' own sentences are their docstrings."""


def make_gate_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `gate.json`; readers must accept unknown fields."""
    schema = msgspec.json.schema(Report)
    definitions = schema["$defs"]
    for record, described in FIELDS.items():
        for name, sentence in described.items():
            definitions[record]["properties"][name]["description"] = sentence
    definitions["Report"]["properties"]["schema"]["const"] = SCHEMA
    definitions["Report"]["required"].append("schema")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "aiharness gate report",
        "description": "What one run of aiharness decided, with its evidence: the content of gate.json.",
        **schema,
    }


def format_gate_schema() -> str:
    """The schema as the content of the file."""
    return json.dumps(make_gate_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(format_gate_schema(), end="")
