"""Single checks over a service in this process: the session as the gate makes it, without pytest around it."""

from __future__ import annotations

import importlib
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._detection import KEY, OTHER_KEY, SERVED_MODELS
from detection.switch import Switch
from harness.core.endpoint import Credentials, Deadlines, Endpoint, Secret
from harness.core.settings import Ceilings, Promises, Settings
from harness.core.verdict import Status, Verdict
from harness.io.client import Client
from harness.io.clock import Monotonic
from harness.io.ledger import Ledger
from harness.io.polite_client import PoliteClient
from harness.run.confirmation import judge_confirmed
from harness.run.preflight import load_adapter, run_preflight
from harness.run.series import Meter
from harness.run.session import Session
from harness.suite import ROOT, list_checks, list_modules

SUITES = ("smoke", "integration", "adversarial")
WAITING = ("limiter_leaks_on_refusal",)
"""Defects that show only to a client that waits for a rate limit, a minute in all."""
SHORT = Deadlines(connect=5.0, first_byte=2.0, inter_token=0.5, total=6.0)
PATIENT = ("long_prompts_exhaust",)
"""Defects that are asked with the deadlines of users: eight long prompts side by side take their time."""


def verdicts(folder: Path, url: str, switch: Switch, protocol: str, beginning: str) -> dict[str, Verdict]:
    """The verdicts of those checks whose id has this beginning, by id, in a run that makes the switch's promises."""
    named = SERVED_MODELS[protocol]
    endpoint = Endpoint(
        url,
        protocol,
        model=named["model"],
        version=named.get("version"),
        credentials=Credentials("bearer", Secret(KEY)),
        other_credentials=Credentials("bearer", Secret(OTHER_KEY)),
        deadlines=Deadlines() if switch.name in PATIENT else SHORT,
    )
    settings = Settings(endpoint, SUITES, promises=Promises(**switch.promises), extras=("property",))
    with _session(folder, settings, waits=switch.name in WAITING) as (session, unusable):
        verdicts_by_id = {}
        for id_, function, case in _checks(settings, session, beginning):
            session.begin_check()
            # Where not even one prediction came in time, the gate asks nothing either.
            verdicts_by_id[id_] = Verdict(Status.FAIL, unusable) if unusable else _run_check(function, session, case)
        return verdicts_by_id


def _run_check(function: Callable[..., Verdict], session: Session, case: str | None) -> Verdict:
    wanted = inspect.signature(function).parameters
    arguments: dict[str, Any] = {"ai_client": session, "case": case}
    given = {name: arguments[name] for name in wanted}
    return judge_confirmed(lambda: function(**given), session)


@contextmanager
def _session(folder: Path, settings: Settings, *, waits: bool) -> Iterator[tuple[Session, str | None]]:
    started = time.monotonic()
    client = Client(settings.endpoint, clock=Monotonic(started))
    if waits:
        client = PoliteClient(settings.endpoint, clock=Monotonic(started))
        client.count_repeat = _wait_again
    try:
        looked = run_preflight(settings.endpoint, client)
        assert not looked.no_contact, looked.no_contact
        ledger = Ledger(folder, Ceilings(), started)
        speaker = load_adapter(settings.endpoint.protocol)
        session = Session(settings, speaker, looked.facts, client, ledger, Meter(None))
        session.is_reached = True
        yield session, looked.no_prediction
    finally:
        client.close()


def _wait_again() -> None:
    """No ceiling ends the waiting."""


def _checks(settings: Settings, session: Session, beginning: str) -> Iterator[tuple[str, Any, str | None]]:
    """The checks of that beginning which such a run plans and does not skip: id, function, case."""
    places = {f"{ROOT}/{suite}/{stem}.py": name for suite in SUITES for name, stem in list_modules(suite)}
    offered = session.adapter.capabilities(session.endpoint, session.facts)
    for suite in SUITES:
        for declared in list_checks(suite):
            spec = declared.spec
            if not set(spec.grounds) <= settings.grounds() or offered.find_missing(spec.needs) or spec.per:
                continue
            file, _, name = declared.id.partition("::")
            for case in spec.cases or (None,):
                id_ = declared.id if case is None else f"{declared.id}[{case}]"
                if id_.startswith(beginning):
                    yield id_, getattr(importlib.import_module(places[file]), name), case
