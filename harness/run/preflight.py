"""Preflight: find out, before the plan, whether the endpoint is there, what it speaks and what it says of itself.

Tested in tests/wrong_verdicts/test_wrong_plans.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import urlsplit

from harness.core.adapter import Adapter, Facts, make_sample
from harness.core.endpoint import GRPC_SUFFIX, Endpoint
from harness.core.errors import ErrorClass, NotAnnounced, UsageError
from harness.core.exchange import Exchange, Request
from harness.core.registry import list_plugins, load_plugin
from harness.io.client import Client
from harness.io.clock import read_monotonic, sleep_real
from harness.io.reachability import find_tls_obstacle
from harness.protocols.shared.detection import (
    DetectedProtocol,
    choose_protocol,
    rank_protocols,
    recognise_protocol,
)
from harness.protocols.shared.openai_family import ListsModels
from harness.run.decoding import decode_exchange
from harness.run.service_states import describe_redirect, describe_slow_start, describe_start_state
from harness.run.task_trial import try_other_tasks

_NO_HTTP = (ErrorClass.MALFORMED, ErrorClass.CLOSED)
"""How gRPC answers HTTP/1: frames of HTTP/2, and the end of the connection, which may come first."""
_BROKEN = (*_NO_HTTP, ErrorClass.TLS)
_SILENT = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)
_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 0.1, 1.5, 2.0
"""Seconds between two tries of an endpoint that is not ready yet."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is known of the endpoint before the plan; plain data, which every xdist worker gets.

    At most one of these says why no check can judge it: `no_contact` (name, connect, TLS: ERROR), `no_protocol` (none
    was recognised: ERROR), `no_prediction` (it was reached, and is silent for a whole deadline or lacks the metadata
    that its protocol promises: every check FAILs at once). `notes` names protocols of outside packages that cannot be
    imported, `gauges` what the service's own page of metrics shows to a soak, `states_in_flight` whether it says how
    many requests are in flight, `ends_connections` whether each of its answers announces the end of its connection.
    """

    protocol: str
    facts: Facts = field(default_factory=Facts)
    detected: tuple[DetectedProtocol, ...] = ()
    no_contact: str | None = None
    no_protocol: str | None = None
    no_prediction: str | None = None
    notes: tuple[str, ...] = ()
    gauges: tuple[str, ...] = ()
    states_in_flight: bool = False
    ends_connections: bool = False

    @property
    def obstacle(self) -> str | None:
        """Why no check can ask the service anything, or None."""
        return self.no_contact or self.no_protocol or self.no_prediction

    @property
    def is_recognised(self) -> bool:
        """Whether the service answers as one of the protocols does."""
        return bool(self.detected) and not self.no_contact and not self.no_protocol

    def list_notes(self, endpoint: Endpoint) -> list[str]:
        """The notes, and which of several models is asked."""
        choice = "" if self.obstacle else describe_model_choice(endpoint, self)
        return [*self.notes, *filter(None, [choice])]


def describe_model_choice(endpoint: Endpoint, preflight: Preflight) -> str:
    """Which of several listed models is asked, and how another one is chosen; empty where there is no choice."""
    models = preflight.facts.models
    if endpoint.model is not None or len(models) < 2 or not isinstance(load_adapter(preflight.protocol), ListsModels):
        return ""
    return f"model {models[0]!r} is asked, of {len(models)} that are listed; --ai-model=NAME chooses another one"


def load_adapter(name: str) -> Adapter:
    """The adapter of this name. Raises `UsageError` that lists the known ones."""
    try:
        module = load_plugin("protocols", name)
    except ImportError as error:
        if name.endswith(GRPC_SUFFIX):
            raise UsageError(f"protocol {name!r} needs {error.name}: pip install 'aiharness[grpc]'") from None
        raise
    adapter = module.ADAPTER
    if not isinstance(adapter, Adapter):
        raise UsageError(f"protocol {name!r} ({module.__name__}) offers no ADAPTER that satisfies harness.core.adapter")
    return adapter


def load_candidates() -> tuple[list[Adapter], tuple[str, ...]]:
    """The adapters over HTTP, of which one is detected; and why one of an outside package cannot be."""
    adapters, notes = [], []
    for name in list_plugins("protocols"):
        if not name.endswith(GRPC_SUFFIX):
            try:
                adapters.append(load_adapter(name))
            except UsageError as problem:
                notes.append(f"left out of the detection: {problem}")
    return adapters, tuple(notes)


def detect_protocol(endpoint: Endpoint, client: Client) -> Preflight:
    """Ask every candidate's harmless probes, each path once, and choose a protocol. Sends no inference.

    A service that answers nothing in HTTP/1 is asked once more, over gRPC.
    """
    is_named = endpoint.protocol != "auto"
    candidates, notes = ([load_adapter(endpoint.protocol)], ()) if is_named else load_candidates()
    by_path = _ask_probes(endpoint, client, candidates, {})
    failures = [exchange for exchange in by_path.values() if exchange.response is None]
    if failures and len(failures) == len(by_path) and all(e.error and e.error.is_before_contact for e in failures):
        return Preflight(endpoint.protocol, no_contact=f"{failures[0].error}: {failures[0].detail}", notes=notes)
    if by_path and (obstacle := _find_tls_obstacle(endpoint, by_path.values())):
        return Preflight(endpoint.protocol, no_contact=obstacle, notes=notes)
    if by_path and all(exchange.error is ErrorClass.REDIRECT for exchange in by_path.values()):
        redirect = describe_redirect(endpoint, next(iter(by_path.values())))
        return Preflight(endpoint.protocol, no_protocol=redirect, notes=notes)
    ranked = rank_protocols(endpoint, candidates, by_path)
    if not is_named and by_path and all(exchange.error in _NO_HTTP for exchange in by_path.values()):
        ranked = _ask_over_grpc(endpoint)
    if endpoint.model is None and ranked and len(ranked[0].facts.models) == 1:
        # A service with one model: ask for that model's own pages too, as if it had been named.
        with_model = replace(endpoint, model=ranked[0].facts.models[0])
        speakers = [candidate for candidate in candidates if candidate.name == ranked[0].protocol]
        if refined := rank_protocols(with_model, speakers, _ask_probes(with_model, client, speakers, by_path)):
            ranked[0] = replace(ranked[0], facts=refined[0].facts)
    ends = _announce_end(by_path.values())
    if is_named:
        facts = ranked[0].facts if ranked else recognise_protocol(endpoint, candidates[0], by_path).facts
        return Preflight(endpoint.protocol, facts, tuple(ranked), ends_connections=ends)
    chosen = choose_protocol(ranked)
    if chosen is None:
        reason = _explain_unrecognised(endpoint, by_path)
        return Preflight("auto", detected=tuple(ranked), no_protocol=reason, notes=notes)
    return Preflight(chosen.protocol, chosen.facts, tuple(ranked), notes=notes, ends_connections=ends)


def _announce_end(exchanges: Iterable[Exchange]) -> bool:
    answers = 0
    for exchange in exchanges:
        if exchange.response is not None:
            answers += 1
            if exchange.response.keeps_connection:
                return False
    return answers > 0


def _ask_over_grpc(endpoint: Endpoint) -> list[DetectedProtocol]:
    """The protocols that the gRPC calls for reading show; empty where gRPC is not installed."""
    ranked = []
    for name in list_plugins("protocols"):
        if name.endswith(GRPC_SUFFIX):
            over_grpc = replace(endpoint, protocol=name)
            with suppress(UsageError), Client(over_grpc) as client:
                candidates = [load_adapter(name)]
                by_path = _ask_probes(over_grpc, client, candidates, {})
                ranked += rank_protocols(over_grpc, candidates, by_path)
    return ranked


def _ask_probes(
    endpoint: Endpoint, client: Client, candidates: list[Adapter], known: dict[str, Exchange]
) -> dict[str, Exchange]:
    """The answers to the candidates' probes by path; those already known are not asked for again."""
    probes: dict[str, Request] = {}
    for candidate in candidates:
        for request in candidate.probes(endpoint).values():
            if request.path not in known:
                probes.setdefault(request.path, request)
    answers = dict(zip(probes, client.exchange_many(list(probes.values()), concurrency=8), strict=True))
    refused = [path for path, answer in answers.items() if answer.error and answer.error.is_before_contact]
    if refused and len(refused) < len(answers):
        # A service that is just starting answers some probes, as another protocol would: ask again what was refused.
        again = client.exchange_many([probes[path] for path in refused], concurrency=8)
        answers |= dict(zip(refused, again, strict=True))
    return {**known, **answers}


