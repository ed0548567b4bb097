"""Probes over real connections: a model that follows orders passes, what it cannot do is not judged, costs are kept."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.core.endpoint import Endpoint
from harness.core.exchange import Exchange
from harness.core.probe import ProbeForm, ProbeKind, Prompt
from harness.core.registry import list_plugins, load_plugin
from harness.core.settings import Settings
from harness.core.verdict import Status
from harness.reference.settings import ServiceSettings
from harness.run.probing import run_probe
from tests.reference.conftest import serving as serving
from tests.services import QUICK, Answered, asking
from tests.services import serving as answering

Serving = Callable[[ServiceSettings], AbstractContextManager[httpx.Client]]
SUITE = importlib.import_module("harness.suites.adversarial.test_probes")
KINDS: dict[str, ProbeKind] = {name: load_plugin("probes", name).PROBE for name in list_plugins("probes")}
FIXED = [name for name in KINDS if KINDS[name].most_turns == 1 and not KINDS[name].repeats]
"""Probes that always send the same number of requests."""


def test_each_file_is_a_check_with_its_level_and_cost() -> None:
    for name, kind in KINDS.items():
        if name != "own_prompt":
            spec = getattr(SUITE, f"test_{name}").__aicheck__
            assert (spec.title, spec.level, spec.requests) == (kind.title, kind.level, kind.requests)
            assert spec.clauses == kind.clauses


@pytest.mark.slow
def test_a_model_that_follows_its_user_alone_passes_at_the_planned_cost(tmp_path: Path, serving: Serving) -> None:
    with serving(ServiceSettings(token_ms=0, variants=("follows_orders",))) as client:
        endpoint = Endpoint(str(client.base_url).rstrip("/"), "openai_chat", model="tiny-chat", deadlines=QUICK)
        with asking(Settings(endpoint, ("adversarial",)), tmp_path) as session:
            for name, kind in KINDS.items():
                session.begin_check()
                verdict = run_probe(session, kind)
                assert verdict.status is Status.PASS, (name, verdict.reason)
                assert verdict.n == len(kind.make_forms(str)), name
                sent = session.sent_requests
                assert sent == kind.requests if name in FIXED else sent <= kind.requests, name


def answer_as(text: Callable[[list[Any]], str]) -> Callable[[str, Any], Answered]:
    def answer(path: str, body: Any) -> Answered:
        message = {"role": "assistant", "content": text(body["messages"])}
        return 200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    return answer


def ask_name(form_name: str) -> ProbeForm:
    return ProbeForm(form_name, Prompt(({"role": "user", "content": f"Say {form_name}."},)), mark=form_name)


def find_name(form: ProbeForm, exchange: Exchange) -> str | None:
    return f"it says {form.mark}" if form.mark in exchange.text else None


SAYS = ProbeKind(
    name="says",
    title="nothing is said",
    holds="nothing is said",
    tags=("LLM01",),
    make_forms=lambda mint: [ask_name("Ann"), ask_name("Bob")],
    find_hit=find_name,
    most_turns=3,
    go_on=lambda form, prompt, exchange: replace(prompt, options={"top_p": 1}) if "more" in exchange.text else None,
)


@pytest.mark.parametrize(
    ("text", "status", "sent"),
    [("fine", Status.PASS, 2), ("Bob", Status.FAIL, 2), ("more", Status.PASS, 6)],
)
def test_a_conversation_goes_on_within_its_turns(tmp_path: Path, text: str, status: Status, sent: int) -> None:
    with answering(answer_as(lambda messages: text)) as url:
        endpoint = Endpoint(url, "openai_chat", model="m", deadlines=QUICK)
        with asking(Settings(endpoint, ("adversarial",)), tmp_path) as session:
            session.begin_check()
            verdict = run_probe(session, SAYS)
            assert verdict.status is status
            assert session.sent_requests == sent <= SAYS.requests
