"""`aiharness detect`: which protocol an endpoint speaks, how sure that is, and why."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from harness.commands.command import Command
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.cause_hints import find_hint
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.gate import Exit
from harness.core.redaction import redact_text
from harness.io.client import Client
from harness.run.preflight import Preflight, describe_model_choice, detect_protocol, prove_protocol


def add_endpoint_options(parser: ArgumentParser) -> None:
    """Declare the endpoint and the protocol."""
    parser.add_argument("url", help="the endpoint, like http://127.0.0.1:8000")
    parser.add_argument("--protocol", default="auto", help="send only this adapter's probes")


def _add_options(parser: ArgumentParser) -> None:
    add_endpoint_options(parser)
    parser.add_argument("--yes", "-y", action="store_true", help="also send a short inference, to see what is answered")


def _run(url: str, protocol: str, yes: bool) -> int:
    """Send the harmless probes and print the result; exit status 0, or 21 when no protocol was recognised.

    With consent also an inference, which shows whether a model chats, embeds or reranks.
    """
    endpoint, preflight = detect_endpoint(url, protocol, [Path.cwd()])
    if yes and preflight.is_recognised:
        preflight, line = prove_detection(endpoint, preflight)
        print(line)
    print_detection(endpoint, preflight)
    if not preflight.is_recognised:
        return int(Exit.ERROR)
    command = f"pytest --ai-suite=smoke --ai-endpoint={endpoint.url} --ai-protocol={preflight.protocol}"
    print(redact_text(f"next: {command}", endpoint.list_secrets()))
    return int(Exit.PASS)


def detect_endpoint(url: str, protocol: str, folders: Sequence[Path]) -> tuple[Endpoint, Preflight]:
    """Send the harmless probes, with the configuration of these folders."""
    endpoint = resolve_settings(Options(endpoint=url, protocol=protocol), os.environ, folders).endpoint
    with Client(endpoint) as client:
        preflight = detect_protocol(endpoint, client)
    return endpoint, preflight


def prove_detection(endpoint: Endpoint, preflight: Preflight) -> tuple[Preflight, str]:
    """One prediction by the detected protocol, and what it was answered: a refused task makes way for another one."""
    try:
        with Client(endpoint) as client:
            preflight, exchange = prove_protocol(endpoint, client, preflight)
    except UsageError as problem:
        return preflight, f"no inference was sent: {problem}"
    outcome = "".join(filter(str.isprintable, exchange.outcome))[:120]
    return preflight, redact_text(f"one inference by {preflight.protocol}: {outcome}", endpoint.list_secrets())


def print_detection(endpoint: Endpoint, preflight: Preflight) -> None:
    """Print what was detected, without secrets."""
    for line in _describe(endpoint, preflight):
        print(redact_text(line, endpoint.list_secrets()))


def _describe(endpoint: Endpoint, preflight: Preflight) -> list[str]:
    """The chosen protocol, then every candidate with its reason, then the models."""
    if obstacle := preflight.no_contact or preflight.no_protocol:
        what = " was never reached" if preflight.no_contact else ""
        return [*filter(None, (f"{endpoint.url}{what}: {obstacle}", find_hint(obstacle, None, None)))]
    if not preflight.detected:
        return [f"{endpoint.url} does not look like {endpoint.protocol}"]
    lines, others = [f"{endpoint.url} speaks {preflight.protocol}"], []
    for candidate in preflight.detected:
        lines.append(f"  {candidate.protocol:12} {candidate.score:4.0%}  {candidate.reason}")
        if candidate.protocol != preflight.protocol:
            others.append(f"--ai-protocol={candidate.protocol}")
    facts = preflight.facts
    if facts.models:
        version = f"; version {facts.version}" if facts.version else ""
        lines.append(f"  models: {', '.join(facts.models[:20])}{version}")
    if choice := describe_model_choice(endpoint, preflight):
        lines.append(f"  {choice}")
    if len(preflight.detected) > 1:
        lines.append(f"  to judge it by another protocol: {', '.join(others)}")
    return lines


COMMAND = Command(run=_run, add_options=_add_options, only_prints=True)
