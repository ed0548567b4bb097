"""One run of the gate on the reference service with one switch on, as a user runs it, and its outcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from detection.catalogue import load_gateway_defect, load_switch, read_experiment
from detection.switch import CHAT, COMPLETIONS, EMBEDDINGS, PLAIN, V2, Defect, LoadTrial, Switch, Variant
from harness.reference.deployment import Deployment
from harness.reference.embeddings import DIMENSION
from harness.reference.process import ReferenceProcess
from harness.reference.settings import CHAT_MODEL, DIGITS_MODEL, EMBEDDING_MODEL, VERSION, ServiceSettings

SINGLE_REQUESTS, ADVERSARIAL = "smoke,integration", "adversarial"
KEY, OTHER_KEY = "detection-key-0123456789", "detection-key-9876543210"
KEYS = f"{KEY},{OTHER_KEY}"
"""The keys of two callers; the second one is asked for by checks of the adversarial suite."""
_OTHER_VARIABLE = "OTHER_API_KEY"
_MAX_SECONDS = 600.0
_MAX_RUN_SECONDS = 120
"""Seconds after which a run with a defect ends normally: if the service hangs, every request takes a deadline."""
_MAX_LIMITED_SECONDS = 420
"""The same where the service promises few requests a minute: the run waits for its turn."""
SHORT_DEADLINES = {"connect": 5.0, "first_byte": 5.0, "inter_token": 1.0, "total": 15.0}
"""Deadlines for defects, so that a service that hangs does not take half a minute per check."""
SERVED_MODELS = {
    CHAT: {"model": CHAT_MODEL},
    COMPLETIONS: {"model": CHAT_MODEL},
    PLAIN: {"model": DIGITS_MODEL, "version": VERSION},
    V2: {"model": DIGITS_MODEL, "version": VERSION},
    EMBEDDINGS: {"model": EMBEDDING_MODEL},
}
"""What the user configures in `[endpoint]`, by protocol."""
_SMALL: Mapping[str, Any] = {"max_in_flight": 4, "backend": ServiceSettings(latency_ms=100)}
_DEPLOYMENTS: Mapping[str, Mapping[str, Any]] = {
    "load_pulse": _SMALL,
    "overload_step": {"max_in_flight": 2, "backend": ServiceSettings(latency_ms=100)},
    "replica_ends": {"backend": ServiceSettings(token_ms=20)},
}
"""What is asked of a healthy deployment under an experiment that must be more than it can do, or meet slow answers."""
_ALWAYS = {
    "deterministic": True,
    "request_id": "x-request-id",
    "idempotency": "Idempotency-Key",
    "open_pages": ["/metrics", "/openapi.json"],
}
HEALTHY_PROMISES: Mapping[str, Mapping[str, Any]] = {
    PLAIN: _ALWAYS,
    V2: _ALWAYS,
    CHAT: {
        **_ALWAYS,
        "tools": True,
        "structured_output": True,
        "choices": True,
        "logprobs": True,
        "prefix_cache": True,
        "reasoning": "off",
    },
    COMPLETIONS: {**_ALWAYS, "logprobs": True},
    EMBEDDINGS: {**_ALWAYS, "dimension": DIMENSION, "normalised": True},
}
"""The promises of an operator that the healthy service keeps, by protocol."""
UNCHANGED = Variant(name="unchanged", title="the reference service as it is")
"""A name for the healthy service without any variant, to be run beside them."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check that neither passed nor was skipped."""

    id: str
    level: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A finished run: the name of the switch, the protocol, exit status, seconds, and its rows.

    `planned` is the number of planned checks; `trouble` says why there is no decision, or is empty.
    """

    name: str
    protocol: str
    status: int
    seconds: float
    planned: int
    rows: tuple[CheckRow, ...]
    trouble: str = ""

    def find_failures(self, level: str | None = None) -> tuple[CheckRow, ...]:
        """The checks that failed, all or those of one level."""
        return tuple(row for row in self.rows if row.verdict == "FAIL" and level in (None, row.level))

    def find_undecided(self) -> tuple[CheckRow, ...]:
        """The blockers that neither passed nor failed."""
        return tuple(row for row in self.rows if row.verdict != "FAIL" and row.level == "blocker")


class RunRecords:
    """The finished runs by their key, kept as lines of a file, so that an interrupted benchmark can go on."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._outcomes: dict[str, RunOutcome] = {}
        if path is not None and path.exists():
            for record in _read_whole_lines(path):
                rows = tuple(CheckRow(**row) for row in record["outcome"].pop("rows"))
                self._outcomes[record["key"]] = RunOutcome(**record["outcome"], rows=rows)

    def run_once(self, key: str, run: Callable[[], RunOutcome]) -> RunOutcome:
        """The outcome under this key: the one that was kept, else that of a new run."""
        if key in self._outcomes:
            return self._outcomes[key]
        outcome = run()
        with self._lock:
            self._outcomes[key] = outcome
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(json.dumps({"key": key, "outcome": asdict(outcome)}) + "\n")
        return outcome