def send_prediction(endpoint: Endpoint, client: Client, preflight: Preflight) -> Exchange:
    """One real prediction, decoded. Raises `UsageError` when no valid sample can be made."""
    adapter, spoken = load_adapter(preflight.protocol), replace(endpoint, protocol=preflight.protocol)
    request = adapter.encode(spoken, make_sample(adapter, spoken, preflight.facts), preflight.facts)
    if spoken.is_grpc is endpoint.is_grpc:
        return decode_exchange(adapter, spoken, client.exchange(request))
    with Client(spoken, clock=client.clock) as grpc_client:  # gRPC was detected over HTTP
        return decode_exchange(adapter, spoken, grpc_client.exchange(request))


def prove_protocol(endpoint: Endpoint, client: Client, preflight: Preflight) -> tuple[Preflight, Exchange]:
    """One real prediction; where the detected task is refused, one for each other task of a server for texts.

    The preflight has the protocol that was answered, if it was detected and not named by the user; the exchange is the
    prediction by it. Raises `UsageError` when no valid sample can be made.
    """
    first = send_prediction(endpoint, client, preflight)
    if endpoint.protocol != "auto" or not preflight.detected:
        return preflight, first

    def ask(protocol: str, facts: Facts) -> Exchange:
        return send_prediction(endpoint, client, replace(preflight, protocol=protocol, facts=facts))

    trial = try_other_tasks(endpoint, preflight.detected, first, ask)
    if trial is None:
        return preflight, first
    if not trial.is_certain:
        return replace(preflight, no_protocol=trial.task.reason), first
    others = (detected for detected in preflight.detected if detected.protocol != trial.task.protocol)
    detected = (trial.task, *others)
    return replace(preflight, protocol=trial.task.protocol, facts=trial.task.facts, detected=detected), trial.exchange


