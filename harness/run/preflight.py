"""Preflight: find out, before the plan, whether the endpoint is there, what it speaks and what it says of itself.

Tested in tests/wrong_verdicts/test_wrong_plans.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from harness.core.adapter import Adapter, Facts
from harness.core.endpoint import GRPC_SUFFIX, Endpoint
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Exchange, Request
from harness.core.registry import list_plugins, load_plugin
from harness.io.client import Client
from harness.protocols.shared.detection import DetectedProtocol, choose_protocol, rank_protocols
from harness.run.service_states import held, starting_state
from harness.run.session import decoded

_NO_HTTP = (ErrorClass.MALFORMED, ErrorClass.CLOSED)
"""How gRPC answers HTTP/1: frames of HTTP/2, and the end of the connection, which may overtake them."""
_SILENT = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is known of the endpoint before the plan; plain data, handed to every xdist worker.

    At most one of these is set: `is_before_contact` (name, connect, TLS: ERROR), `unrecognised` (no protocol: ERROR),
    `unusable` (reached, and no prediction can be had of it at all: silent for a whole deadline, or without the metadata
    that its protocol promises: every check FAILs at once).
    """

    protocol: str
    facts: Facts = field(default_factory=Facts)
    detected: tuple[DetectedProtocol, ...] = ()
    is_before_contact: str | None = None
    unrecognised: str | None = None
    unusable: str | None = None

    @property
    def obstacle(self) -> str | None:
        """Why no check can ask the service anything, or None."""
        return self.is_before_contact or self.unrecognised or self.unusable

    @property
    def recognised(self) -> bool:
        """Whether the service answers as one of the protocols does."""
        return bool(self.detected) and not self.is_before_contact and not self.unrecognised


def adapter(name: str) -> Adapter:
    """The adapter of this name. Raises `UsageError` that lists the known ones."""
    try:
        module = load_plugin("protocols", name)
    except ImportError as error:
        if name.endswith(GRPC_SUFFIX):
            raise UsageError(f"protocol {name!r} needs {error.name}: pip install 'aiharness[grpc]'") from None
        raise
    found = module.ADAPTER
    if not isinstance(found, Adapter):
        raise UsageError(f"protocol {name!r} ({module.__name__}) offers no ADAPTER that satisfies harness.core.adapter")
    return found


def adapters(protocol: str) -> list[Adapter]:
    """The adapters that may speak: the named one, or for `auto` all but those over gRPC."""
    every = (name for name in list_plugins("protocols") if not name.endswith(GRPC_SUFFIX))
    return [adapter(name) for name in (every if protocol == "auto" else (protocol,))]


def detect(endpoint: Endpoint, client: Client) -> Preflight:
    """Ask every candidate's harmless probes, each path once, and choose a protocol. Sends no inference.

    A service whose every answer is no HTTP/1 is asked once more, over gRPC.
    """
    candidates = adapters(endpoint.protocol)
    by_path = _ask(endpoint, client, candidates, {})
    failures = [e for e in by_path.values() if e.response is None]
    if failures and len(failures) == len(by_path) and all(e.error and e.error.is_before_contact for e in failures):
        return Preflight(endpoint.protocol, is_before_contact=f"{failures[0].error}: {failures[0].detail}")
    ranked = rank_protocols(endpoint, candidates, by_path)
    if endpoint.protocol == "auto" and by_path and all(e.error in _NO_HTTP for e in by_path.values()):
        ranked = _over_grpc(endpoint)
    if endpoint.model is None and ranked and len(ranked[0].facts.models) == 1:
        # A service with one model: ask for that model's own pages too, as if it had been named.
        named = replace(endpoint, model=ranked[0].facts.models[0])
        speaker = [candidate for candidate in candidates if candidate.name == ranked[0].protocol]
        if refined := rank_protocols(named, speaker, _ask(named, client, speaker, by_path)):
            ranked[0] = replace(ranked[0], facts=refined[0].facts)
    if endpoint.protocol != "auto":
        facts = ranked[0].facts if ranked else Facts()
        return Preflight(endpoint.protocol, facts, tuple(ranked))
    chosen = choose_protocol(ranked)
    if chosen is None:
        return Preflight("auto", detected=tuple(ranked), unrecognised=_unrecognised(by_path))
    return Preflight(chosen.protocol, chosen.facts, tuple(ranked))


