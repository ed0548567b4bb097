"""`aiharness detect`: which protocol an endpoint speaks, how sure that is, and why."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.config.resolve import Options, resolve_settings
from harness.core.endpoint import Endpoint, redact_text
from harness.core.gate import Exit
from harness.io.client import Client
from harness.run.preflight import Preflight, detect


def detect_command(url: str, protocol: str) -> int:
    """Ask the harmless probes and print what was found; exit status 0, or 21 when nothing was recognised."""
    endpoint, found = look(url, protocol, [Path.cwd()])
    if not found.recognised:
        return int(Exit.ERROR)
    command = f"pytest --ai-suite=smoke --ai-endpoint={endpoint.url} --ai-protocol={found.protocol}"
    print(redact_text(f"next: {command}", endpoint.list_secrets()))
    return int(Exit.PASS)


def look(url: str, protocol: str, folders: Sequence[Path]) -> tuple[Endpoint, Preflight]:
    """Ask the harmless probes, with the configuration of these folders, and print what was found."""
    endpoint = resolve_settings(Options(endpoint=url, protocol=protocol), os.environ, folders).endpoint
    with Client(endpoint) as client:
        found = detect(endpoint, client)
    for line in _describe(endpoint, found):
        print(redact_text(line, endpoint.list_secrets()))
    return endpoint, found


def _describe(endpoint: Endpoint, found: Preflight) -> list[str]:
    """What was found as lines: the choice first, then every candidate with its reason."""
    if found.is_before_contact:
        return [f"{endpoint.url} was never reached: {found.is_before_contact}"]
    if found.unrecognised:
        return [f"{endpoint.url}: {found.unrecognised}"]
    if not found.detected:
        return [f"{endpoint.url} does not look like {endpoint.protocol}"]
    lines = [f"{endpoint.url} speaks {found.protocol}"]
    lines += [f"  {each.protocol:12} {each.score:4.0%}  {each.reason}" for each in found.detected]
    facts = found.facts
    if facts.models:
        version = f"; version {facts.version}" if facts.version else ""
        lines.append(f"  models: {', '.join(facts.models[:20])}{version}")
    if len(found.detected) > 1:
        others = ", ".join(f"--ai-protocol={c.protocol}" for c in found.detected if c.protocol != found.protocol)
        lines.append(f"  to judge it as another: {others}")
    return lines