def run_preflight(endpoint: Endpoint, client: Client) -> Preflight:
    """Detect the protocol, then make one real prediction: a silent endpoint is not judged check by check."""
    return _try_once(endpoint, client, lambda _: None)[0]


def wait_until_ready(
    endpoint: Endpoint, client: Client, seconds: float, progress: Callable[[str], None] = lambda _: None
) -> Preflight:
    """Ask until one real prediction succeeds or `seconds` are over. Health endpoints may be wrong and do not count.

    Raises `UsageError` at once for a mistake that no waiting mends, such as a sample that nothing gives.
    """
    deadline = read_monotonic() + seconds
    wait, reported = _FIRST_PAUSE, ""
    while True:
        try:
            preflight, state = _try_once(endpoint, client, progress)
        except NotAnnounced as problem:  # any other mistake is named at once
            if read_monotonic() + wait >= deadline:
                raise
            state = str(problem)
        if state is None or read_monotonic() + wait >= deadline:
            return preflight
        if state != reported:
            progress(state)
            reported = state
        sleep_real(wait)
        wait = min(wait * _PAUSE_FACTOR, _LONGEST_PAUSE)


def _try_once(endpoint: Endpoint, client: Client, progress: Callable[[str], None]) -> tuple[Preflight, str | None]:
    """The preflight, and why the service is not ready, or None."""
    preflight = detect_protocol(endpoint, client)
    if preflight.obstacle:
        return preflight, preflight.obstacle
    try:
        preflight, exchange = prove_protocol(endpoint, client, preflight)
    except UsageError as problem:
        if preflight.detected:
            raise
        reason = f"it does not look like {preflight.protocol}, and {problem}"
        return replace(preflight, no_prediction=reason), reason
    if preflight.obstacle:
        return preflight, preflight.obstacle
    if redirect := describe_redirect(endpoint, exchange):
        return replace(preflight, no_protocol=redirect), redirect
    state = describe_start_state(exchange)
    if note := describe_slow_start(exchange):
        progress(note)
    if exchange.error and exchange.error.is_before_contact:
        return replace(preflight, no_contact=state), state
    if not exchange.ok and (obstacle := _find_tls_obstacle(endpoint, [exchange])):
        return replace(preflight, no_contact=obstacle), obstacle
    if exchange.error in _SILENT and exchange.response is None:
        return replace(preflight, no_prediction=f"no answer to one prediction: {exchange.detail}"), state
    return preflight, state


def _find_tls_obstacle(endpoint: Endpoint, exchanges: Iterable[Exchange]) -> str | None:
    """Why TLS never came about, where no exchange rules it out: each broke without an answer, or got a bare 400."""
    for exchange in exchanges:
        is_refused = exchange.status == HTTPStatus.BAD_REQUEST and not endpoint.is_secure
        if exchange.error not in _BROKEN and not is_refused:
            return None
    return find_tls_obstacle(endpoint, endpoint.deadlines.connect)


def _explain_unrecognised(endpoint: Endpoint, by_path: dict[str, Exchange]) -> str:
    for exchange in by_path.values():
        if redirect := describe_redirect(endpoint, exchange):
            return f"no protocol recognised; {redirect}"
    responses = [exchange.response for exchange in by_path.values() if exchange.response is not None]
    if not responses and by_path:
        return (
            "no protocol recognised: the port takes connections and answers no request "
            f"({next(iter(by_path.values())).detail}): see whether the service hangs, or another kind of server listens"
        )
    if responses and all("text/html" in (response.header("content-type") or "") for response in responses):
        title = re.search(rb"<title[^>]*>([^<]{1,60})", responses[0].body, re.I)
        shown = f", titled {title[1].decode('utf-8', 'replace').strip()!r}" if title else ""
        return f"no protocol recognised: every path is answered with a web page{shown}, not with an API's JSON"
    answers = [f"GET {path} → {exchange.status or exchange.error}" for path, exchange in list(by_path.items())[:6]]
    path = urlsplit(endpoint.url).path
    hint = f"; the URL ends in {path}: if that is the path of one operation, leave it out" if path else ""
    protocols = ", ".join(list_plugins("protocols"))
    return f"no protocol recognised ({', '.join(answers)}); name one with --ai-protocol: {protocols}{hint}"