def _over_grpc(endpoint: Endpoint) -> list[DetectedProtocol]:
    """What the calls that read say of a service; nothing where gRPC is not installed."""
    found = []
    for name in (name for name in list_plugins("protocols") if name.endswith(GRPC_SUFFIX)):
        spoken = replace(endpoint, protocol=name)
        with suppress(UsageError), Client(spoken) as client:
            found += rank_protocols(spoken, adapters(name), _ask(spoken, client, adapters(name), {}))
    return found


def _ask(
    endpoint: Endpoint, client: Client, candidates: list[Adapter], known: dict[str, Exchange]
) -> dict[str, Exchange]:
    """The answers to the candidates' probes by path; those already known are not asked for again."""
    probes: dict[str, Request] = {}
    for candidate in candidates:
        for request in candidate.probes(endpoint).values():
            if request.path not in known:
                probes.setdefault(request.path, request)
    answers = dict(zip(probes, client.exchange_many(list(probes.values()), concurrency=8), strict=True))
    refused = [path for path, e in answers.items() if e.error and e.error.is_before_contact]
    if refused and len(refused) < len(answers):
        # Half of a service that is just starting looks like another protocol's: ask again what was refused.
        again = client.exchange_many([probes[path] for path in refused], concurrency=8)
        answers |= dict(zip(refused, again, strict=True))
    return {**known, **answers}


def predict_once(endpoint: Endpoint, client: Client, found: Preflight) -> Exchange:
    """One real prediction, decoded. Raises `UsageError` when no valid sample can be made."""
    speaker, spoken = adapter(found.protocol), replace(endpoint, protocol=found.protocol)
    request = speaker.encode(spoken, speaker.sample(spoken, found.facts), found.facts)
    if spoken.is_grpc is endpoint.is_grpc:
        return decoded(speaker, spoken, client.exchange(request))
    with Client(spoken, clock=client.clock) as caller:  # gRPC was detected over HTTP
        return decoded(speaker, spoken, caller.exchange(request))


def contact(endpoint: Endpoint, client: Client) -> Preflight:
    """Detect, then make one real prediction to tell a silent endpoint from one that answers, well or badly."""
    return _look(endpoint, client, lambda _: None)[0]


def wait_ready(
    endpoint: Endpoint, client: Client, seconds: float, progress: Callable[[str], None] = lambda _: None
) -> Preflight:
    """Ask until one real prediction succeeds or `seconds` are over; health endpoints lie, so they do not count."""
    deadline = time.monotonic() + seconds
    pause, said = 0.1, ""
    while True:
        try:
            found, state = _look(endpoint, client, progress)
        except UsageError as problem:  # a service that starts may not announce its models yet
            if time.monotonic() + pause >= deadline:
                raise
            state = str(problem)
        if state is None or time.monotonic() + pause >= deadline:
            return found
        if state != said:
            progress(state)
            said = state
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)


def _look(endpoint: Endpoint, client: Client, progress: Callable[[str], None]) -> tuple[Preflight, str | None]:
    """What is there, and why it is not ready, or None."""
    found = detect(endpoint, client)
    if found.obstacle:
        return found, found.obstacle
    try:
        exchange = predict_once(endpoint, client, found)
    except UsageError as problem:
        if found.detected:
            raise
        found = replace(found, unusable=f"it does not look like {found.protocol}, and {problem}")
        return found, found.unusable
    state = starting_state(exchange)
    if late := held(exchange):
        progress(late)
    if exchange.error and exchange.error.is_before_contact:
        return replace(found, is_before_contact=state), state
    if exchange.error in _SILENT and exchange.response is None:
        return replace(found, unusable=f"no answer to one prediction: {exchange.detail}"), state
    return found, state


def _unrecognised(by_path: dict[str, Exchange]) -> str:
    seen = ", ".join(f"GET {path} → {e.status or e.error}" for path, e in list(by_path.items())[:6])
    return f"no protocol recognised ({seen}); name one with --ai-protocol: {', '.join(list_plugins('protocols'))}"
