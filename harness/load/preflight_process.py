"""`python -m harness.load.preflight_process`: a preflight in a process of its own, for locustfiles.

gevent patches the process that runs locust, and the preflight's event loop would not survive it. Reads a
`PreflightRequest` as JSON from standard input and writes a `PreflightResult` to standard output. Exit status, with the
reason on standard error: 21 where the endpoint is not reached or not understood, 4 where no request can be made for it.

Tested in tests/load/test_processes.py.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace

import msgspec

from harness.core.adapter import make_sample
from harness.core.cause_hints import find_hint
from harness.core.endpoint import Endpoint
from harness.core.errors import HarnessError, UsageError
from harness.core.exchange import Exchange, Query, Request
from harness.core.load_settings import LoadSettings
from harness.core.settings import DEFAULT_SEED
from harness.core.workload import Material
from harness.io.client import Client
from harness.load.known import Controlled, find_known
from harness.load.material import Source, choose_material, probe_material
from harness.load.reference import Reference, ask_reference
from harness.load.second_endpoint import refuse_unlike
from harness.run.decoding import decode_exchange
from harness.run.gauges import probe_gauges
from harness.run.preflight import Preflight, load_adapter, run_preflight


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """The endpoint as configured, whether streamed answers are wanted and determinism is promised, the load, and
    the URL of a second endpoint that takes turns with it."""

    endpoint: Endpoint
    stream: bool = False
    deterministic: bool = False
    load: LoadSettings = field(default_factory=LoadSettings)
    seed: int = DEFAULT_SEED
    baseline: str = ""


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """What the preflight showed, the endpoint with its protocol decided, the sample's request, what is answered to it
    without load, what the load's requests are made from, and which further answers are known.
    """

    preflight: Preflight
    endpoint: Endpoint
    request: Request
    reference: Reference
    material: Material
    controlled: Controlled


def _run_preflight(wanted: PreflightRequest) -> PreflightResult:
    """Detect the endpoint's protocol and make one request for it. Raises `HarnessError` for an endpoint that is not
    reached or not understood, `UsageError` where no request can be made."""
    endpoint = wanted.endpoint
    with Client(endpoint) as client:
        preflight = probe_gauges(run_preflight(endpoint, client), client, wanted.load)
    if preflight.obstacle:
        hint = find_hint(preflight.obstacle, None, None)
        raise HarnessError(f"{endpoint.url} cannot be used: {preflight.obstacle}. {hint}".removesuffix(". "))
    endpoint = replace(endpoint, protocol=preflight.protocol)
    protocol = load_adapter(preflight.protocol)
    if wanted.stream and not protocol.capabilities(endpoint, preflight.facts).streaming:
        raise UsageError(f"protocol {preflight.protocol} has no streamed answers at this endpoint")
    query = replace(make_sample(protocol, endpoint, preflight.facts), stream=wanted.stream)
    request = protocol.encode(endpoint, query, preflight.facts)

    def encode(query: Query) -> Request:
        return protocol.encode(endpoint, query, preflight.facts)

    def send(client: Client, to: Endpoint, request: Request) -> Exchange:
        decoder = protocol.decoder(to) if request.stream else None
        return decode_exchange(protocol, to, client.exchange(request, decoder=decoder))

    with Client(endpoint) as client:

        def ask(query: Query) -> Exchange:
            return send(client, endpoint, encode(query))

        reference = ask_reference(lambda: ask(query), may_reword=not wanted.deterministic)
        able = protocol.capabilities(endpoint, preflight.facts)
        source = Source(endpoint, preflight.facts, able, query, has_own_sample=endpoint.sample is not None)
        count = wanted.load.requests
        material, has_texts = probe_material(choose_material(wanted.load, wanted.seed, source), source, count, ask)
        controlled = find_known(material, source, count, ask, encode, may_reword=not wanted.deterministic)
        if wanted.baseline:
            second = replace(endpoint, url=wanted.baseline)
            with Client(second) as other:
                refuse_unlike(ask(query), send(other, second, request), second.url, endpoint.protocol)
    reference = replace(reference, has_text=reference.has_text and has_texts)
    return PreflightResult(preflight, endpoint, request, reference, material, controlled)


def main() -> int:
    """Run the preflight that standard input asks for."""
    try:
        result = _run_preflight(msgspec.json.decode(sys.stdin.buffer.read(), type=PreflightRequest))
    except HarnessError as problem:
        options = str(problem).replace("--ai-", "--")  # locust has these options under their short names
        sys.stderr.write(f"{options}\n")
        return 4 if isinstance(problem, UsageError) else 21
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
