"""`python -m harness.load.warm_up_probe`: a preflight in a process of its own, for locustfiles.

gevent patches the process that runs locust, and the preflight's event loop would not survive it. Reads the endpoint as
JSON from standard input; writes what a `Job` needs of it to standard output. Exit status 4 with a line on standard
error where there is nothing to send to.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import msgspec

from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Request
from harness.io.client import Client
from harness.run.preflight import adapter, contact


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """The endpoint as configured, and whether streamed answers are wanted."""

    endpoint: Endpoint
    stream: bool = False


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """The endpoint with its protocol decided, and the request to send."""

    endpoint: Endpoint
    request: Request


def _run_preflight(question: PreflightRequest) -> PreflightResult:
    """Ask the endpoint what it is and make one request for it. Raises `UsageError` where that cannot be done."""
    endpoint = question.endpoint
    with Client(endpoint) as client:
        found = contact(endpoint, client)
    if found.obstacle:
        raise UsageError(f"{endpoint.url} cannot be asked: {found.obstacle}")
    endpoint = replace(endpoint, protocol=found.protocol)
    speaker = adapter(found.protocol)
    if question.stream and not speaker.capabilities(endpoint, found.facts).streaming:
        raise UsageError(f"{found.protocol} has no streamed answers here")
    query = replace(speaker.sample(endpoint, found.facts), stream=question.stream)
    return PreflightResult(endpoint, speaker.encode(endpoint, query, found.facts))


def main() -> int:
    """Answer the question on standard input."""
    try:
        found = _run_preflight(msgspec.json.decode(sys.stdin.buffer.read(), type=PreflightRequest))
    except UsageError as problem:
        sys.stderr.write(f"{problem}\n")
        return 4
    sys.stdout.buffer.write(msgspec.json.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
