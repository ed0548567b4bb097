"""aiharness: a resilience and testing harness for AI services. Every run ends in one release-gate decision.

The public nouns, for suites, protocols, faults, attacks, report formats and scenarios of other packages. A name is
imported from its module when it is first used, so that `import harness` costs nothing. `ArrivalUser` is left out of
`from harness import *`: it imports locust, which patches the process.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.core.adapter import Adapter, Capabilities, Facts, HealthReader, Recognition, StreamDecoder
    from harness.core.attack import Attack, AttackKind, Criterion, Search, Task
    from harness.core.dataset import Dataset
    from harness.core.endpoint import Endpoint
    from harness.core.errors import BudgetExhausted, ErrorClass, HarnessError, ProtocolError, UsageError
    from harness.core.exchange import (
        Answer,
        Choice,
        EventKind,
        Exchange,
        Query,
        Request,
        Response,
        StreamEvent,
        Timing,
        ToolCall,
        Usage,
    )
    from harness.core.experiment import Experiment, Fault
    from harness.core.fault import FaultKind, FaultParameters, LinkProbe, Parameter
    from harness.core.fault_stage import Close, QueueStage, Stage, StageContext, StreamChunk
    from harness.core.measurement import Measurement, Scope
    from harness.core.metric import Metric
    from harness.core.objective import Objective
    from harness.core.pacing import Pacer
    from harness.core.plan import Cost, PlannedCheck
    from harness.core.report import Report
    from harness.core.settings import Settings
    from harness.core.suite_policy import Section, SuitePolicy
    from harness.core.threat import Distance, Norm
    from harness.core.verdict import (
        Case,
        Counterexample,
        Evidence,
        Level,
        Status,
        Verdict,
        judge_contract,
        make_error,
        make_inconclusive,
    )
    from harness.load.child.open_loop import ArrivalUser as ArrivalUser
    from harness.run.gate_run import GateRun
    from harness.run.measurements import Measurements
    from harness.run.rate_judging import judge_dependent_samples, judge_independent_samples
    from harness.run.session import Session
    from harness.suite import check, once

__version__ = "0.1.0"
__all__ = [
    "Adapter",
    "Answer",
    "Attack",
    "AttackKind",
    "BudgetExhausted",
    "Capabilities",
    "Case",
    "Choice",
    "Close",
    "Cost",
    "Counterexample",
    "Criterion",
    "Dataset",
    "Distance",
    "Endpoint",
    "ErrorClass",
    "EventKind",
    "Evidence",
    "Exchange",
    "Experiment",
    "Facts",
    "Fault",
    "FaultKind",
    "FaultParameters",
    "GateRun",
    "HarnessError",
    "HealthReader",
    "Level",
    "LinkProbe",
    "Measurement",
    "Measurements",
    "Metric",
    "Norm",
    "Objective",
    "Pacer",
    "Parameter",
    "PlannedCheck",
    "ProtocolError",
    "Query",
    "QueueStage",
    "Recognition",
    "Report",
    "Request",
    "Response",
    "Scope",
    "Search",
    "Section",
    "Session",
    "Settings",
    "Stage",
    "StageContext",
    "Status",
    "StreamChunk",
    "StreamDecoder",
    "StreamEvent",
    "SuitePolicy",
    "Task",
    "Timing",
    "ToolCall",
    "Usage",
    "UsageError",
    "Verdict",
    "__version__",
    "check",
    "judge_contract",
    "judge_dependent_samples",
    "judge_independent_samples",
    "make_error",
    "make_inconclusive",
    "once",
]

_NAMES = {
    "core.adapter": ("Adapter", "Capabilities", "Facts", "HealthReader", "Recognition", "StreamDecoder"),
    "core.attack": ("Attack", "AttackKind", "Criterion", "Search", "Task"),
    "core.threat": ("Distance", "Norm"),
    "core.dataset": ("Dataset",),
    "core.endpoint": ("Endpoint",),
    "core.errors": ("BudgetExhausted", "ErrorClass", "HarnessError", "ProtocolError", "UsageError"),
    "core.exchange": (
        *("Answer", "Choice", "EventKind", "Exchange", "Query", "Request", "Response"),
        *("StreamEvent", "Timing", "ToolCall", "Usage"),
    ),
    "core.experiment": ("Experiment", "Fault"),
    "core.fault": ("FaultKind", "FaultParameters", "LinkProbe", "Parameter"),
    "core.fault_stage": ("Close", "QueueStage", "Stage", "StageContext", "StreamChunk"),
    "core.measurement": ("Measurement", "Scope"),
    "core.metric": ("Metric",),
    "core.objective": ("Objective",),
    "core.pacing": ("Pacer",),
    "core.plan": ("Cost", "PlannedCheck"),
    "core.report": ("Report",),
    "core.settings": ("Settings",),
    "core.suite_policy": ("Section", "SuitePolicy"),
    "core.verdict": (
        *("Case", "Counterexample", "Evidence", "Level", "Status", "Verdict"),
        *("judge_contract", "make_error", "make_inconclusive"),
    ),
    "load.child.open_loop": ("ArrivalUser",),
    "run.gate_run": ("GateRun",),
    "run.measurements": ("Measurements",),
    "run.rate_judging": ("judge_dependent_samples", "judge_independent_samples"),
    "run.session": ("Session",),
    "suite": ("check", "once"),
}
"""The public names by the module that they come from."""

_MODULES = {name: f"harness.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
