from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from typing import Any

import httpx
import pytest

from detection.background_errors import SEED_VARIABLE
from detection.catalogue import load_named_switches, load_switch, switch_names
from detection.switch import CHAT, COMPLETIONS, EMBEDDINGS, PLAIN, V2, Defect, Variant
from detection.wire import WirePart
from harness.core.errors import UsageError
from harness.core.settings import Promises
from harness.reference.backend import create_app
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.detection import looks
from tests.detection.event_looks import EVENT_BASE, EVENTS
from tests.detection.language_looks import LANGUAGE
from tests.detection.looks import (
    CUT,
    ERRORS,
    MODELS,
    ONE,
    SPOKEN,
    VARIANTS,
    asks,
    format_request,
    look_around,
    meaning,
    raw,
)
from tests.detection.security_looks import SECURITY, SECURITY_BASE

DEFECTS = {**looks.DEFECTS, **EVENTS, **LANGUAGE, **SECURITY}
BASE = {**looks.BASE, **EVENT_BASE, **SECURITY_BASE}
_LOOKS = 10
"""On a busy machine requests miss the batch that they would share, and a healthy service takes its time."""
Serving = Callable[[ServiceSettings], AbstractContextManager[httpx.Client]]


def test_every_look_is_at_a_defect() -> None:
    assert set(DEFECTS) <= set(switch_names(Defect))


def look_until_alike(client: httpx.Client, look: looks.Look) -> object:
    """What two looks in a row at the healthy service show; on a busy machine one of two may be given up."""
    seen = look(client)
    for _ in range(_LOOKS):
        before, seen = seen, look(client)
        if seen == before:
            return seen
    raise AssertionError(f"the healthy service shows something else each time: {seen}")


@pytest.mark.parametrize("name", [name for name in switch_names(Defect) if not load_switch(Defect, name).load])
def test_a_defect_shows_and_the_healthy_service_does_not_have_it(
    serving: Serving, client: httpx.Client, name: str
) -> None:
    look, base = DEFECTS.get(name, look_around), BASE.get(name, ServiceSettings(token_ms=0))
    with serving(replace(base, defects=(name,))) as broken:
        if name not in BASE:
            seen = look_until_alike(client, look)
            # On a busy machine requests that were sent together may miss one another.
            assert any(look(broken) != seen for _ in range(_LOOKS))
            return
        shown = look(broken)
    with serving(base) as healthy:
        assert shown != look(healthy)


def test_every_variant_is_looked_at() -> None:
    assert sorted([*VARIANTS, *MODELS, *CUT, *ERRORS, "late_port"]) == list(switch_names(Variant))


@pytest.mark.parametrize(("name", "share"), ERRORS.items())
def test_background_errors_have_their_share(monkeypatch: pytest.MonkeyPatch, name: str, share: float) -> None:
    monkeypatch.setenv(SEED_VARIABLE, "1")
    statuses: list[int] = []

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def note(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def ask(count: int) -> None:
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
        for _ in range(count):
            await app(scope, asyncio.Future, note)

    app = load_switch(Variant, name).wrap(answer)
    asyncio.run(ask(20_000))
    assert set(statuses) == {200, 503}
    assert statuses.count(503) / len(statuses) == pytest.approx(share, rel=0.5)


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_variant_is_odd_and_means_the_same(serving: Serving, client: httpx.Client, name: str) -> None:
    look, base = VARIANTS[name], BASE.get(name, ServiceSettings(token_ms=0))
    with serving(replace(base, variants=(name,))) as odd:
        shown, meant = look(odd), meaning(odd)
    assert meant == meaning(client)
    assert any(shown != look(client) for _ in range(_LOOKS))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_with_habits_has_other_words(serving: Serving, client: httpx.Client, name: str) -> None:
    with serving(ServiceSettings(token_ms=0, variants=(name,))) as odd:
        assert any(asks(body)(odd) != asks(body)(client) for body in SPOKEN * 30)
        assert meaning(odd)[0] == meaning(client)[0]  # type: ignore[index]


@pytest.mark.parametrize("name", sorted(CUT))
def test_a_variant_cuts_what_goes_out_and_loses_nothing(serving: Serving, client: httpx.Client, name: str) -> None:
    data, least = CUT[name]

    async def pass_wire() -> list[bytes]:
        async def write_whole() -> AsyncIterator[WirePart]:
            yield WirePart(data, {}, first=data.startswith(b"HTTP"), last=True, more=False)

        wire = load_switch(Variant, name).wire
        assert wire is not None
        return [part.data async for part in wire(write_whole())]

    pieces = asyncio.run(pass_wire())
    assert b"".join(pieces) == data
    assert len(pieces) >= least
    with serving(ServiceSettings(token_ms=0, variants=(name,))) as odd:
        assert meaning(odd) == meaning(client)


def test_switches_describe_themselves() -> None:
    assert len(switch_names(Defect)) >= 45
    assert len(switch_names(Variant)) >= 12
    for switch in load_named_switches(switch_names(Variant), switch_names(Defect)):
        assert "\n" not in switch.title
        assert set(switch.protocols) <= {PLAIN, V2, CHAT, COMPLETIONS, EMBEDDINGS}
        assert set(switch.promises) <= {field.name for field in fields(Promises)}


def test_the_late_port_is_late() -> None:
    began = time.monotonic()
    create_app(ServiceSettings(variants=("late_port",)))
    assert time.monotonic() - began >= 1.0


def test_an_unknown_variant_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"unknown variant 'jitery'.*Did you mean 'jittery'"):
        create_app(ServiceSettings(variants=("jitery",)))


def test_a_process_has_switches_of_both_kinds() -> None:
    with ReferenceProcess(ServiceSettings(defects=("content_length_short",), variants=("proxy_headers",))) as process:
        answer = raw(httpx.Client(base_url=process.url), b"".join(format_request(ONE, "/predict")))
    head, _, body = answer.partition(b"\r\n\r\n")
    announced = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert announced == len(body) - 3
    assert b"via: 1.1 edge" in head
