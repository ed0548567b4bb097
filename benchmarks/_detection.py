"""One run of the gate over the reference service with one switch on, as a user runs it; and what it came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect, Switch, Variant
from harness.reference.embeddings import DIMENSION
from harness.reference.process import ReferenceProcess
from harness.reference.settings import CHAT_MODEL, DIGITS_MODEL, EMBEDDING_MODEL, VERSION, ServiceSettings

KEY = "detection-key-0123456789"
SECONDS = 600.0
MOST = 120
"""Seconds after which a run over a defect ends in order: of one that hangs, every request costs a deadline."""
QUICK = {"connect": 5.0, "first_byte": 5.0, "inter_token": 1.0, "total": 15.0}
"""Deadlines for defects: a service that hangs must not cost half a minute a check."""
SERVED = {
    CHAT: {"model": CHAT_MODEL},
    PLAIN: {"model": DIGITS_MODEL, "version": VERSION},
    V2: {"model": DIGITS_MODEL, "version": VERSION},
    EMBEDDINGS: {"model": EMBEDDING_MODEL},
}
"""What the user names in `[endpoint]`, by protocol."""
_ALWAYS = {"deterministic": True, "request_id": "x-request-id", "idempotency": "Idempotency-Key"}
KEPT: Mapping[str, Mapping[str, Any]] = {
    PLAIN: _ALWAYS,
    V2: _ALWAYS,
    CHAT: {**_ALWAYS, "tools": True, "structured_output": True, "choices": True, "logprobs": True},
    EMBEDDINGS: {**_ALWAYS, "dimension": DIMENSION, "normalised": True},
}
"""What the healthy service keeps of what an operator may promise, by protocol."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check that did not PASS, and was not ruled out."""

    id: str
    level: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: what was switched on and in which protocol, exit status, seconds, and its rows.

    `planned` counts the checks of the plan; `trouble` says why there is no decision at all, or is empty.
    """

    name: str
    protocol: str
    status: int
    seconds: float
    planned: int
    rows: tuple[Row, ...]
    trouble: str = ""

    def failed(self, level: str | None = None) -> tuple[Row, ...]:
        """The FAILs, or those of one level."""
        return tuple(row for row in self.rows if row.verdict == "FAIL" and level in (None, row.level))

    def undecided(self) -> tuple[Row, ...]:
        """The blockers that decided nothing."""
        return tuple(row for row in self.rows if row.verdict != "FAIL" and row.level == "blocker")


def configuration(protocol: str, promises: Mapping[str, Any], deadlines: Mapping[str, float] | None = None) -> str:
    """The aiharness.toml of an operator who makes these promises."""
    endpoint = {"protocol": protocol, **SERVED[protocol]}
    sections: list[tuple[str, Mapping[str, Any]]] = [("endpoint", endpoint)]
    sections += [("endpoint.deadlines", deadlines)] if deadlines else []
    sections.append(("promises", promises))
    lines = []
    for title, values in sections:
        # Texts, numbers and booleans are written alike in JSON and TOML.
        lines += [f"[{title}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    return "\n".join(lines) + "\n"


def with_defect(name: str, protocol: str, promises: Mapping[str, Any]) -> Outcome:
    """Both suites over the service with a defect, in a run that makes its promises."""
    settings, text = ServiceSettings(api_key=KEY, defects=(name,)), configuration(protocol, promises, QUICK)
    return _run(name, protocol, settings, text, f"--ai-max-time={MOST}")


def with_variant(found: Variant, protocol: str) -> Outcome:
    """Both suites over the healthy service in one of its manners, with every promise that it keeps."""
    kept = {name: value for name, value in KEPT[protocol].items() if name not in found.withdraws}
    text = configuration(protocol, {**kept, **found.promises})
    return _run(found.name, protocol, ServiceSettings(api_key=KEY, variants=(found.name,)), text)


def protocols(found: Switch, *, every: bool, turn: int) -> tuple[str, ...]:
    """The protocols in which a switch is tried: all that show it, or another one of them each turn."""
    return found.protocols if every else (found.protocols[turn % len(found.protocols)],)


def caught(found: Defect, outcome: Outcome) -> tuple[Row, ...]:
    """The FAILs of the check that the defect names."""
    return tuple(row for row in outcome.failed() if row.id.startswith(found.caught_by))


def _run(name: str, protocol: str, settings: ServiceSettings, text: str, *more: str) -> Outcome:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ReferenceProcess(settings, deadline_s=60.0) as server:
        Path(folder, "aiharness.toml").write_text(text)
        outcome = _gate(Path(folder), server.url, more)
    return replace(outcome, name=name, protocol=protocol, seconds=round(time.monotonic() - started, 1))


def _gate(folder: Path, url: str, more: Sequence[str]) -> Outcome:
    options = ("--ai-suite=smoke,integration", f"--ai-endpoint={url}", "--ai-run-dir=run", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, *more, "-q"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIHARNESS_", "PYTEST_", "COV_"))}
    env = {**clean, "AIHARNESS_API_KEY": KEY}
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome("", "", -1, 0.0, 0, (), f"no end within {SECONDS:g} s")
    gate = folder / "run" / "gate.json"
    if not gate.exists():
        return Outcome("", "", done.returncode, 0.0, 0, (), (done.stderr or done.stdout)[-500:])
    checks = json.loads(gate.read_text())["checks"]
    rows = (Row(c["id"], c["level"], c["verdict"], c["reason"]) for c in checks if c["verdict"] != "PASS")
    kept = tuple(row for row in rows if row.verdict != "SKIPPED")
    return Outcome("", "", done.returncode, 0.0, len(checks), kept)
