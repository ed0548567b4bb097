"""Probes of language models: a file in `harness/probes/` is a check here, but for the one that `test_canary.py` has."""

from __future__ import annotations

from collections.abc import Callable

from harness.core.probe import ProbeKind
from harness.core.registry import list_plugins, load_plugin
from harness.run.probing import run_probe
from harness.suite import Session, Verdict, check

from .test_canary import OWN_PROMPT


def _declare_check(kind: ProbeKind) -> Callable[[Session], Verdict]:
    @check(
        kind.title,
        level=kind.level,
        needs=kind.needs,
        grounds=kind.grounds,
        requests=kind.requests,
        tokens=kind.requests * kind.tokens,
        clauses=kind.clauses,
        broken_by=kind.broken_by,
    )
    def test_probe(ai_client: Session) -> Verdict:
        return run_probe(ai_client, kind)

    return test_probe


for _name in list_plugins("probes"):
    if _name != OWN_PROMPT.name:
        globals()[f"test_{_name}"] = _declare_check(load_plugin("probes", _name).PROBE)
