"""`aiharness detect`: which protocol an endpoint speaks, how sure that is, and why."""

from __future__ import annotations

import os
from pathlib import Path

from harness.config import Options, settings
from harness.core.endpoint import Endpoint, redact
from harness.core.gate import Exit
from harness.io.client import Client
from harness.run.preflight import Preflight, detect


def detect_command(url: str, protocol: str) -> int:
    """Ask the harmless probes and print what was found; exit status 0, or 21 when nothing was recognised."""
    wanted = settings(Options(suites=(), endpoint=url, protocol=protocol), os.environ, [Path.cwd()])
    endpoint = wanted.endpoint
    with Client(endpoint) as client:
        found = detect(endpoint, client)
    for line in describe(endpoint, found):
        print(redact(line, endpoint.secrets()))
    return int(Exit.ERROR if found.never_reached or found.unrecognised or not found.detected else Exit.PASS)


def describe(endpoint: Endpoint, found: Preflight) -> list[str]:
    """What was found as lines: the choice first, then every candidate with its reason."""
    if found.never_reached:
        return [f"{endpoint.url} was never reached: {found.never_reached}"]
    if found.unrecognised:
        return [f"{endpoint.url}: {found.unrecognised}"]
    if not found.detected:
        return [f"{endpoint.url} does not look like {endpoint.protocol}"]
    lines = [f"{endpoint.url} speaks {found.protocol}"]
    for candidate in found.detected:
        lines.append(f"  {candidate.protocol:12} {candidate.score:4.0%}  {candidate.reason}")
    facts = found.facts
    if facts.models:
        lines.append(
            f"  models: {', '.join(facts.models[:20])}" + (f"; version {facts.version}" if facts.version else "")
        )
    if len(found.detected) > 1:
        others = ", ".join(f"--ai-protocol={c.protocol}" for c in found.detected if c.protocol != found.protocol)
        lines.append(f"  to judge it as another: {others}")
    lines.append(f"next: pytest --ai-suite=smoke --ai-endpoint={endpoint.url} --ai-protocol={found.protocol}")
    return lines