def _read_whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file. A line that a killed benchmark did not finish is cut off."""
    data = path.read_bytes()
    whole, _, rest = data.rpartition(b"\n")
    if rest:
        path.write_bytes(whole + b"\n" if whole else b"")
    yield from map(json.loads, whole.splitlines())


def build_load_configuration(protocol: str, trial: LoadTrial, promises: Mapping[str, Any]) -> str:
    """The aiharness.toml of an operator who runs this load."""
    settings = {name: value for name, value in trial.settings.items() if name != "mix"}
    lines = [build_configuration(protocol, promises), "[load]", *_format_keys(settings)]
    for part in trial.settings.get("mix", ()):
        lines += ["[[load.mix]]", *_format_keys(part)]
    for metric, limit in trial.objectives:
        lines += ["[[objective]]", *_format_keys({"suite": "load", "metric": metric, "limit": limit})]
    return "\n".join(lines) + "\n"


def _format_keys(values: Mapping[str, Any]) -> list[str]:
    """Lines of TOML; an object is an inline table, everything else is written as in JSON."""
    lines = []
    for name, value in values.items():
        text = json.dumps(value)
        if isinstance(value, Mapping):
            text = f"{{ {', '.join(_format_keys(value))} }}"
        lines.append(f"{name} = {text}")
    return lines


def run_load_trial(
    name: str, protocol: str, trial: LoadTrial, defects: Sequence[str], promises: Mapping[str, Any], *more: str
) -> RunOutcome:
    """Run the load suite on the service under this load."""
    settings = ServiceSettings(api_key=KEY, defects=tuple(defects))
    text = build_load_configuration(protocol, trial, promises)
    return _run(name, protocol, settings, text, *more, suites="load")


def run_deployment_trial(
    experiment: str, suite: str, *, edition: str = "hardened", gateway_defect: str | None = None
) -> RunOutcome:
    """Run an experiment of `detection/experiments/` on the whole deployment, with a defect of its gateway."""
    started = time.monotonic()
    defect = load_gateway_defect(gateway_defect) if gateway_defect else None
    chosen = _DEPLOYMENTS.get(experiment, {}) if defect is None or defect.kills else {}
    deployment = Deployment(edition, api_key=KEY, gateway_defect=gateway_defect, deadline_s=60.0, **chosen)
    with tempfile.TemporaryDirectory() as folder, deployment:
        text = build_configuration(CHAT, {"deterministic": True})
        for link in deployment.links:
            text += f'[links.{link}]\napi = "{deployment.proxy_api}"\n'
        for name, replica in deployment.backends.items():
            text += f'[platform.{name}]\npid = {replica.pid}\nserves = 0.5\nstart = ["true"]\n'
            if defect is not None and defect.kills:
                text += f'stop = ["kill", "-KILL", "{replica.pid}"]\n'
        Path(folder, "aiharness.toml").write_text(text + read_experiment(experiment))
        outcome = run_gate_in(Path(folder), deployment.url, suite, ())
    name = gateway_defect or edition
    return replace(outcome, name=name, protocol=CHAT, seconds=round(time.monotonic() - started, 1))


def build_configuration(
    protocol: str, promises: Mapping[str, Any], deadlines: Mapping[str, float] | None = None
) -> str:
    """The aiharness.toml of an operator with these promises."""
    endpoint = {"protocol": protocol, **SERVED_MODELS[protocol]}
    sections: list[tuple[str, Mapping[str, Any]]] = [("endpoint", endpoint)]
    sections += [("endpoint.deadlines", deadlines)] if deadlines else []
    sections.append(("promises", promises))
    lines = []
    for title, values in sections:
        lines += [f"[{title}]", *_format_keys(values)]
    return "\n".join(lines) + "\n"


def run_with_defect(name: str, protocol: str, promises: Mapping[str, Any]) -> RunOutcome:
    """Run its suites on the service with a defect, with the promises of the defect."""
    settings = ServiceSettings(api_key=KEYS, defects=(name,))
    text = build_configuration(protocol, promises, SHORT_DEADLINES)
    seconds = _MAX_LIMITED_SECONDS if "rate_limit" in promises else _MAX_RUN_SECONDS
    return _run(
        name, protocol, settings, text, f"--ai-max-time={seconds}", suites=choose_suites(load_switch(Defect, name))
    )


def choose_suites(defect: Defect) -> str:
    """The suites that must catch a defect: smoke and integration, or the one that has the check that it names."""
    return ADVERSARIAL if defect.caught_by.startswith(f"ai-suite/{ADVERSARIAL}/") else SINGLE_REQUESTS


def run_with_variant(variant: Variant, protocol: str, suites: str = SINGLE_REQUESTS) -> RunOutcome:
    """Run these suites on a variant of the healthy service, with every promise that it keeps."""
    promises = {name: value for name, value in HEALTHY_PROMISES[protocol].items() if name not in variant.withdraws}
    text = build_configuration(protocol, {**promises, **variant.promises})
    names = () if variant == UNCHANGED else (variant.name,)
    return _run(variant.name, protocol, ServiceSettings(api_key=KEYS, variants=names), text, suites=suites)


def choose_protocols(switch: Switch, *, every: bool, turn: int) -> tuple[str, ...]:
    """The protocols in which a switch is tried: every one that it affects, or another one of them each turn."""
    return switch.protocols if every else (switch.protocols[turn % len(switch.protocols)],)


def find_expected_failures(defect: Defect, outcome: RunOutcome) -> tuple[CheckRow, ...]:
    """The failures of the check that should catch the defect."""
    return tuple(row for row in outcome.find_failures() if row.id.startswith(defect.caught_by))


def _run(
    name: str, protocol: str, settings: ServiceSettings, text: str, *more: str, suites: str = SINGLE_REQUESTS
) -> RunOutcome:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ReferenceProcess(settings, deadline_s=60.0) as server:
        other = f'[endpoint.other_credentials]\nenv = "{_OTHER_VARIABLE}"\n' if suites == ADVERSARIAL else ""
        Path(folder, "aiharness.toml").write_text(text + other)
        outcome = run_gate_in(Path(folder), server.url, suites, more)
    return replace(outcome, name=name, protocol=protocol, seconds=round(time.monotonic() - started, 1))


def run_gate_in(folder: Path, url: str, suites: str, more: Sequence[str]) -> RunOutcome:
    """Run the gate in a folder with its configuration; name, protocol and seconds of the outcome are empty."""
    options = (f"--ai-suite={suites}", f"--ai-endpoint={url}", "--ai-run-dir=run", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, *more, "-q"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIHARNESS_", "PYTEST_", "COV_"))}
    env = {**clean, "AIHARNESS_API_KEY": KEY, _OTHER_VARIABLE: OTHER_KEY}
    try:
        process = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=_MAX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return RunOutcome("", "", -1, 0.0, 0, (), f"no end within {_MAX_SECONDS:g} s")
    gate = folder / "run" / "gate.json"
    if not gate.exists():
        return RunOutcome("", "", process.returncode, 0.0, 0, (), (process.stderr or process.stdout)[-500:])
    checks = json.loads(gate.read_text())["checks"]
    keys = ("id", "level", "verdict", "reason")
    rows = tuple(CheckRow(*map(check.get, keys)) for check in checks if check["verdict"] not in ("PASS", "SKIPPED"))
    return RunOutcome("", "", process.returncode, 0.0, len(checks), rows)
